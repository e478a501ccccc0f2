"""Limit on the nesting depth of formulas, with the reason `too_deep`.

The depth counts braces, environments and fences in the source; the parser adds arguments without braces, since they are
written with braces. So a normalized formula passes the check again. `limit_recursion` converts Python's RecursionError,
for callers that leave little stack, to the same error.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from im2latex.errors import LatexError

MAX_DEPTH = 40
"""Largest nesting depth of braces, environments, fences and arguments."""

_NEST = re.compile(r"\\\\|\\(?:begin|left)(?![A-Za-z])|\\(?:end|right)(?![A-Za-z])|\\.|[{}]", re.DOTALL)
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def too_deep_error(position: int | None = None) -> LatexError:
    """Build the error for a formula that is nested too deeply."""
    return LatexError("too_deep", f"more than {MAX_DEPTH} levels", position)


def check_depth(source: str) -> None:
    """Check the nesting depth of LaTeX source, raw or normalized; raises `LatexError`."""
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
    """Decorator that converts a RecursionError to the error `too_deep`."""

    @wraps(function)
    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        try:
            return function(*args, **kwargs)
        except RecursionError:
            raise too_deep_error() from None

    return run
