"""References made from the code: command line, parameters, presets and artifacts. Inserted when the site is built."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
import typer
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from im2latex.config import _models, _tag

ROOT = Path(__file__).parents[2]
REFERENCES: dict[str, Callable[[], str]] = {}
"""Name in an insert line to the function that makes the Markdown."""


def _reference(function: Callable[[], str]) -> Callable[[], str]:
    REFERENCES[function.__name__.replace("_", "-")] = function
    return function


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# Command line


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of `im2latex` with its full name, those of groups included."""
    from im2latex.cli import app

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", None)
        if children is None:
            yield name, command
        else:
            for key, child in children.items():
                yield from walk(f"{name} {key}", child)

    yield from walk("im2latex", typer.main.get_command(app))


@_reference
def cli() -> str:
    """Usage, arguments and options of every command."""
    parts = []
    for name, command in commands():
        parts.append(f"## `{name}`\n\n{inspect.cleandoc(command.help or '')}\n")
        rows = ["| argument or option | default | meaning |", "|:--|:--|:--|"]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            optional = parameter.param_type_name == "option"
            spelled = ", ".join([*parameter.opts, *parameter.secondary_opts]) if optional else _argument(parameter)
            rows.append(f"| `{spelled}` | {_default(parameter)} | {_cell(parameter.help or '')} |")
        if len(rows) > 2:
            parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required else f"[{name.strip('[]')}]"


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    shown = isinstance(default, int | float | str) and not isinstance(default, bool) and default != ""
    return f"`{default}`" if shown else ""


# Parameters


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


@_reference
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
                rows.append(f"| `{short}` | {f'`{_cell(value)}`' if value else ''} | {_cell(comment)} |")
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
            for model in dict.fromkeys(_models(kind.model_fields[key].annotation)):
                parts += _class_tables(f"{section}.{key}", model)
    return "\n".join(parts)


def _class_tables(key: str, model: type[BaseModel]) -> list[str]:
    rows = ["| key | type | default | meaning |", "|:--|:--|:--|:--|"]
    name = _tag(model)
    notes = _attribute_notes(model)
    deeper: list[str] = []
    for field, info in model.model_fields.items():
        if field == "name" and name:
            continue
        meaning = info.description or notes.get(field, "")
        rows.append(f"| `{field}` | {_type(info.annotation)} | {_field_default(info)} | {_cell(meaning)} |")
        for inner in dict.fromkeys(_models(info.annotation)):
            deeper += _class_tables(f"{key}.{field}", inner)
    title = f"### `{key}`" + (f", `name: {name}`" if name else "")
    first = _cell((inspect.getdoc(model) or "").split("\n\n")[0])
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
    return f"`{_cell(str(default))}`" if default is not None else "null"


@_reference
def presets() -> str:
    """The model presets of the package."""
    rows = ["| preset | first line of its file |", "|:--|:--|"]
    for path in sorted((ROOT / "im2latex" / "models" / "presets").glob("*.yaml")):
        first = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        rows.append(f"| `{path.stem}` | {_cell(first)} |")
    return "\n".join(rows)


@_reference
def renamed_keys() -> str:
    """Old keys of params.yaml and their present names."""
    from im2latex.config import RENAMED_KEYS

    rows = [f"| `{old}` | `{new}` |" for old, new in sorted(RENAMED_KEYS.items())]
    return "\n".join(["| key before 0.2.0 | key |", "|:--|:--|", *rows])


@_reference
def renamed_commands() -> str:
    """Old commands and options and their present names."""
    from im2latex.cli.options import RENAMED_COMMANDS, RENAMED_OPTIONS

    full = {name.split()[-1]: name for name, _ in commands()}
    rows = [f"| `im2latex {old}` | `im2latex {new}` |" for old, new in RENAMED_COMMANDS.items()]
    for command, options in RENAMED_OPTIONS.items():
        rows += [f"| `{full[command]} {old}` | `{full[command]} {new}` |" for old, new in options.items()]
    return "\n".join(["| before 0.2.0 | now |", "|:--|:--|", *rows])


@_reference
def metrics() -> str:
    """The registry of metrics."""
    from im2latex.metrics.registry import METRICS

    rows = ["| score | label | definition | needs | better |", "|:--|:--|:--|:--|:--|"]
    for metric in METRICS.values():
        better = "lower" if metric.lower_is_better else "higher"
        needs = metric.needs.replace("_", " ")
        rows.append(f"| `{metric.name}` | {metric.label} | {_cell(metric.description)} | {needs} | {better} |")
    return "\n".join(rows)


@_reference
def python_interface() -> str:
    """A mkdocstrings block for each public name of the package."""
    import im2latex

    names = [name for name in im2latex.__all__ if not name.startswith("__")]
    blocks = [
        f"::: {_origin(name)}\n    options:\n      heading_level: 2\n      heading: im2latex.{name}\n"
        for name in sorted(names, key=lambda name: (name.endswith("Error"), name[0].isupper(), name))
    ]
    return "\n".join(blocks)


def _origin(name: str) -> str:
    """The dotted name under which a public object is defined."""
    import im2latex

    value = getattr(im2latex, name)
    return f"{getattr(value, '__module__', 'im2latex')}.{getattr(value, '__qualname__', name)}"


@_reference
def rules() -> str:
    """The rules of the normalizer in their order, with the example of each docstring."""
    from im2latex.latex.rules.registry import RULES

    parts = []
    for rule in RULES:
        paragraphs = inspect.cleandoc(rule.apply.__doc__ or "").split("\n\n")
        text = "\n\n".join(paragraph for paragraph in paragraphs if not paragraph.startswith(">>>"))
        examples = [paragraph for paragraph in paragraphs if paragraph.startswith(">>>")]
        code = "\n".join(line.removeprefix(">>> ") for example in examples for line in example.splitlines())
        profile = "" if rule.faithful else " (lossy: `compact` only)"
        parts.append(f"### `{rule.name}`{profile}\n\n{text}\n\n```latex\n{code}\n```\n")
    return "\n".join(parts)


# Artifacts


@_reference
def schemas() -> str:
    """Every Parquet schema with its columns and the note below it."""
    from im2latex import schemas as module

    source = inspect.getsource(module)
    parts = []
    for name, value in vars(module).items():
        if not isinstance(value, pa.Schema):
            continue
        note = re.search(rf'^{name} = .*?^\)\n"""(.*?)"""', source, re.M | re.S)
        rows = ["| column | type |", "|:--|:--|"]
        rows += [f"| `{field.name}` | `{_cell(str(field.type))}` |" for field in value]
        text = inspect.cleandoc(note[1]) if note else ""
        parts.append(f"### `{name}`\n\n{text}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


@_reference
def stages() -> str:
    """The stages of dvc.yaml with parameters, outputs and metrics."""
    rows = ["| stage | what it does | parameters | output | metrics |", "|:--|:--|:--|:--|:--|"]
    for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        columns = [_names(stage.get(key, [])) for key in ("params", "outs", "metrics")]
        rows.append(f"| `{name}` | {_cell(stage.get('desc', ''))} | " + " | ".join(columns) + " |")
    return "\n".join(rows)


def _names(items: list[Any]) -> str:
    return ", ".join(f"`{next(iter(item)) if isinstance(item, dict) else item}`" for item in items)
