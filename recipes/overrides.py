"""Overrides of params.yaml by recipes; writes them into params.yaml: python -m recipes.overrides FILE...

The comments of params.yaml are lost; `git checkout params.yaml` restores it.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from im2latex.config import Params, check, load_yaml, merge
from im2latex.dataset.buckets import BucketParams
from im2latex.dataset.filters import FilterParams
from im2latex.errors import InputError
from im2latex.inference.predict_split import PredictParams
from im2latex.training.config import TrainerParams, TrainParams
from pipeline.project import NormalizeParams
from pipeline.project_renderer import RenderStageParams


def parse_assignment(text: str) -> dict[str, Any]:
    """Parse `a.b=1` to {"a": {"b": 1}}; raises `InputError` without an equals sign."""
    path, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{text}: not an assignment; write it as a.b.c=VALUE")
    result: Any = yaml.safe_load(value)
    for key in reversed(path.split(".")):
        result = {key: result}
    return dict(result)


def check_params(params: dict[str, Any]) -> dict[str, Any]:
    """Validate the sections that recipes override and return `params`; raises `ParamsError` with the wrong key."""
    classes: dict[str, type[Params]] = {
        "normalize": NormalizeParams,
        "render": RenderStageParams,
        "filter": FilterParams,
        "bucket": BucketParams,
        "train": TrainParams,
        "trainer": TrainerParams,
        "predict": PredictParams,
    }
    for section, params_class in classes.items():
        check(params[section], params_class, section)
    return params


def main(files: list[str]) -> None:
    """Merge the files, in order, into ./params.yaml; raises `ParamsError` and writes nothing where a key is wrong."""
    path = Path("params.yaml")
    content = load_yaml(path)
    for file in files:
        content = merge(content, load_yaml(Path(file)))
    path.write_text(yaml.safe_dump(check_params(content), sort_keys=False, allow_unicode=True), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
