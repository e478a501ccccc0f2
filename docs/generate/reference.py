"""References made from the code: command line, Python interface, presets, metrics, rules and artifacts.

All but `python_interface`, which mkdocstrings fills when the site is built, are committed.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import typer
import yaml

from docs.generate.numbers.tables import ROOT
from docs.generate.parameters import cell, params
from docs.generate.reasons import reasons
from im2latex.cli.commands import argument_usage

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


def cli() -> str:
    """Summary, arguments, options and examples of every command."""
    parts = []
    for name, command in commands():
        parts.append(f"## `{name}`\n\n{inspect.cleandoc(command.help or '')}\n")
        rows = ["| argument or option | default | meaning |", "|:--|:--|:--|"]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            optional = parameter.param_type_name == "option"
            spelled = ", ".join([*parameter.opts, *parameter.secondary_opts]) if optional else argument_usage(parameter)
            rows.append(f"| `{spelled}` | {_default(parameter)} | {cell(parameter.help or '')} |")
        if len(rows) > 2:
            parts.append("\n".join(rows) + "\n")
        if command.examples:
            parts.append("\n".join(["```console", *(f"$ {line}" for line in command.examples), "```"]) + "\n")
    return "\n".join(parts)


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    shown = isinstance(default, int | float | str | Path) and not isinstance(default, bool) and default != ""
    return f"`{default}`" if shown else ""


def presets() -> str:
    """The model presets of the package."""
    rows = ["| preset | first line of its file |", "|:--|:--|"]
    for path in sorted((ROOT / "im2latex" / "models" / "presets").glob("*.yaml")):
        first = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        rows.append(f"| `{path.stem}` | {cell(first)} |")
    return "\n".join(rows)


def renamed_keys() -> str:
    """Old keys of params.yaml and their present names."""
    from im2latex.config import RENAMED_KEYS

    rows = [f"| `{old}` | `{new}` |" for old, new in sorted(RENAMED_KEYS.items())]
    return "\n".join(["| key before 0.2.0 | key |", "|:--|:--|", *rows])


def renamed_commands() -> str:
    """Old commands and options and their present names."""
    from im2latex.cli.commands import RENAMED_COMMANDS, RENAMED_OPTIONS

    full = {name.split()[-1]: name for name, _ in commands()}
    rows = [f"| `im2latex {old}` | `im2latex {new}` |" for old, new in RENAMED_COMMANDS.items()]
    for command, options in RENAMED_OPTIONS.items():
        rows += [f"| `{full[command]} {old}` | `{full[command]} {new}` |" for old, new in options.items()]
    return "\n".join(["| before 0.2.0 | now |", "|:--|:--|", *rows])


def metrics() -> str:
    """The registry of metrics."""
    from im2latex.metrics.registry import METRICS

    rows = ["| score | label | definition | needs | better |", "|:--|:--|:--|:--|:--|"]
    for metric in METRICS.values():
        better = "lower" if metric.lower_is_better else "higher"
        needs = metric.needs.replace("_", " ")
        rows.append(f"| `{metric.name}` | {metric.label} | {cell(metric.description)} | {needs} | {better} |")
    return "\n".join(rows)


def public_names() -> list[str]:
    """The public names of the package: functions, classes, errors."""
    import im2latex

    names = [name for name in im2latex.__all__ if not name.startswith("__")]
    return sorted(names, key=lambda name: (name.endswith("Error"), name[0].isupper(), name))


def python_names() -> str:
    """Every public name of the package with the first line of its docstring."""
    import im2latex

    rows = ["| name | meaning |", "|:--|:--|"]
    for name in public_names():
        first = (inspect.getdoc(getattr(im2latex, name)) or "").split("\n\n")[0]
        rows.append(f"| `im2latex.{name}` | {cell(first)} |")
    return "\n".join(rows)


def python_interface() -> str:
    """A mkdocstrings block for each public name of the package."""
    blocks = [
        f"::: {_origin(name)}\n    options:\n      heading_level: 2\n      heading: im2latex.{name}\n"
        for name in public_names()
    ]
    return "\n".join(blocks)


def _origin(name: str) -> str:
    """The dotted name under which a public object is defined."""
    import im2latex

    value = getattr(im2latex, name)
    return f"{getattr(value, '__module__', 'im2latex')}.{getattr(value, '__qualname__', name)}"


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
        rows += [f"| `{field.name}` | `{cell(str(field.type))}` |" for field in value]
        text = inspect.cleandoc(note[1]) if note else ""
        parts.append(f"### `{name}`\n\n{text}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def stages() -> str:
    """The stages of dvc.yaml with parameters, outputs and metrics; without the manifest and ledger that each writes."""
    rows = ["| stage | what it does | parameters | output | metrics |", "|:--|:--|:--|:--|:--|"]
    for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        columns = [_names(stage.get(key, [])) for key in ("params", "outs", "metrics")]
        rows.append(f"| `{name}` | {cell(stage.get('desc', ''))} | " + " | ".join(columns) + " |")
    return "\n".join(rows)


def _names(items: list[Any]) -> str:
    names = [next(iter(item)) if isinstance(item, dict) else item for item in items]
    return ", ".join(f"`{name}`" for name in names if not name.startswith(("reports/manifest/", "reports/ledger/")))


REFERENCES = {
    "cli": cli,
    "params": params,
    "presets": presets,
    "metrics": metrics,
    "python-names": python_names,
    "rules": rules,
    "schemas": schemas,
    "stages": stages,
    "renamed-keys": renamed_keys,
    "renamed-commands": renamed_commands,
    "reasons": reasons,
}
"""Name in a marker to the function that makes the Markdown."""
