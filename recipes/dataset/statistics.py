"""Statistics of a set of labels: lengths, multi-line formulas, bold letters, symbols."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from im2latex.latex.grammar.symbol_substitution import BOLD, LETTER_FONTS

CLASSES = ((1, 3), (4, 12), (13, 45), (46, 100), (101, 200), (201, None))
"""Shortest and longest label of each class of lengths, in tokens."""


def class_of(length: int) -> str:
    """The class of a length, as written in reports."""
    for least, most in CLASSES:
        if most is None or length <= most:
            return f"{least}-{most}" if most else f"{least}+"
    raise AssertionError


def is_multiline(tokens: list[str]) -> bool:
    """Whether the label is, or holds, an environment of several rows."""
    return any(token.startswith("\\\\") for token in tokens) and any(token.startswith("\\begin{") for token in tokens)


def is_bold(tokens: list[str]) -> bool:
    """Whether some letters are bold."""
    return not BOLD.isdisjoint(tokens)


def has_font(tokens: list[str]) -> bool:
    """Whether some letters have a font of their own."""
    return not LETTER_FONTS.isdisjoint(tokens) or is_bold(tokens)


@dataclass
class Statistics:
    """Counts over labels; `lengths`, `multiline`, `bold` and `fonts` by class of length, `symbols` by token."""

    lengths: Counter[str] = field(default_factory=Counter)
    multiline: Counter[str] = field(default_factory=Counter)
    bold: Counter[str] = field(default_factory=Counter)
    fonts: Counter[str] = field(default_factory=Counter)
    symbols: Counter[str] = field(default_factory=Counter)

    def add(self, label: str) -> None:
        """Count one normalized label."""
        tokens = label.split()
        name = class_of(len(tokens))
        self.lengths[name] += 1
        self.multiline[name] += is_multiline(tokens)
        self.bold[name] += is_bold(tokens)
        self.fonts[name] += has_font(tokens)
        self.symbols.update(set(tokens))

    def merge(self, other: "Statistics") -> None:
        """Add what was counted elsewhere."""
        for mine, its in zip(self._counters(), other._counters(), strict=True):
            mine.update(its)

    def _counters(self) -> list[Counter[str]]:
        return [self.lengths, self.multiline, self.bold, self.fonts, self.symbols]

    @classmethod
    def of(cls, labels: Iterable[str]) -> "Statistics":
        """Of all the labels."""
        found = cls()
        for label in labels:
            found.add(label)
        return found

    def summary(self, least: int = 200) -> dict[str, Any]:
        """Shares by class, and the symbols in fewer than `least` labels."""
        total = self.lengths.total()
        names = [name for name in map(class_of, (most or least for least, most in CLASSES)) if self.lengths[name]]
        rare = {token: count for token, count in self.symbols.items() if count < least}
        return {
            "labels": total,
            "lengths": {name: _share(self.lengths[name], total) for name in names},
            "multiline": _share(self.multiline.total(), total),
            "bold": {name: _share(self.bold[name], self.lengths[name]) for name in names},
            "fonts": {name: _share(self.fonts[name], self.lengths[name]) for name in names},
            "tokens": len(self.symbols),
            f"tokens in {least} labels or more": len(self.symbols) - len(rare),
        }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
