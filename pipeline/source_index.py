"""Index of one Python source file: its top-level statements, what each refers to, and a hash of what each does.

The hash of a statement covers its syntax tree without docstrings, comments and layout. It is written by our own
serializer: `ast.dump` and `ast.unparse` give other text on other versions of Python, and `repr` of a string depends on
their Unicode tables; this one gives the same bytes on Python 3.11, 3.12 and 3.13.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# fmt: off
PURE_DECORATORS = frozenset([
    "asynccontextmanager", "cache", "contextlib.contextmanager", "contextmanager", "dataclass", "final",
    "functools.cache", "lru_cache", "overload", "torch.inference_mode", "torch.no_grad",
])
"""Decorators without an effect beyond the function or class that they decorate."""
PURE_CALLS = frozenset([
    "dict", "dict.fromkeys", "files", "fields", "frozenset", "get_args", "hashlib.sha256", "list", "map", "max", "min",
    "np.array", "partial", "range", "re.compile", "re.escape", "round", "set", "sorted", "str", "struct.Struct",
    "threading.local", "tuple",
])
"""Functions that only return a value. A name that starts with a capital is a constructor, and pure, too."""
PURE_METHODS = frozenset([
    "field", "items", "join", "joinpath", "keys", "replace", "resolve", "split", "startswith", "values",
])
# fmt: on
_IGNORED_FIELDS = frozenset(["ctx", "kind", "type_comment", "type_ignores"])
_REFERENCE = re.compile(r"[\w./*-]{1,200}")


@dataclass
class Statement:
    """One top-level statement; in JSON as the list of its fields."""

    names: list[str]
    """What it binds."""
    when: str
    """When it counts. "import": once the module is imported; "main": when the module is run as a program; "name": when
    one of its names is used; "bind": an import statement, which counts when the name that it binds is used."""
    digest: str
    uses: list[str] = field(default_factory=list)
    """Names and dotted names in it, such as `np.array`; each may refer to a definition or an import."""
    strings: list[str] = field(default_factory=list)
    """Short strings in it, which may name a module or a data file; `*` matches the values of an f-string."""
    imports: list[tuple[str, str | None, str]] = field(default_factory=list)
    """Imports in it: module, name or None for the module itself, local name."""


def index_source(source: str, package: str) -> list[Statement]:
    """The statements of a module; `package` is the one that relative imports start from. Raises `SyntaxError`."""
    return [statement for node in ast.parse(source).body for statement in _statements(node, package)]


def _statements(node: ast.stmt, package: str) -> Iterator[Statement]:
    if _is_text(node):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for other in node.orelse:
            yield from _statements(other, package)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for target in imported(node, package):
            yield Statement([target[2]], "bind", _hash("\0".join(map(str, target))), imports=[target])
    else:
        names, when = _binding(node)
        collected = _Collector(package)
        collected.visit(node)
        yield Statement(
            names,
            when,
            _hash("".join(collected.text)),
            sorted(collected.uses),
            sorted(collected.strings),
            sorted(collected.imports, key=str),
        )


def imported(node: ast.Import | ast.ImportFrom, package: str) -> list[tuple[str, str | None, str]]:
    """Module, name and local name of each thing that an import statement binds."""
    if isinstance(node, ast.Import):
        found: list[tuple[str, str | None, str]] = []
        for one in node.names:
            if one.asname:
                found.append((one.name, None, one.asname))
            else:  # `import a.b` imports a.b and binds a
                root = one.name.partition(".")[0]
                found += [(name, None, local) for name, local in {one.name: "", root: root}.items()]
        return found
    module = node.module or ""
    if node.level:
        base = package.rsplit(".", node.level - 1)[0]
        module = f"{base}.{module}".rstrip(".")
    return [(module, one.name, one.asname or one.name) for one in node.names]


def _binding(node: ast.stmt) -> tuple[list[str], str]:
    """The names that a statement binds, and when it counts."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        pure = all(_dotted(_called(one)) in PURE_DECORATORS for one in node.decorator_list)
        return [node.name], "name" if pure else "import"
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        parts = [part for one in targets for part in (one.elts if isinstance(one, ast.Tuple) else [one])]
        names = [part.id for part in parts if isinstance(part, ast.Name)]
        pure = len(names) == len(parts) and (node.value is None or _is_pure(node.value))
        return names, "name" if pure else "import"
    bound = [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    bound += [
        local
        for one in ast.walk(node)
        if isinstance(one, ast.Import | ast.ImportFrom)
        for *_, local in imported(one, "")
    ]
    bound += [one.name for one in ast.walk(node) if isinstance(one, ast.FunctionDef | ast.ClassDef)]
    if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) and "__main__" in ast.unparse(node.test):
        return bound, "main"
    if type(node).__name__ == "TypeAlias":
        return bound, "name"
    return bound, "import"


