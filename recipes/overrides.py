"""Overrides of params.yaml by recipes."""

from collections.abc import Mapping
from typing import Any

import yaml

from im2latex.config import Params, check
from im2latex.dataset.buckets import BucketParams
from im2latex.dataset.filters import FilterParams
from im2latex.errors import InputError
from im2latex.inference.predict_split import PredictParams
from im2latex.training.config import TrainParams
from pipeline.project import NormalizeParams
from pipeline.project_renderer import RenderStageParams


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the changes at any depth; a mapping of another `name`, such as an encoder, is replaced as a whole."""
    result = dict(base)
    for key, value in changes.items():
        old = base.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and value.get("name") in (None, old.get("name")):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


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
        "predict": PredictParams,
    }
    for section, kind in kinds.items():
        check(params[section], kind, section)
    return params
