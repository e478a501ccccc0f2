"""Model families by name: the published architectures, and ours, with the settings they are trained with.

reads  <name>.yaml beside this file: keys of the section `train` and their values
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from im2latex.config import load_yaml
from im2latex.errors import ParamsError


def preset_names() -> list[str]:
    """All presets, in alphabetical order."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.yaml"))


def load_preset(name: str) -> dict[str, Any]:
    """The values that a preset sets; raises `ParamsError` where there is none of that name."""
    if name not in preset_names():
        raise ParamsError(f"there is no preset '{name}'; known are {', '.join(preset_names())}")
    return load_yaml(Path(__file__).with_name(f"{name}.yaml"))


def with_preset(values: dict[str, Any], kind: type[BaseModel]) -> dict[str, Any]:
    """Fill the keys that the `values` of a section `kind` leave null or out from the preset they name, if any.

    The key `changes` holds what is wanted otherwise than in the preset. A key that is null in both has its default.
    Raises `ValueError` where there is no such preset, and where `values` set a key otherwise than the preset does:
    every key is set in one place.
    """
    name, changes = values.get("preset"), values.get("changes") or {}
    if name is None:
        if changes:
            raise ValueError("changes are made to a preset, and there is none; set the keys themselves")
        return _without_defaults(values, kind)
    try:
        preset = _merged(load_preset(str(name)), changes)
    except ParamsError as error:
        raise ValueError(str(error)) from None
    for key, value in preset.items():
        given = values.get(key)
        if given is not None and not _equal(kind, key, given, value):
            raise ValueError(
                f"{key} is set here and by the preset {name}; name what you want otherwise in changes, or set preset "
                "to null and all of its keys here"
            )
    return _without_defaults(values | preset, kind)


def _without_defaults(values: dict[str, Any], kind: type[BaseModel]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None or not _has_default(kind, key)}


def _has_default(kind: type[BaseModel], key: str) -> bool:
    return key in kind.model_fields and not kind.model_fields[key].is_required()


def _merged(preset: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The preset with the changes put over it, level by level."""
    result = dict(preset)
    for key, value in changes.items():
        inner = result.get(key)
        result[key] = _merged(inner, value) if isinstance(value, dict) and isinstance(inner, dict) else value
    return result


def _equal(kind: type[BaseModel], key: str, one: Any, other: Any) -> bool:
    """Whether two values of a key mean the same, as those of a recipe that was saved with all its defaults."""
    if key not in kind.model_fields:
        return bool(one == other)
    annotation: Any = kind.model_fields[key].annotation
    adapter = TypeAdapter[Any](annotation)
    try:
        return bool(adapter.validate_python(one) == adapter.validate_python(other))
    except ValidationError:
        return False