def _is_pure(value: ast.expr) -> bool:
    """Whether computing a value has no other effect, as far as one can see."""
    return all(_is_pure_call(node) for node in ast.walk(value) if isinstance(node, ast.Call))


def _is_pure_call(call: ast.Call) -> bool:
    name = _dotted(call.func)
    last = name.rpartition(".")[2] if name else call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return name in PURE_CALLS or name.startswith("pa.") or last in PURE_METHODS or last[:1].isupper()


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _dotted(node: ast.expr) -> str:
    """`a.b.c` of a chain of attributes that starts with a name; else empty."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a bare string: a docstring, or the text under a constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class _Collector:
    """Serializes a syntax tree, and collects what it refers to."""

    def __init__(self, package: str) -> None:
        self._package = package
        self.text: list[str] = []
        self.uses: set[str] = set()
        self.strings: set[str] = set()
        self.imports: list[tuple[str, str | None, str]] = []

    def visit(self, node: ast.AST, chained: bool = False) -> None:
        """Add a node; `chained` where the node is inside a dotted name that was collected already."""
        kind = type(node)
        if kind is ast.Constant:
            self._constant(node.value)  # type: ignore[attr-defined]
            return
        if kind is ast.JoinedStr:
            self._joined(node)  # type: ignore[arg-type]
            return
        if kind is ast.Name or kind is ast.Attribute:
            if not chained and (name := _dotted(node)):  # type: ignore[arg-type]
                self.uses.add(name)
                chained = True
        elif kind is ast.Import or kind is ast.ImportFrom:
            self.imports += imported(node, self._package)  # type: ignore[arg-type]
        self.text.append(f"({kind.__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != [] and name not in _IGNORED_FIELDS:
                self._field(name, value, chained and name == "value")
        self.text.append(")")

    def _field(self, name: str, value: Any, chained: bool) -> None:
        self.text.append(f" {name}=")
        if isinstance(value, list):
            if name == "body":
                value = [one for one in value if not _is_text(one)] or [ast.Pass()]
            for one in value:
                if isinstance(one, ast.AST):
                    self.visit(one)
                else:  # a name of `global`, or None among the keys of a dictionary with `**`
                    self.text.append(f"<{one}>")
        elif isinstance(value, ast.AST):
            self.visit(value, chained)
        else:
            self.text.append(f"<{value}>")

    def _constant(self, value: object) -> None:
        if isinstance(value, str):
            self.text.append(f"<str {len(value)} {value}>")
            if _REFERENCE.fullmatch(value):
                self.strings.add(value)
        elif value is Ellipsis:
            self.text.append("<...>")
        else:  # bytes, int, float, complex, bool and None: their `repr` is the same everywhere
            self.text.append(f"<{type(value).__name__} {value!r}>")

    def _joined(self, node: ast.JoinedStr) -> None:
        """An f-string; how its constant parts are cut depends on the version of Python."""
        parts: list[str | ast.AST] = []
        for one in node.values:
            if not isinstance(one, ast.Constant):
                parts.append(one)
            elif parts and isinstance(last := parts[-1], str):
                parts[-1] = last + str(one.value)
            elif one.value:
                parts.append(str(one.value))
        pattern = "".join(part if isinstance(part, str) else "*" for part in parts)
        if _REFERENCE.fullmatch(pattern) and re.search(r"\w", pattern):
            self.strings.add(pattern)
        self.text.append("(JoinedStr ")
        for part in parts:
            if isinstance(part, str):
                self.text.append(f"<str {len(part)} {part}>")
            else:
                self.visit(part)
        self.text.append(")")
