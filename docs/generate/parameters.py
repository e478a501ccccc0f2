"""Reference of the parameters: every key of params.yaml, and the classes behind the keys that a preset sets."""

import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generate.numbers.tables import ROOT
from im2latex.config import Params, discriminator_value, nested_models


def cell(text: str) -> str:
    """Text for one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def parameter_comments() -> dict[str, tuple[str, str]]:
    """Dotted key of params.yaml to its value as written and its comment."""
    found: dict[str, tuple[str, str]] = {}
    stack: list[tuple[int, str]] = []
    last, continues = "", False  # lines below the comment of a key are one more sentence
    for line in (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines():
        match = re.match(r"( *)(\w+):(.*)", line)
        if not match:
            note = re.match(r" *# ?(.*)", line)
            if note and last:
                value, comment = found[last]
                found[last] = value, comment + (" " if continues else "; ") + note[1]
                continues = True
            continue
        continues = False
        indent, name = len(match[1]), match[2]
        stack = [*(item for item in stack if item[0] < indent), (indent, name)]
        last = ".".join(item[1] for item in stack)
        value, _, comment = re.sub(r" +#", "\0", match[3], count=1).partition("\0")
        found[last] = value.strip(), comment.strip()
    return found


def section_classes() -> dict[str, type[Params]]:
    """The parameter class of every section of params.yaml, from the stages that read them."""
    found: dict[str, type[Params]] = {}
    for name in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]:
        stage = getattr(importlib.import_module(f"pipeline.{name}"), "STAGE", None)
        if stage is not None:
            found |= {name: stage.params, **stage.settings}
    return found


def parameter_keys() -> set[str]:
    """All dotted keys: those of params.yaml, and those that it leaves to their defaults."""
    content = _load_params()
    absent = [
        f"{section}.{key}"
        for section, kind in section_classes().items()
        if isinstance(content.get(section), dict)
        for key, _ in _absent(kind, content[section])
    ]
    return {*parameter_comments(), *absent}


def params() -> str:
    """Every key of params.yaml with default and meaning, and the keys that it leaves to a preset or a default."""
    comments = parameter_comments()
    kinds = section_classes()
    parts = []
    for section, content in _load_params().items():
        parts.append(f"## `{section}`\n")
        rows = ["| key | value | meaning |", "|:--|:--|:--|"]
        keys = [key for key in comments if key == section or key.startswith(f"{section}.")]
        for key in keys:
            value, comment = comments[key]
            if value or comment:
                short = key.removeprefix(f"{section}.")
                rows.append(f"| `{short}` | {f'`{cell(value)}`' if value else ''} | {cell(comment)} |")
        parts.append("\n".join(rows) + "\n")
        if isinstance(content, dict):
            kind = kinds[section]
            if absent := list(_absent(kind, content)):
                parts.append("Not in `params.yaml`, so that their defaults hold; set one with `-S +KEY=VALUE`:\n")
                rows = ["| key | default | meaning |", "|:--|:--|:--|"]
                rows += [
                    f"| `{key}` | {_field_default(info)} | {cell(info.description or '')} |" for key, info in absent
                ]
                parts.append("\n".join(rows) + "\n")
            parts += _nested(section, kind, content)
    return "\n".join(parts)


def _load_params() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return content


def _absent(kind: type[BaseModel], content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a class that params.yaml does not have, with their fields; not those inside empty sections."""
    for name, info in kind.model_fields.items():
        if name not in content:
            yield prefix + name, info
        elif isinstance(content[name], dict) and content[name]:
            for model in nested_models(info.annotation)[:1]:
                yield from _absent(model, content[name], f"{prefix}{name}.")


def _nested(section: str, kind: type[BaseModel], content: Mapping[str, Any]) -> list[str]:
    """Tables of the classes below the keys of a section that are null or empty in params.yaml."""
    parts = []
    for key, value in content.items():
        models = list(dict.fromkeys(nested_models(kind.model_fields[key].annotation)))
        if not value and models:
            for model in models:
                parts += _class_tables(f"{section}.{key}", model)
        elif isinstance(value, dict) and models:
            parts += _nested(f"{section}.{key}", models[0], value)
    return parts


def _class_tables(key: str, model: type[BaseModel]) -> list[str]:
    rows = ["| key | type | default | meaning |", "|:--|:--|:--|:--|"]
    name = discriminator_value(model)
    notes = _attribute_notes(model)
    deeper: list[str] = []
    for field, info in model.model_fields.items():
        if field == "name" and name:
            continue
        meaning = info.description or notes.get(field, "")
        rows.append(f"| `{field}` | {_type(info.annotation)} | {_field_default(info)} | {cell(meaning)} |")
        for inner in dict.fromkeys(nested_models(info.annotation)):
            deeper += _class_tables(f"{key}.{field}", inner)
    title = f"### `{key}`" + (f", `name: {name}`" if name else "")
    first = cell((inspect.getdoc(model) or "").split("\n\n")[0])
    return [f"{title}\n\n{first}\n", "\n".join(rows) + "\n", *deeper]


def _attribute_notes(model: type[BaseModel]) -> dict[str, str]:
    """Comments and strings beside the fields in the source of a class and its bases."""
    notes: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)) or kind is BaseModel:
            continue
        source = inspect.getsource(kind)
        for match in re.finditer(
            r"^    (\w+)\s*:[^\n#]*(?:#\s*(.*))?$(?:\n    \"\"\"(.*?)\"\"\")?", source, re.M | re.S
        ):
            notes[match[1]] = match[2] or match[3] or ""
    return notes


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _type(get_args(annotation)[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(inner) for inner in get_args(annotation)))
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if origin is not None:
        return f"{getattr(origin, '__name__', origin)} of {_type(get_args(annotation)[0])}"
    return getattr(annotation, "__name__", str(annotation))


def _field_default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=False)
    if default is PydanticUndefined or isinstance(default, BaseModel):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple | list):
        return f"`{cell(json.dumps(list(default)))}`"
    return f"`{cell(str(default))}`" if default is not None else "null"
