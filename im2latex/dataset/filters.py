"""Filters of labelled images. A new filter is one entry of `FILTERS` or `QUERY_FILTERS`: a reason and a predicate.

A predicate of `FILTERS` sees the columns of some samples; pixels are not read. One of `QUERY_FILTERS` compares samples
with all others, in a query over all of them, which need not fit in memory. The parameter `expression` is a condition
over the columns of a sample, such as `length < 100 and width < 4 * height`. pandas evaluates it. The whitelist of
syntax is our own, because pandas' `eval` and `query` also run attribute access and method calls, and numexpr has no
text columns. Allowed are columns, numbers, quoted names of splits, comparisons, arithmetic, `and`, `or` and `not`; so
an expression can neither call code nor run for long.
"""

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
from pydantic import Field, field_validator

from im2latex.config import Params
from im2latex.dataset.queries import QUERY_ROW_GROUP, stream_query
from im2latex.io.parquet import RowCursor, TableWriter, stream_table

Mask = pd.Series

CANDIDATES = pa.schema(
    [
        ("number", pa.int64()),
        *((name, pa.string()) for name in ("formula_id", "source_id", "style", "split")),
        ("length", pa.int64()),
        *((name, pa.int32()) for name in ("unknown", "width", "height")),
        *((name, pa.string()) for name in ("latex", "pixel_hash", "reason")),
    ]
)
"""A sample, its place in the order of all, and why it is dropped. `length` and `unknown` are label length and unknown
tokens, in ids; sizes are in pixels; `reason` is empty for a sample that is kept."""
_REASONS = pa.schema([("number", pa.int64()), ("reason", pa.string())])

EXPRESSION_COLUMNS = ("length", "unknown", "width", "height", "split")
"""Columns of an expression: label length and unknown tokens in ids, image size in pixels, and the split."""

_LOGIC = (ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Compare)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Name, ast.Load, ast.Constant)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_ALLOWED_SYNTAX = _LOGIC + _ARITHMETIC + _ORDER
_LARGEST_CONSTANT = 10**9
"""Limit on constants: products of larger ones overflow the 64-bit columns."""


class FilterParams(Params):
    """Limits on a sample, and the policies for leakage and duplicates."""

    min_tokens: int = Field(default=1, ge=1, description="shortest label, in ids")
    max_tokens: int = Field(default=150, ge=1, description="longest label, in ids")
    max_width_px: int = Field(default=800, ge=1, description="widest image")
    max_height_px: int = Field(default=320, ge=1, description="tallest image")
    max_aspect: float = Field(default=60, gt=0, description="largest width / height")
    unknown_tokens: Literal["drop", "keep"] = Field(
        default="drop", description="samples whose label holds `<unk>`, a token outside the vocabulary"
    )
    leakage: Literal["drop_held_out", "drop_training", "keep"] = Field(
        default="drop_held_out", description="which side loses an image or text that is in several splits"
    )
    duplicates: Literal["drop", "keep"] = Field(
        default="drop", description="samples whose image and label are already in the same split"
    )
    expression: str | None = Field(
        default=None,
        description="condition that samples must meet, over length, unknown, width, height, split; or null",
    )

    @field_validator("expression")
    @classmethod
    def _valid_expression(cls, expression: str | None) -> str | None:
        return expression if expression is None else validate_expression(expression)


@dataclass(frozen=True)
class Filter:
    """The reason in the ledger, and the predicate that selects the samples to drop."""

    reason: str
    drops: Callable[[pd.DataFrame, FilterParams], Mask]


@dataclass(frozen=True)
class QueryFilter:
    """The reason in the ledger, and the SQL condition that selects the samples to drop, over columns of `CANDIDATES`.

    Windows of the condition are partitioned by `reason`, too, so that dropped samples drop no others.
    """

    reason: str
    condition: Callable[[FilterParams], str]


def apply_filters(samples: Iterable[pd.DataFrame], params: FilterParams, scratch: Path) -> Iterator[pd.DataFrame]:
    """The samples in their order, with the columns of `CANDIDATES` but `latex` and `pixel_hash`.

    The given tables have all columns but `number` and `reason`. Filters run in the order of `FILTERS`, then of
    `QUERY_FILTERS`, each on the samples that the earlier ones keep; so the first filter that applies gives the reason,
    and dropped samples cause no leakage and no duplicates. All samples are in a file in `scratch`, few in memory.
    """
    path, count = scratch / "candidates.parquet", 0
    with TableWriter(path, CANDIDATES, QUERY_ROW_GROUP) as writer:
        for part in samples:
            numbers = range(count, count + len(part))
            judged = part.assign(number=numbers, reason=_reasons_of_each(part, params))
            writer.add(pa.Table.from_pandas(judged[CANDIDATES.names], schema=CANDIDATES, preserve_index=False))
            count += len(part)
    found = RowCursor(stream_query(repeats_query(params), scratch, candidates=path), _REASONS)
    columns = [name for name in CANDIDATES.names if name not in ("latex", "pixel_hash")]
    for table in stream_table(path, columns):
        late = found.take_up_to(table["number"][-1].as_py() if table.num_rows else -1).to_pandas()
        judged = table.to_pandas().set_index("number", drop=False)
        judged.loc[late["number"], "reason"] = late["reason"].to_numpy()
        yield judged


def _reasons_of_each(samples: pd.DataFrame, params: FilterParams) -> pd.Series:
    """The reason of the first of `FILTERS` that drops a sample, or the empty string."""
    reasons = pd.Series("", index=samples.index, dtype=object)
    for entry in FILTERS:
        remaining = samples[reasons == ""]
        dropped = entry.drops(remaining, params)
        reasons[remaining.index[dropped]] = entry.reason
    return reasons


