"""User-defined filter condition over the columns of a sample, such as `length < 100 and width < 4 * height`.

pandas evaluates the expression. The whitelist of syntax is our own, because pandas' `eval` and `query` also run
attribute access and method calls, and numexpr has no text columns. Allowed are columns, numbers, quoted names of
splits, comparisons, arithmetic, `and`, `or` and `not`; so an expression can neither call code nor run for long.
"""

import ast
from collections.abc import Collection

import pandas as pd

COLUMNS = ("length", "unknown", "width", "height", "split")
"""Columns of an expression: label length and unknown tokens in ids, image size in pixels, and the split."""

_LOGIC = (ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Compare)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Name, ast.Load, ast.Constant)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_ALLOWED = _LOGIC + _ARITHMETIC + _ORDER
_LARGEST = 10**9
"""Limit on constants: products of larger ones overflow the 64-bit columns."""


def validate_expression(expression: str, columns: Collection[str] = COLUMNS) -> str:
    """Return the expression; raises `ValueError` with one sentence where it is no condition over `columns`.

    Needs no samples, so that a wrong column is an error when params.yaml is loaded.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("is not an expression; write one such as `length < 100 and width < 4 * height`") from None
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise ValueError(
                f"holds {type(node).__name__}; allowed are columns, numbers, comparisons, arithmetic, and, or, not"
            )
        if isinstance(node, ast.Name) and node.id not in columns:
            raise ValueError(f"names {node.id}; the columns are {', '.join(columns)}")
        if isinstance(node, ast.Constant) and not isinstance(node.value, int | float | str):
            raise ValueError(f"holds {node.value!r}; constants are numbers and names of splits in quotes")
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > _LARGEST:
            raise ValueError(f"holds {node.value}; numbers go up to {_LARGEST}")
        if isinstance(node, ast.BinOp | ast.Compare) and not any(isinstance(part, ast.Name) for part in ast.walk(node)):
            raise ValueError(f"combines constants only: {ast.unparse(node)}; name a column, or write the result")
    if (kind := _kind(tree.body)) != "truth":
        raise ValueError(f"gives a {kind}; a condition is a comparison, or several joined by and, or, not")
    return expression


def evaluate_expression(samples: pd.DataFrame, expression: str) -> pd.Series:
    """Evaluate a valid expression for each sample; a division by zero gives infinity or NaN, as in pandas."""
    found = samples[list(COLUMNS)].eval(expression.strip(), engine="python")
    return pd.Series(found, index=samples.index, dtype=bool)


def _kind(node: ast.expr) -> str:
    """Infer the type of an expression: number, text or truth; raises `ValueError` where types are mixed."""
    match node:
        case ast.Name(id=name):
            return "text" if name == "split" else "number"
        case ast.Constant(value=value):
            return "truth value" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        case ast.BinOp(left=left, right=right):
            return _same([left, right], "number", "number")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _same([operand], "truth", "truth")
        case ast.UnaryOp(operand=operand):
            return _same([operand], "number", "number")
        case ast.BoolOp(values=values):
            return _same(values, "truth", "truth")
        case ast.Compare(left=left, comparators=others):
            return _same([left, *others], _kind(left), "truth")
    raise ValueError(f"holds {type(node).__name__}")


def _same(parts: list[ast.expr], wanted: str, result: str) -> str:
    """Return `result` if all parts have the type `wanted`."""
    for part in parts:
        if (found := _kind(part)) != wanted or wanted == "truth value":
            raise ValueError(f"has a {found} where a {wanted} belongs: {ast.unparse(part)}")
    return result
