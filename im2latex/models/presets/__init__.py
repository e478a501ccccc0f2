"""Presets: model families by name, with the settings they are trained with.

reads  <name>.yaml beside this file: keys of the section `train` and their values
"""

from pathlib import Path
from typing import Any

from im2latex.config import load_yaml, merge
from im2latex.errors import ParamsError


def preset_names() -> list[str]:
    """All presets, in alphabetical order."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.yaml"))


def load_preset(name: str) -> dict[str, Any]:
    """The values that a preset sets; raises `ParamsError` where there is none of that name."""
    if name not in preset_names():
        raise ParamsError(f"there is no preset '{name}'; known are {', '.join(preset_names())}")
    return load_yaml(Path(__file__).with_name(f"{name}.yaml"))


def with_preset(values: dict[str, Any], default: str) -> dict[str, Any]:
    """Merge the explicit `values` of section `train` over those of their preset, by default the one named `default`.

    A key that is null is not explicit; `preset: null` means no preset. Raises `ValueError` for an unknown one.
    """
    explicit = {key: value for key, value in values.items() if value is not None or key == "preset"}
    name = explicit.get("preset", default)
    if name is None:
        return explicit
    try:
        return merge(load_preset(str(name)), explicit)
    except ParamsError as error:
        raise ValueError(str(error)) from None
