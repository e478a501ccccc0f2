"""Parameters with other values put over them: what a recipe changes in params.yaml."""

from collections.abc import Mapping
from typing import Any

import yaml

from im2latex.errors import InputError


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
