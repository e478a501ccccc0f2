"""Public methods have a docstring, unless they override a method that has one (ruff's D102 cannot distinguish them)."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import im2latex
import pipeline


def _classes() -> Iterator[type]:
    """Public classes of all modules."""
    for package in (im2latex, pipeline):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith("__main__"):
                continue
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_"):
                    yield value


def _undocumented(kind: type) -> Iterator[str]:
    for name, value in vars(kind).items():
        if isinstance(value, classmethod | staticmethod):
            value = value.__func__
        if name.startswith("_") or name in inspect.get_annotations(kind):  # the latter are fields of data classes
            continue
        is_method = inspect.isfunction(value) or isinstance(value, property)
        overrides = any(name in vars(base) for base in kind.__mro__[1:])
        if is_method and not value.__doc__ and not overrides:
            yield f"{kind.__module__}.{kind.__qualname__}.{name}"


def test_public_methods_have_docstrings() -> None:
    assert [method for kind in _classes() for method in _undocumented(kind)] == []
