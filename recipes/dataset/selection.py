"""Selection of candidates: for each source and length range, the first by hash.

The rank of a label is a hash of seed, source and label. So the choice does not depend on the order of the candidates or
on duplicates. Memory is bounded by the number of labels to choose.
"""

import hashlib
import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from recipes.dataset.config import FontParams, SourceParams
from recipes.dataset.statistics import has_font, is_bold

SLACK = 1.5
"""Candidates stored for each label to choose, since another source may choose some of them."""
EVEN_SLACK = 3.0
"""As `SLACK`, for each length of an `even_lengths` source, where some lengths have few labels."""


class Candidate(NamedTuple):
    """A label that a source may choose; `origin` is the id of its formula, `group` its paper."""

    label: str
    origin: str
    group: str | None


@dataclass
class TopK:
    """The `capacity` candidates with the smallest ranks."""

    capacity: int
    _heap: list[tuple[int, Candidate]] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def offer(self, rank: int, candidate: Candidate) -> str | None:
        """Store a candidate if its rank is small enough; returns the reason if this or another one is dropped."""
        if candidate.label in self._known:
            return "duplicate"
        if len(self._heap) < self.capacity:
            heapq.heappush(self._heap, (-rank, candidate))
            self._known.add(candidate.label)
            return None
        if not self._heap or -rank <= self._heap[0][0]:
            return "over_quota"
        _, dropped = heapq.heapreplace(self._heap, (-rank, candidate))
        self._known.remove(dropped.label)
        self._known.add(candidate.label)
        return "over_quota"

    def ranked(self) -> list[Candidate]:
        """The stored candidates, by rank."""
        return [candidate for _, candidate in sorted(self._heap, key=lambda item: (-item[0], item[1]))]


class LengthPool:
    """Candidates of one length or range: without fonts, with letter fonts, with bold letters."""

    def __init__(self, capacity: int, fonts: FontParams) -> None:
        self._fonts = fonts
        sizes = (capacity, round(fonts.any * capacity) + 1, round(fonts.bold * capacity) + 1)
        self._by_kind = [TopK(size) for size in sizes]

    def offer(self, rank: int, candidate: Candidate) -> str | None:
        """As `TopK.offer`; fonts are limited in short labels only."""
        tokens = candidate.label.split()
        kind = 0
        if len(tokens) <= self._fonts.tokens:
            kind = 2 if is_bold(tokens) else 1 if has_font(tokens) else 0
        return self._by_kind[kind].offer(rank, candidate)

    def available(self, taken: set[str]) -> list[list[Candidate]]:
        """Candidates whose label is not in `taken`, by kind and rank."""
        return [[one for one in kind.ranked() if one.label not in taken] for kind in self._by_kind]

    def mix(self, available: list[list[Candidate]], limit: int) -> list[Candidate]:
        """At most `limit` candidates, within the limits on fonts."""
        plain, font, bold = available
        for _ in range(2):
            bolds = bold[: round(self._fonts.bold * limit)]
            fonts = font[: max(0, round(self._fonts.any * limit) - len(bolds))]
            plains = plain[: limit - len(fonts) - len(bolds)]
            missing = limit - len(plains) - len(fonts) - len(bolds)
            if missing > 0 and (font or bold) and self._fonts.any < 1:
                limit = min(limit, round(len(plains) / (1 - self._fonts.any)))
        return plains + fonts + bolds


class Selection:
    """Candidates of one source. Every candidate is chosen, or counted as dropped by reason."""

    def __init__(self, name: str, source: SourceParams, labels: int, seed: int, fonts: FontParams) -> None:
        self._salt = f"{seed}\0{name}\0".encode()
        self.dropped: Counter[str] = Counter()
        self.seen = 0
        self.quotas: dict[tuple[int, int], int] = {}
        self._pools: dict[tuple[int, int], dict[int, LengthPool]] = {}
        for shortest, longest, share in source.ranges:
            lengths = range(shortest, longest + 1)
            quota = self.quotas[shortest, longest] = round(share * labels)
            if source.even_lengths:
                capacity = round(EVEN_SLACK * quota / len(lengths)) + 1
                self._pools[shortest, longest] = {length: LengthPool(capacity, fonts) for length in lengths}
            else:
                self._pools[shortest, longest] = dict.fromkeys(lengths, LengthPool(round(SLACK * quota) + 1, fonts))

    def offer(self, candidate: Candidate) -> None:
        """Add a candidate, or count the reason to drop it."""
        self.seen += 1
        length = candidate.label.count(" ") + 1
        pools = next((pools for pools in self._pools.values() if length in pools), None)
        reason = "other_length" if pools is None else pools[length].offer(self._rank(candidate.label), candidate)
        if reason is not None:
            self.dropped[reason] += 1

    def count_dropped(self, reason: str, count: int = 1) -> None:
        """Count candidates that were dropped before the selection."""
        self.seen += count
        self.dropped[reason] += count

    def _rank(self, label: str) -> int:
        return int.from_bytes(hashlib.blake2b(self._salt + label.encode(), digest_size=8).digest(), "big")

    def choose(self, taken: set[str]) -> dict[tuple[int, int], list[Candidate]]:
        """Choose the labels of each range, at most its quota and none of `taken`, to which they are added.

        Lengths with few candidates contribute all of them; the other lengths share the rest of the quota.
        """
        chosen: dict[tuple[int, int], list[Candidate]] = {}
        stored = self.seen - self.dropped.total()
        for bounds, quota in self.quotas.items():
            pools = list(dict.fromkeys(self._pools[bounds].values()))
            available = [(pool, pool.available(taken)) for pool in pools]
            available.sort(key=lambda item: len(item[0].mix(item[1], quota)))
            labels: list[Candidate] = []
            for number, (pool, candidates) in enumerate(available):
                labels += pool.mix(candidates, (quota - len(labels)) // (len(available) - number))
            taken.update(candidate.label for candidate in labels)
            chosen[bounds] = labels
        self.dropped["over_quota"] += stored - sum(map(len, chosen.values()))
        return chosen
