"""Helpers that extract the formulas of a paper given as a string."""

from im2latex.latex.papers.macro_expander import MacroExpander
from im2latex.latex.papers.paper_reader import PaperReader


def formulas(source: str, files: dict[str, str] | None = None) -> list[str]:
    """What is found in a paper: each formula without spaces, or "!" and the reason for which it is none."""
    walk = PaperReader({"a.tex": source, **(files or {})}, 1, MacroExpander())
    return ["".join(item.formula.split()) if item.formula is not None else f"!{item.reason}" for item in walk.paper()]


def notes(source: str, files: dict[str, str] | None = None) -> dict[str, int]:
    """What is counted besides formulas."""
    walk = PaperReader({"a.tex": source, **(files or {})}, 1, MacroExpander())
    walk.paper()
    return walk.reasons
