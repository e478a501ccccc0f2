"""What a test executes, as text: its function, and the fixtures, helpers and constants of the tests that it uses."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docs.generate.committed import ROOT

Definition = tuple[str, str]
"""Path of a module below the root of the repository, and a name in it."""
_DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


@cache
def closure(path: str, name: str) -> str:
    """The code of a test and of all that it uses in `tests/`, without docstrings and comments.

    Raises KeyError where the module has no such function.
    """
    found: dict[Definition, ast.AST] = {(path, name): _module(path)[name]}
    waiting = [(path, name)]
    while waiting:
        module, _ = current = waiting.pop()
        for used in _names(found[current]):
            place = _place(module, used)
            if place and place not in found:
                found[place] = _module(place[0])[place[1]]
                waiting.append(place)
    return "\n".join(ast.unparse(node) for node in found.values())


def has_word(text: str, word: str) -> bool:
    """Whether the text has the word, not only as a part of a longer one."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


@cache
def _module(path: str) -> dict[str, ast.AST]:
    """The definitions of a module, by name."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (*_DEFINITIONS, ast.Module)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    found: dict[str, ast.AST] = {}
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=targets):
                found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("tests."):
                found |= {alias.asname or alias.name: node for alias in names}
    return found


def _names(node: ast.AST) -> Iterator[str]:
    """Names that code reads, among them its fixtures."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.arg):
            yield one.arg
        elif isinstance(one, ast.Call) and ast.unparse(one.func) == "pytest.mark.usefixtures":
            yield from (str(value.value) for value in one.args if isinstance(value, ast.Constant))


def _place(path: str, name: str) -> Definition | None:
    """Where the tests define a name that a module uses: there, where it imports it from, or in a conftest."""
    node = _module(path).get(name)
    if isinstance(node, ast.ImportFrom):
        alias = next(alias for alias in node.names if name in (alias.asname, alias.name))
        source = str(node.module).replace(".", "/")
        file = f"{source}.py" if (ROOT / f"{source}.py").is_file() else f"{source}/__init__.py"
        return _place(file, alias.name)
    if node is not None:
        return path, name
    folders = [
        str(folder / "conftest.py") for folder in Path(path).parents if (ROOT / folder / "conftest.py").is_file()
    ]
    return next(((file, name) for file in folders if name in _module(file)), None)


@cache
def calls(path: str, name: str) -> tuple[str, ...]:
    """The strings within each call, collection and assertion of what a test executes, joined by spaces."""
    nodes = ast.walk(ast.parse(closure(path, name)))
    found = (
        _strings(node)
        for node in nodes
        if isinstance(node, (ast.Call, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Assert))
    )
    return tuple(" ".join(strings) for strings in found if strings)


def _strings(node: ast.AST) -> list[str]:
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
