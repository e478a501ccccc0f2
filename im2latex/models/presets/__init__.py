"""Presets: model families by name, with the settings they are trained with.

reads  <name>.yaml beside this file: keys of the section `train` and their values; keys that are names of other sections
       of params.yaml have values of those

The values of `train` and `predict` hold where params.yaml has null or {}. Those of the data stages, which run before
anything is known of a model, are for `python -m recipes.full`.
"""

from pathlib import Path
from typing import Any

from im2latex.config import load_yaml, merge
from im2latex.errors import ParamsError

SECTIONS = ("render", "tokenize", "filter", "bucket", "predict")
"""Sections of params.yaml, besides `train`, that a preset may have values of."""
NULLABLE = ("batches", "augmentation", "budget")
"""Sections of `train` in which a key that is null has the preset's value, as at the top."""


def preset_names() -> list[str]:
    """All presets, in alphabetical order."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.yaml"))


def load_preset(name: str, section: str = "train") -> dict[str, Any]:
    """The values of a preset for a section; raises `ParamsError` where there is no preset of that name."""
    if name not in preset_names():
        raise ParamsError(f"there is no preset '{name}'; known are {', '.join(preset_names())}")
    content = load_yaml(Path(__file__).with_name(f"{name}.yaml"))
    if section != "train":
        return dict(content.get(section, {}))
    return {key: value for key, value in content.items() if key not in SECTIONS}


def with_preset(values: dict[str, Any], default: str) -> dict[str, Any]:
    """Merge the explicit `values` of section `train` over those of their preset, by default the one named `default`.

    A key that is null is not explicit; `preset: null` means no preset. An explicit budget replaces that of the preset
    as a whole: the smallest limit ends a training, so that more samples than the preset's epochs would be without
    effect. Raises `ValueError` for an unknown preset.
    """
    explicit = {key: value for key, value in values.items() if value is not None or key == "preset"}
    for key in NULLABLE:
        if isinstance(explicit.get(key), dict):
            explicit[key] = without_nulls(explicit[key])
    name = explicit.get("preset", default)
    if name is None:
        return explicit
    try:
        preset = load_preset(str(name))
    except ParamsError as error:
        raise ValueError(str(error)) from None
    if explicit.get("budget"):
        preset.pop("budget", None)
    return merge(preset, explicit)


def without_nulls(values: dict[str, Any]) -> dict[str, Any]:
    """The values that are not null."""
    return {key: value for key, value in values.items() if value is not None}
