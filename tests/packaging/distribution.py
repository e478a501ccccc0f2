"""The project table of pyproject.toml, and the packages that modules import."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from im2latex.extras import normalized

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: Iterable[str]) -> set[str]:
    """The distributions that requirements ask for, those of nested extras included."""
    found = set()
    for requirement in requirements:
        name, extras = re.match(r"([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?", requirement).groups()  # type: ignore[union-attr]
        if name == "im2latex":
            found |= names(one for extra in extras.split(",") for one in PROJECT["optional-dependencies"][extra])
        else:
            found.add(normalized(name))
    return found


BASE = names(PROJECT["dependencies"])
EXTRAS = {extra: names(requirements) for extra, requirements in PROJECT["optional-dependencies"].items()}

METADATA = [
    *PROJECT["dependencies"],
    *(f'{one}; extra == "{extra}"' for extra, several in PROJECT["optional-dependencies"].items() for one in several),
]
"""The same as lines of an installed distribution, which may be older here."""


def imported(path: Path) -> Iterator[str]:
    """Top-level packages that a module imports, those of the standard library and our own left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            modules = [node.module]
        else:
            continue
        for module in modules:
            package = module.partition(".")[0]
            if package not in {*sys.stdlib_module_names, "_typeshed", "im2latex", "pipeline", "custom"}:
                yield package