def repeats_query(params: FilterParams) -> str:
    """The query for the numbers and reasons of the samples that `QUERY_FILTERS` drop."""
    sql = "SELECT number, split, pixel_hash, latex, reason FROM candidates WHERE reason = ''"
    for entry in QUERY_FILTERS:
        drops = f"reason = '' AND ({entry.condition(params)})"
        sql = f"SELECT * REPLACE (CASE WHEN {drops} THEN '{entry.reason}' ELSE reason END AS reason) FROM ({sql})"
    return f"SELECT number, reason FROM ({sql}) WHERE reason <> '' ORDER BY number"


def _fails_expression(samples: pd.DataFrame, params: FilterParams) -> Mask:
    if params.expression is None or samples.empty:
        return pd.Series(False, index=samples.index)
    return ~evaluate_expression(samples, params.expression)


def _is_leaked(params: FilterParams) -> str:
    """Condition of a sample whose image or normalized text is in several splits, on the side that the policy drops.

    Between the two held-out splits, test keeps the sample, since test scores are published.
    """
    kept_first = {"drop_held_out": ("train", "test", "val"), "drop_training": ("test", "val", "train"), "keep": ()}
    names = ", ".join(f"'{name}'" for name in kept_first[params.leakage])
    rank = f"list_position([{names}]::VARCHAR[], split)"
    return " OR ".join(f"{rank} > min({rank}) OVER (PARTITION BY {key}, reason)" for key in ("pixel_hash", "latex"))


def _is_repeated(params: FilterParams) -> str:
    """Condition of a sample whose image and text an earlier one of its split has."""
    place = "row_number() OVER (PARTITION BY split, pixel_hash, latex, reason ORDER BY number)"
    return f"{place} > 1" if params.duplicates == "drop" else "false"


FILTERS = (
    Filter("too_short", lambda samples, params: samples.length < params.min_tokens),
    Filter("too_long", lambda samples, params: samples.length > params.max_tokens),
    Filter("too_wide", lambda samples, params: samples.width > params.max_width_px),
    Filter("too_tall", lambda samples, params: samples.height > params.max_height_px),
    Filter("aspect", lambda samples, params: samples.width / samples.height > params.max_aspect),
    Filter("unknown_token", lambda samples, params: (samples.unknown > 0) & (params.unknown_tokens == "drop")),
    Filter("expression", _fails_expression),
)
"""The filters that judge each sample by itself, in the order in which they run."""

QUERY_FILTERS = (QueryFilter("leakage", _is_leaked), QueryFilter("duplicate", _is_repeated))
"""The filters that compare all samples, in the order in which they run, after the others."""


def validate_expression(expression: str, columns: Collection[str] = EXPRESSION_COLUMNS) -> str:
    """Return the expression; raises `ValueError` with one sentence where it is no condition over `columns`.

    Needs no samples, so that a wrong column is an error when params.yaml is loaded.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("is not an expression; write one such as `length < 100 and width < 4 * height`") from None
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED_SYNTAX):
            raise ValueError(
                f"holds {type(node).__name__}; allowed are columns, numbers, comparisons, arithmetic, and, or, not"
            )
        if isinstance(node, ast.Name) and node.id not in columns:
            raise ValueError(f"names {node.id}; the columns are {', '.join(columns)}")
        if isinstance(node, ast.Constant) and not isinstance(node.value, int | float | str):
            raise ValueError(f"holds {node.value!r}; constants are numbers and names of splits in quotes")
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > _LARGEST_CONSTANT:
            raise ValueError(f"holds {node.value}; numbers go up to {_LARGEST_CONSTANT}")
        if isinstance(node, ast.BinOp | ast.Compare) and not any(isinstance(part, ast.Name) for part in ast.walk(node)):
            raise ValueError(f"combines constants only: {ast.unparse(node)}; name a column, or write the result")
    if (kind := _expression_type(tree.body)) != "truth":
        raise ValueError(f"gives a {kind}; a condition is a comparison, or several joined by and, or, not")
    return expression


def evaluate_expression(samples: pd.DataFrame, expression: str) -> pd.Series:
    """Evaluate a valid expression for each sample; a division by zero gives infinity or NaN, as in pandas."""
    found = samples[list(EXPRESSION_COLUMNS)].eval(expression.strip(), engine="python")
    return pd.Series(found, index=samples.index, dtype=bool)


def _expression_type(node: ast.expr) -> str:
    """Infer the type of an expression: number, text or truth; raises `ValueError` where types are mixed."""
    match node:
        case ast.Name(id=name):
            return "text" if name == "split" else "number"
        case ast.Constant(value=value):
            return "truth value" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        case ast.BinOp(left=left, right=right):
            return _check_types([left, right], "number", "number")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _check_types([operand], "truth", "truth")
        case ast.UnaryOp(operand=operand):
            return _check_types([operand], "number", "number")
        case ast.BoolOp(values=values):
            return _check_types(values, "truth", "truth")
        case ast.Compare(left=left, comparators=others):
            return _check_types([left, *others], _expression_type(left), "truth")
    raise ValueError(f"holds {type(node).__name__}")


def _check_types(parts: list[ast.expr], wanted: str, result: str) -> str:
    """Return `result` if all parts have the type `wanted`."""
    for part in parts:
        if (found := _expression_type(part)) != wanted or wanted == "truth value":
            raise ValueError(f"has a {found} where a {wanted} belongs: {ast.unparse(part)}")
    return result
