"""Overrides of params.yaml by recipes."""

from typing import Any

import yaml

from im2latex.config import Params, check
from im2latex.dataset.buckets import BucketParams
from im2latex.dataset.filters import FilterParams
from im2latex.errors import InputError
from im2latex.inference.predict_split import PredictParams
from im2latex.training.config import TrainerParams, TrainParams
from pipeline.project import NormalizeParams
from pipeline.project_renderer import RenderStageParams


def assignment(text: str) -> dict[str, Any]:
    """`a.b=1` as {"a": {"b": 1}}."""
    path, found, value = text.partition("=")
    if not found:
        raise InputError(f"{text}: a changed value is written as a.b.c=VALUE")
    result: Any = yaml.safe_load(value)
    for key in reversed(path.split(".")):
        result = {key: result}
    return dict(result)


def checked(params: dict[str, Any]) -> dict[str, Any]:
    """Return `params` if the sections that recipes override are valid; raises `ParamsError` naming the wrong key."""
    kinds: dict[str, type[Params]] = {
        "normalize": NormalizeParams,
        "render": RenderStageParams,
        "filter": FilterParams,
        "bucket": BucketParams,
        "train": TrainParams,
        "trainer": TrainerParams,
        "predict": PredictParams,
    }
    for section, kind in kinds.items():
        check(params[section], kind, section)
    return params
