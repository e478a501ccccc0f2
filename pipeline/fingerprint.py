"""What a piece of code does, as a hash: docstrings, comments and layout do not count.

The fingerprint of a module covers its import closure inside this repository. It keys the part cache and the training
state, and lets `make accept` tell a reworded docstring from a changed result.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("im2latex", "pipeline")


@cache
def import_graph() -> grimp.ImportGraph:
    """Who imports whom among the modules of this repository."""
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def closure(module: str) -> set[str]:
    """The module and everything of this repository that it imports, directly or not."""
    return {module} | set(import_graph().find_upstream_modules(module))


def fingerprint(*modules: str) -> str:
    """SHA-256 of what the modules and their closures do."""
    names = sorted(set().union(*(closure(module) for module in modules)))
    text = "\n".join(f"# {name}\n{substance(source_path(name).read_text(encoding='utf-8'))}" for name in names)
    return hashlib.sha256(text.encode()).hexdigest()


def source_path(module: str) -> Path:
    """The file of a module or package."""
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def substance(source: str) -> str:
    """Python source without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [item for item in body if not _is_text(item)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a bare string: a docstring, or the text under a constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
