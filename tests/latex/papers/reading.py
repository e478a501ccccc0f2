"""Read a paper that a test writes, and compare what is found with what it was written from."""

from im2latex.latex.papers.finding import Walk
from im2latex.latex.papers.macros import Macros


def formulas(source: str, files: dict[str, str] | None = None) -> list[str]:
    """What is found in a paper: each formula without spaces, or "!" and the reason for which it is none."""
    walk = Walk({"a.tex": source, **(files or {})}, 1, Macros())
    return ["".join(item.formula.split()) if item.formula is not None else f"!{item.reason}" for item in walk.paper()]


def notes(source: str, files: dict[str, str] | None = None) -> dict[str, int]:
    """What is counted besides formulas."""
    walk = Walk({"a.tex": source, **(files or {})}, 1, Macros())
    walk.paper()
    return walk.reasons
