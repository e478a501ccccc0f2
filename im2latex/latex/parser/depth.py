r"""How deep a formula may nest, and what becomes of a deeper one: the refusal `too_deep`.

The depth counts braces, environments and fences in the source; `reader` adds the arguments that stand without braces,
since they are written with them. So what is accepted is accepted again after normalizing. A caller that has left the
interpreter little stack is told the same: `limit_recursion` turns Python's RecursionError into the refusal.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from im2latex.errors import LatexError

MAX_DEPTH = 40
"""Deepest nesting of braces, environments, fences and arguments that is read."""

_NEST = re.compile(r"\\\\|\\(?:begin|left)(?![A-Za-z])|\\(?:end|right)(?![A-Za-z])|\\.|[{}]", re.DOTALL)
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def too_deep_error(position: int | None = None) -> LatexError:
    """The refusal of a formula that nests too deeply."""
    return LatexError("too_deep", f"more than {MAX_DEPTH} levels", position)


def check_depth(source: str) -> None:
    """Refuse LaTeX, raw or normalized, with too many levels of braces, environments and fences."""
    if source.count("{") + source.count("\\begin") + source.count("\\left") <= MAX_DEPTH:
        return
    depth = 0
    for match in _NEST.finditer(source):
        if match[0] in ("{", "\\begin", "\\left"):
            depth += 1
        elif match[0] in ("}", "\\end", "\\right"):
            depth -= 1
        if depth > MAX_DEPTH:
            raise too_deep_error(match.start())


def limit_recursion(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Let a function refuse what the stack of the interpreter has no room for."""

    @wraps(function)
    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        try:
            return function(*args, **kwargs)
        except RecursionError:
            raise too_deep_error() from None

    return run
