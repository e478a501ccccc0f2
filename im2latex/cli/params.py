"""`im2latex params`: all settings of a run as they apply, each with its origin.

reads   params.yaml, where there is one, and the preset that it or the command names
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from im2latex.config import Params

FILE = Path("params.yaml")


class Setting(NamedTuple):
    """A value and where it comes from: "params.yaml", "preset NAME" or "default"."""

    value: Any
    origin: str


def params(
    preset: Annotated[
        str | None, typer.Argument(metavar="[PRESET]", help="show the training settings with this preset")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print an object: key to value and origin")] = False,
) -> None:
    """Print all settings with their origin.

    The origin of a setting is params.yaml, the preset, or the default.
    """
    from im2latex.config import load_yaml

    settings = resolve(load_yaml(FILE) if FILE.is_file() else {}, preset)
    if as_json:
        typer.echo(json.dumps({key: one._asdict() for key, one in settings.items()}, indent=1, ensure_ascii=False))
        return
    width = max(map(len, settings))
    values = {key: json.dumps(one.value, ensure_ascii=False) for key, one in settings.items()}
    column = min(40, max(map(len, values.values())))
    for key, one in settings.items():
        typer.echo(f"{key:<{width}}  {values[key]:<{column}}  {one.origin}")


def resolve(content: Mapping[str, Any], preset: str | None = None) -> dict[str, Setting]:
    """The settings by dotted key, for the content of params.yaml; raises `ParamsError` for a value that is wrong."""
    from im2latex.config import check
    from im2latex.models.presets import load_preset

    if preset:
        content = {**content, "train": {**(content.get("train") or {}), "preset": preset}}
    name = _at(content, "train.preset")
    from_preset = {"train": load_preset(name)} if name else {}
    settings = {key: Setting(value, FILE.name) for key, value in _leaves(content, _sections()) if value is not None}
    for section, kind in _sections().items():
        values = _at(content, section) or {}
        resolved = check(values, kind, f"{FILE}: {section}").model_dump(mode="json")
        for key, value in _leaves(resolved, (), f"{section}."):
            in_file, in_preset = _at(content, key), _at(from_preset, key)
            origin = FILE.name if in_file is not None else f"preset {name}" if in_preset is not None else "default"
            settings[key] = Setting(value, origin)
    if preset:
        settings["train.preset"] = Setting(preset, "command line")
    return settings


def _sections() -> dict[str, type[Params]]:
    """The parameter class of each section of params.yaml."""
    from im2latex.dataset.buckets import BucketParams
    from im2latex.dataset.filters import FilterParams
    from im2latex.dataset.splits import SplitParams
    from im2latex.dataset.vocabulary import VocabularyParams
    from im2latex.images.arrays import ImageParams
    from im2latex.inference.predict_split import PredictParams
    from im2latex.latex.normalizer import NormalizerParams
    from im2latex.metrics.normalizer_audit import AuditParams
    from im2latex.metrics.summary import EvaluateParams
    from im2latex.rendering.renderer import RenderParams
    from im2latex.rendering.styles import StylesParams
    from im2latex.reporting.build import ReportParams
    from im2latex.training.config import TrainerParams, TrainParams

    return {
        "normalize.normalizer": NormalizerParams,
        "normalize.split": SplitParams,
        "audit": AuditParams,
        "render.renderer": RenderParams,
        "render.image": ImageParams,
        "render.styles": StylesParams,
        "tokenize.vocabulary": VocabularyParams,
        "filter": FilterParams,
        "bucket": BucketParams,
        "train": TrainParams,
        "trainer": TrainerParams,
        "predict": PredictParams,
        "evaluate": EvaluateParams,
        "report": ReportParams,
    }


def _leaves(values: Mapping[str, Any], without: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values, except for the sections in `without`."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        if path in without:
            continue
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, without, f"{path}.")
        else:
            yield path, value


def _at(values: Any, path: str) -> Any:
    """The value at a dotted key; None where there is none."""
    for step in path.split("."):
        values = values.get(step) if isinstance(values, Mapping) else None
    return values
