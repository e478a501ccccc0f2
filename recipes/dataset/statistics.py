"""Statistics of a set of labels: lengths, multi-line formulas, bold letters, symbols."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from im2latex.latex.grammar.symbol_substitution import LETTER_FONTS
from im2latex.latex.parser.signatures import BOLD

LENGTH_BINS = ((1, 3), (4, 12), (13, 45), (46, 100), (101, 200), (201, None))
"""Shortest and longest label of each length bin, in tokens."""


def length_bin(length: int) -> str:
    """Name of the length bin, such as `4-12`."""
    for shortest, longest in LENGTH_BINS:
        if longest is None or length <= longest:
            return f"{shortest}-{longest}" if longest else f"{shortest}+"
    raise AssertionError


def is_multiline(tokens: list[str]) -> bool:
    """Whether the label contains an environment with several rows."""
    return any(token.startswith("\\\\") for token in tokens) and any(token.startswith("\\begin{") for token in tokens)


def is_bold(tokens: list[str]) -> bool:
    """Whether the label contains bold letters."""
    return not BOLD.isdisjoint(tokens)


def has_font(tokens: list[str]) -> bool:
    """Whether the label contains a command for a letter font or bold letters."""
    return not LETTER_FONTS.isdisjoint(tokens) or is_bold(tokens)


@dataclass
class Statistics:
    """Counts of labels; `lengths`, `multiline`, `bold` and `fonts` by length bin, `symbols` by token."""

    lengths: Counter[str] = field(default_factory=Counter)
    multiline: Counter[str] = field(default_factory=Counter)
    bold: Counter[str] = field(default_factory=Counter)
    fonts: Counter[str] = field(default_factory=Counter)
    symbols: Counter[str] = field(default_factory=Counter)

    def add(self, label: str) -> None:
        """Count one normalized label."""
        tokens = label.split()
        name = length_bin(len(tokens))
        self.lengths[name] += 1
        self.multiline[name] += is_multiline(tokens)
        self.bold[name] += is_bold(tokens)
        self.fonts[name] += has_font(tokens)
        self.symbols.update(set(tokens))

    def merge(self, other: "Statistics") -> None:
        """Add the counts of another object."""
        for counter, added in zip(self._counters(), other._counters(), strict=True):
            counter.update(added)

    def _counters(self) -> list[Counter[str]]:
        return [self.lengths, self.multiline, self.bold, self.fonts, self.symbols]

    @classmethod
    def from_labels(cls, labels: Iterable[str]) -> "Statistics":
        """Statistics of normalized labels."""
        statistics = cls()
        for label in labels:
            statistics.add(label)
        return statistics

    def summary(self, min_labels: int = 200) -> dict[str, Any]:
        """Shares by length bin, and the number of tokens in at least `min_labels` labels."""
        total = self.lengths.total()
        bins = [length_bin(longest or shortest) for shortest, longest in LENGTH_BINS]
        names = [name for name in bins if self.lengths[name]]
        rare = {token: count for token, count in self.symbols.items() if count < min_labels}
        return {
            "labels": total,
            "lengths": {name: _share(self.lengths[name], total) for name in names},
            "multiline": _share(self.multiline.total(), total),
            "bold": {name: _share(self.bold[name], self.lengths[name]) for name in names},
            "fonts": {name: _share(self.fonts[name], self.lengths[name]) for name in names},
            "tokens": len(self.symbols),
            f"tokens in {min_labels} labels or more": len(self.symbols) - len(rare),
        }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
