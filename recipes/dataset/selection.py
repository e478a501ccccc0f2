"""Selection of candidates: for each source and length range, the first by hash.

The rank of a label is a hash of seed, source and label, so the choice does not depend on the order in which candidates
come, nor on how often one comes. Memory is bounded by the number of labels wanted.
"""

import hashlib
import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from recipes.dataset.config import FontParams, SourceParams
from recipes.dataset.statistics import has_font, is_bold

SLACK = 1.5
"""Candidates kept for each label wanted, since some turn out to be labels of another source."""
EVEN_SLACK = 3.0
"""As `SLACK`, of each length where lengths are to be alike and some have few labels."""


class Candidate(NamedTuple):
    """A label that a source could give; `origin` names the formula that it comes from."""

    label: str
    origin: str
    group: str | None


@dataclass
class Cell:
    """The candidates of one range of lengths, the first ones by rank."""

    room: int
    _heap: list[tuple[int, Candidate]] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def offer(self, rank: int, candidate: Candidate) -> str | None:
        """Keep the candidate if it is among the first; the reason why one was dropped, this one or another."""
        if candidate.label in self._known:
            return "duplicate"
        if len(self._heap) < self.room:
            heapq.heappush(self._heap, (-rank, candidate))
            self._known.add(candidate.label)
            return None
        if not self._heap or -rank <= self._heap[0][0]:
            return "over_quota"
        _, lost = heapq.heapreplace(self._heap, (-rank, candidate))
        self._known.remove(lost.label)
        self._known.add(candidate.label)
        return "over_quota"

    def ranked(self) -> list[Candidate]:
        """What was kept, by rank."""
        return [candidate for _, candidate in sorted(self._heap, key=lambda item: (-item[0], item[1]))]


class Column:
    """The candidates of one length, or of a range: plain ones, ones with letter fonts, ones with bold letters."""

    def __init__(self, room: int, fonts: FontParams) -> None:
        self._fonts = fonts
        self._cells = [Cell(room), Cell(round(fonts.any * room) + 1), Cell(round(fonts.bold * room) + 1)]

    def offer(self, rank: int, candidate: Candidate) -> str | None:
        """As `Cell.offer`; fonts count in short labels only."""
        tokens = candidate.label.split()
        kind = 0
        if len(tokens) <= self._fonts.tokens:
            kind = 2 if is_bold(tokens) else 1 if has_font(tokens) else 0
        return self._cells[kind].offer(rank, candidate)

    def free(self, taken: set[str]) -> list[list[Candidate]]:
        """What is not taken, by kind and rank."""
        return [[one for one in cell.ranked() if one.label not in taken] for cell in self._cells]

    def mix(self, free: list[list[Candidate]], most: int) -> list[Candidate]:
        """At most `most` labels, with no more fonts among them than are allowed."""
        plain, font, bold = free
        for _ in range(2):
            bolds = bold[: round(self._fonts.bold * most)]
            fonts = font[: max(0, round(self._fonts.any * most) - len(bolds))]
            plains = plain[: most - len(fonts) - len(bolds)]
            short = most - len(plains) - len(fonts) - len(bolds)
            if short > 0 and (font or bold) and self._fonts.any < 1:
                most = min(most, round(len(plains) / (1 - self._fonts.any)))
        return plains + fonts + bolds


class Selection:
    """The candidates of one source. Every candidate that was seen is chosen or dropped for a reason."""

    def __init__(self, name: str, source: SourceParams, labels: int, seed: int, fonts: FontParams) -> None:
        self._salt = f"{seed}\0{name}\0".encode()
        self.dropped: Counter[str] = Counter()
        self.seen = 0
        self.quotas: dict[tuple[int, int], int] = {}
        self._columns: dict[tuple[int, int], dict[int, Column]] = {}
        for least, most, share in source.ranges:
            lengths = range(least, most + 1)
            quota = self.quotas[least, most] = round(share * labels)
            if source.even_lengths:
                room = round(EVEN_SLACK * quota / len(lengths)) + 1
                self._columns[least, most] = {length: Column(room, fonts) for length in lengths}
            else:
                self._columns[least, most] = dict.fromkeys(lengths, Column(round(SLACK * quota) + 1, fonts))

    def offer(self, candidate: Candidate) -> None:
        """Consider a candidate."""
        self.seen += 1
        length = candidate.label.count(" ") + 1
        columns = next((columns for columns in self._columns.values() if length in columns), None)
        reason = "other_length" if columns is None else columns[length].offer(self._rank(candidate.label), candidate)
        if reason is not None:
            self.dropped[reason] += 1

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count candidates that were dropped elsewhere."""
        self.seen += count
        self.dropped[reason] += count

    def _rank(self, label: str) -> int:
        return int.from_bytes(hashlib.blake2b(self._salt + label.encode(), digest_size=8).digest(), "big")

    def choose(self, taken: set[str]) -> dict[tuple[int, int], list[Candidate]]:
        """The labels of each range, no more than are wanted and none that is `taken`; they are added to it.

        Lengths with few labels give all of them, and the others share the rest.
        """
        chosen: dict[tuple[int, int], list[Candidate]] = {}
        kept = self.seen - self.dropped.total()
        for bounds, quota in self.quotas.items():
            columns = list(dict.fromkeys(self._columns[bounds].values()))
            free = [(column, column.free(taken)) for column in columns]
            free.sort(key=lambda one: len(one[0].mix(one[1], quota)))
            labels: list[Candidate] = []
            for place, (column, candidates) in enumerate(free):
                labels += column.mix(candidates, (quota - len(labels)) // (len(free) - place))
            taken.update(candidate.label for candidate in labels)
            chosen[bounds] = labels
        self.dropped["over_quota"] += kept - sum(map(len, chosen.values()))
        return chosen
