"""Reference of the parameters: every key of params.yaml, and the classes behind the keys that a preset sets."""

import importlib
import inspect
import pkgutil
import re
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generate.numbers.tables import ROOT
from im2latex.config import discriminator_value, nested_models


def cell(text: str) -> str:
    """Text for one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def parameter_comments() -> dict[str, tuple[str, str]]:
    """Dotted key of params.yaml to its value as written and its comment."""
    found: dict[str, tuple[str, str]] = {}
    stack: list[tuple[int, str]] = []
    last = ""
    for line in (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines():
        match = re.match(r"( *)(\w+):(.*)", line)
        if not match:
            note = re.match(r" *# ?(.*)", line)
            if note and last:
                value, comment = found[last]
                found[last] = value, f"{comment} {note[1]}"
            continue
        indent, name = len(match[1]), match[2]
        stack = [*(item for item in stack if item[0] < indent), (indent, name)]
        last = ".".join(item[1] for item in stack)
        value, _, comment = re.sub(r" +#", "\0", match[3], count=1).partition("\0")
        found[last] = value.strip(), comment.strip()
    return found


def params() -> str:
    """Every key of params.yaml with default and meaning, and the keys that are set by a preset."""
    comments = parameter_comments()
    parts = []
    for section, content in yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")).items():
        parts.append(f"## `{section}`\n")
        rows = ["| key | value | meaning |", "|:--|:--|:--|"]
        keys = [key for key in comments if key == section or key.startswith(f"{section}.")]
        for key in keys:
            value, comment = comments[key]
            if value or comment:
                short = key.removeprefix(f"{section}.")
                rows.append(f"| `{short}` | {f'`{cell(value)}`' if value else ''} | {cell(comment)} |")
        parts.append("\n".join(rows) + "\n")
        if section == "train" and isinstance(content, dict):
            parts.append(_nested("train"))
    return "\n".join(parts)


def parameter_classes() -> list[type[BaseModel]]:
    """All parameter classes that the training imports."""
    from im2latex.config import Params

    package = importlib.import_module("im2latex.training")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    found: list[type[BaseModel]] = []
    queue: list[type[BaseModel]] = [Params]
    while queue:
        children = queue.pop().__subclasses__()
        queue += children
        found += children
    return found


def section_class(keys: set[str]) -> type[BaseModel] | None:
    """The parameter class that has exactly these keys."""
    matching = [kind for kind in parameter_classes() if set(kind.model_fields) == keys]
    return matching[0] if matching else None


def _nested(section: str) -> str:
    """Tables of the classes below the keys of a section that are null or empty in params.yaml."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))[section]
    kind = section_class(set(content))
    if kind is None:
        return ""
    parts = []
    for key, value in content.items():
        if value is None or value == {}:
            for model in dict.fromkeys(nested_models(kind.model_fields[key].annotation)):
                parts += _class_tables(f"{section}.{key}", model)
    return "\n".join(parts)


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
    return f"`{cell(str(default))}`" if default is not None else "null"
