"""Result files, number formats and Markdown tables, for the modules beside this one."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "benchmarks" / "results"
TABLES: dict[str, Callable[[], str]] = {}
"""Name in a marker to the function that makes the table."""


def register(function: Callable[[], str]) -> Callable[[], str]:
    """Add a function to `TABLES` under its name, with hyphens."""
    TABLES[function.__name__.replace("_", "-")] = function
    return function


def load_json(path: str) -> Any:
    """Load a JSON file by its path in the repository."""
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def load_result(name: str) -> Any:
    """Load a result file by its name."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]], words: int = 1) -> str:
    """A Markdown table whose first `words` columns are text and the others numbers."""
    names = list(header)
    rule = [":--"] * words + ["--:"] * (len(names) - words)
    return "\n".join("| " + " | ".join(row) + " |" for row in (names, rule, *map(list, rows)))


def format_share(value: float | None) -> str:
    """Three decimals; empty for None."""
    return "" if value is None else f"{value:.3f}"


def format_percent(value: float | None, digits: int = 2) -> str:
    """A percentage of a share; empty for None."""
    return "" if value is None else f"{100 * value:.{digits}f} %"


def format_interval(bounds: Iterable[float] | None) -> str:
    """The bounds of an interval with three decimals; empty for None."""
    return "" if bounds is None else " – ".join(f"{bound:.3f}" for bound in bounds)


def format_count(value: float) -> str:
    """An integer with thousands separators."""
    return f"{value:,.0f}"


def format_duration(seconds: float) -> str:
    """Seconds, or minutes from 300 s on."""
    return f"{seconds:.0f} s" if seconds < 300 else f"{seconds / 60:.1f} min"
