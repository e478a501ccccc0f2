"""Comparison of two runs: their scores, the significance of each difference, and the samples that changed.

`comparison_output` writes it as text, as JSON and as a page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from im2latex.errors import UsageError
from im2latex.metrics.registry import in_order, lower_is_better
from im2latex.metrics.significance import PairedTest, RowPairs, pair_rows, paired_bootstrap
from im2latex.reporting import gallery
from im2latex.reporting.run_data import RunData
from im2latex.reporting.runs import differing_params

Interval = tuple[float, float]

NAMED = 5
"""Formulas that are named in a sentence about samples in only one run; JSON names all."""


@dataclass(frozen=True)
class ScorePair:
    """One score of both runs. `test` is None where the runs have no samples in common."""

    name: str
    a: float
    b: float
    a_interval: Interval | None
    b_interval: Interval | None
    test: PairedTest | None = None

    @property
    def change(self) -> float:
        """B - A."""
        return self.b - self.a

    @property
    def outcome(self) -> str:
        """Outcome of B against A: "better", "worse", "equal", "not significant" or "no interval".

        The last means that a run has no interval and the two have no samples in common.
        """
        if self.a == self.b:
            return "equal"
        if self.test:
            significant = self.test.significant
        elif self.a_interval and self.b_interval:
            significant = self.a_interval[1] < self.b_interval[0] or self.b_interval[1] < self.a_interval[0]
        else:
            return "no interval"
        if not significant:
            return "not significant"
        return "better" if (self.b < self.a) == lower_is_better(self.name) else "worse"


@dataclass(frozen=True)
class SamplePair:
    """One formula as both runs predicted it (rows of `schemas.SCORES`). `gain` is above 0 where B is better."""

    a: gallery.ScoredRow
    b: gallery.ScoredRow
    gain: float


@dataclass(frozen=True)
class Comparison:
    """A and B. `pairs` is None where a run has no samples; `notes` are sentences about what the numbers rest on."""

    a: RunData
    b: RunData
    scores: tuple[ScorePair, ...]
    pairs: RowPairs | None
    better: tuple[SamplePair, ...]
    worse: tuple[SamplePair, ...]
    notes: tuple[str, ...]

    @property
    def params(self) -> dict[str, tuple[Any, Any]]:
        """The parameters that differ, with both values; None where a run does not have one."""
        names = differing_params([self.a.run, self.b.run])
        return {name: (self.a.run.params.get(name), self.b.run.params.get(name)) for name in names}


def compare(a: RunData, b: RunData, resamples: int, seed: int) -> Comparison:
    """Compare by common samples, or, where a run has none, by published scores and their intervals.

    Raises `UsageError` where the runs have no score in common.
    """
    notes = [note for run in (a, b) for note in (run.missing_samples, run.inconsistency, run.budget_note) if note]
    if a.dataset != b.dataset and a.dataset and b.dataset:
        notes.append(f"the datasets differ: {a.dataset[:12]} in A, {b.dataset[:12]} in B")
    if a.samples is None or b.samples is None:
        if not a.run.scores.keys() & b.run.scores.keys():
            raise UsageError(f"{a.name} and {b.name} have no score in common: one was evaluated, one only validated")
        notes.append("compared by published scores and their intervals, which is weaker than by common samples")
        return Comparison(a, b, published_scores(a, b), None, (), (), tuple(notes))
    pairs = pair_rows(a.samples.rows, b.samples.rows)
    scores = paired_scores(a, b, pairs, resamples, seed)
    changed = sorted(_sample_pairs(a, b, pairs), key=lambda one: (-abs(one.gain), -_length(one), one.a["formula_id"]))
    better, worse = (tuple(one for one in changed if sign * one.gain > 0) for sign in (1, -1))
    return Comparison(a, b, scores, pairs, better, worse, (*notes, *sample_differences(pairs)))


def paired_scores(a: RunData, b: RunData, pairs: RowPairs, resamples: int, seed: int) -> tuple[ScorePair, ...]:
    """The scores that both runs have, tested on common samples; none where a run has no samples."""
    if a.samples is None or b.samples is None:
        return ()
    first, second = a.samples.aggregates, b.samples.aggregates
    aggregates = {name: first[name] for name in in_order([name for name in first if name in second])}
    columns_a = {name: column[pairs.a] for name, column in a.samples.columns.items()}
    columns_b = {name: column[pairs.b] for name, column in b.samples.columns.items()}
    falling = [name for name in aggregates if lower_is_better(name)]
    tests = paired_bootstrap(columns_a, columns_b, aggregates, falling, resamples, seed)
    return tuple(ScorePair(one.name, one.a, one.b, one.a_interval, one.b_interval, one) for one in tests)


def published_scores(a: RunData, b: RunData) -> tuple[ScorePair, ...]:
    """The scores that both runs published."""
    one, other = a.run, b.run
    return tuple(
        ScorePair(name, one.scores[name], other.scores[name], one.intervals.get(name), other.intervals.get(name))
        for name in in_order([name for name in one.scores if name in other.scores])
    )


def select_scores(found: Comparison, names: Sequence[str]) -> tuple[str, ...]:
    """The scores to show: those named, else all; raises `UsageError` for one that is not in both runs."""
    known = [one.name for one in found.scores]
    for name in names:
        if name not in known:
            raise UsageError(f"--score {name}: not a score of both; they have {', '.join(known)}")
    return tuple(names or known)


def sample_differences(pairs: RowPairs, a: str = "A", b: str = "B") -> list[str]:
    """Sentences about the samples that are not the same in both runs: their number, and the first of them."""
    groups = [
        (f"only in {a}", pairs.only_a),
        (f"only in {b}", pairs.only_b),
        ("with another reference", pairs.other_reference),
    ]
    return [f"{_named(names)} {words}" for words, names in groups if names]


def _named(names: Sequence[str]) -> str:
    first = ", ".join(name[:12] for name in names[:NAMED]) + (", …" if len(names) > NAMED else "")
    return f"{len(names):,} {'formulas' if len(names) > 1 else 'formula'} ({first})"


def _sample_pairs(a: RunData, b: RunData, pairs: RowPairs) -> list[SamplePair]:
    assert a.samples
    assert b.samples
    left, right = a.samples.rows.take(pairs.a).to_pylist(), b.samples.rows.take(pairs.b).to_pylist()
    return [SamplePair(one, other, _gain(one, other)) for one, other in zip(left, right, strict=True)]


def _gain(a: gallery.ScoredRow, b: gallery.ScoredRow) -> float:
    """Improvement of B over A: 1 for a formula that is now correct, plus the decrease of the share of wrong tokens."""
    if a["image_exact"] is None or b["image_exact"] is None:
        a, b = ({**row, "image_exact": None} for row in (a, b))
    return gallery.is_correct(b) - gallery.is_correct(a) + gallery.error_share(a) - gallery.error_share(b)


def _length(one: SamplePair) -> int:
    return len(one.a["reference"].split())
