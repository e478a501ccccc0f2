"""A user's rule over the columns of a sample, such as `length < 100 and width < 4 * height`.

Only names of columns, numbers, quoted names of splits, comparisons, arithmetic, `and`, `or` and `not` are allowed,
so that a rule can neither call, reach into objects nor take long. pandas evaluates it.
"""

import ast

import pandas as pd

COLUMNS = ("length", "unknown", "width", "height", "split")
"""What a rule may name: label length and unknown tokens, image size in pixels, and train, val or test."""

_LOGIC = (ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Compare)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Name, ast.Load, ast.Constant)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_ALLOWED = _LOGIC + _ARITHMETIC + _ORDER
_LARGEST = 10**9
"""Larger numbers would leave the 64 bits in which columns are multiplied."""


def check(rule: str) -> str:
    """Return `rule`; raises `ValueError` with a sentence where it is not a rule over the columns."""
    try:
        tree = ast.parse(rule.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("is not an expression; write one such as `length < 100 and width < 4 * height`") from None
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise ValueError(
                f"holds {type(node).__name__}; allowed are columns, numbers, comparisons, arithmetic, and, or, not"
            )
        if isinstance(node, ast.Name) and node.id not in COLUMNS:
            raise ValueError(f"names {node.id}; the columns are {', '.join(COLUMNS)}")
        if isinstance(node, ast.Constant) and not isinstance(node.value, int | float | str):
            raise ValueError(f"holds {node.value!r}; constants are numbers and names of splits in quotes")
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > _LARGEST:
            raise ValueError(f"holds {node.value}; numbers go up to {_LARGEST}")
        if isinstance(node, ast.BinOp | ast.Compare) and not any(isinstance(part, ast.Name) for part in ast.walk(node)):
            raise ValueError(f"puts constants together: {ast.unparse(node)}; name a column, or write the result")
    if (kind := _kind(tree.body)) != "truth":
        raise ValueError(f"gives a {kind}; a rule is a comparison, or several joined by and, or, not")
    return rule


def holds(samples: pd.DataFrame, rule: str) -> pd.Series:
    """Whether `rule` holds for each sample; a division by zero compares as infinite or as false, as in pandas."""
    return pd.Series(samples[list(COLUMNS)].eval(rule.strip(), engine="python"), index=samples.index, dtype=bool)


def _kind(node: ast.expr) -> str:
    """Number, text or truth; raises `ValueError` where kinds are mixed."""
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
    for part in parts:
        if (found := _kind(part)) != wanted or wanted == "truth value":
            raise ValueError(f"has a {found} where a {wanted} belongs: {ast.unparse(part)}")
    return result
