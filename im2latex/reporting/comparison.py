"""Two sides in depth: their scores and whether luck explains the difference, and the samples that changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from im2latex.errors import UsageError
from im2latex.metrics.pairing import RowPairs, pair_rows
from im2latex.metrics.significance import PairedTest, paired_bootstrap
from im2latex.reporting.gallery import Row, error_share, is_right
from im2latex.reporting.run_data import Side
from im2latex.reporting.runs import differing
from im2latex.reporting.scores import LABELS, LOWER_IS_BETTER

Interval = tuple[float, float]

NAMED = 5
"""Formulas that only one side has, or that changed their reference, named in a sentence; JSON names all."""


@dataclass(frozen=True)
class ScorePair:
    """One score of both sides. `contrast` is None where there are no common samples to draw from."""

    name: str
    a: float
    b: float
    a_interval: Interval | None
    b_interval: Interval | None
    contrast: PairedTest | None = None

    @property
    def change(self) -> float:
        """B - A."""
        return self.b - self.a

    @property
    def verdict(self) -> str:
        """What can be said of B: "better", "worse", "not told apart", or "equal"."""
        if self.a == self.b:
            return "equal"
        if self.contrast:
            apart = self.contrast.significant
        elif self.a_interval and self.b_interval:
            apart = self.a_interval[1] < self.b_interval[0] or self.b_interval[1] < self.a_interval[0]
        else:
            return "no interval"
        return ("better" if (self.b < self.a) == lower_is_better(self.name) else "worse") if apart else "not told apart"


@dataclass(frozen=True)
class SamplePair:
    """One formula as both sides read it (records.SCORES). `gain` is above 0 where B read it better."""

    a: Row
    b: Row
    gain: float


@dataclass(frozen=True)
class Comparison:
    """A and B. `pairs` is None where a side has no samples; `notes` say what a reader must know of the numbers."""

    a: Side
    b: Side
    scores: tuple[ScorePair, ...]
    pairs: RowPairs | None
    better: tuple[SamplePair, ...]
    worse: tuple[SamplePair, ...]
    notes: tuple[str, ...]

    @property
    def params(self) -> dict[str, tuple[Any, Any]]:
        """The parameters that differ, with both values; None for one that a run does not know."""
        names = differing([self.a.run, self.b.run])
        return {name: (self.a.run.params.get(name), self.b.run.params.get(name)) for name in names}


def compare(a: Side, b: Side, resamples: int, seed: int) -> Comparison:
    """Compare by common samples, or, where a side has none, by published scores and their intervals."""
    notes = [sentence for side in (a, b) for sentence in (side.absent, side.doubt, side.training) if sentence]
    if a.dataset != b.dataset and a.dataset and b.dataset:
        notes.append(f"the data sets differ: {a.dataset[:12]} in A, {b.dataset[:12]} in B")
    if a.judged is None or b.judged is None:
        if not a.run.scores.keys() & b.run.scores.keys():
            raise UsageError(f"{a.name} and {b.name} have no score in common: one was evaluated, one only validated")
        notes.append("compared by published scores and their intervals, which tell less than common samples would")
        return Comparison(a, b, published(a, b), None, (), (), tuple(notes))
    pairs = pair_rows(a.judged.rows, b.judged.rows)
    scores = contrasted(a, b, pairs, resamples, seed)
    changed = sorted(_sample_pairs(a, b, pairs), key=lambda one: (-abs(one.gain), -_length(one), one.a["formula_id"]))
    better, worse = (tuple(one for one in changed if sign * one.gain > 0) for sign in (1, -1))
    return Comparison(a, b, scores, pairs, better, worse, (*notes, *differences(pairs)))


def contrasted(a: Side, b: Side, pairs: RowPairs, resamples: int, seed: int) -> tuple[ScorePair, ...]:
    """The scores that both have, on common samples, in the order of `LABELS`; a side without samples has none."""
    if a.judged is None or b.judged is None:
        return ()
    scores = {name: a.judged.scores[name] for name in LABELS if name in a.judged.scores and name in b.judged.scores}
    columns_a = {name: column[pairs.a] for name, column in a.judged.columns.items()}
    columns_b = {name: column[pairs.b] for name, column in b.judged.columns.items()}
    found = paired_bootstrap(columns_a, columns_b, scores, LOWER_IS_BETTER, resamples, seed)
    return tuple(ScorePair(one.name, one.a, one.b, one.a_interval, one.b_interval, one) for one in found)


def published(a: Side, b: Side) -> tuple[ScorePair, ...]:
    """The scores that both published."""
    both = [name for name in a.run.scores if name in b.run.scores]
    order = [name for name in LABELS if name in both] + [name for name in both if name not in LABELS]
    return tuple(
        ScorePair(name, a.run.scores[name], b.run.scores[name], a.run.intervals.get(name), b.run.intervals.get(name))
        for name in order
    )


def chosen(found: Comparison, asked: Sequence[str]) -> tuple[str, ...]:
    """The scores to show: those asked for, else all; raises `UsageError` for one that is not there."""
    known = [one.name for one in found.scores]
    for name in asked:
        if name not in known:
            raise UsageError(f"--score {name}: not a score of both; they have {', '.join(known)}")
    return tuple(asked or known)


def lower_is_better(name: str) -> bool:
    """Whether a fall of this score is good."""
    return name in LOWER_IS_BETTER or name.endswith(("_loss", "_error"))


def differences(pairs: RowPairs, a: str = "A", b: str = "B") -> list[str]:
    """Samples that are not the same on both sides, counted, and the first of them named."""
    found = [
        (f"only in {a}", pairs.only_a),
        (f"only in {b}", pairs.only_b),
        ("with another reference", pairs.other_reference),
    ]
    return [f"{_named(names)} {words}" for words, names in found if names]


def _named(names: Sequence[str]) -> str:
    first = ", ".join(name[:12] for name in names[:NAMED]) + (", …" if len(names) > NAMED else "")
    return f"{len(names):,} {'formulas' if len(names) > 1 else 'formula'} ({first})"


def _sample_pairs(a: Side, b: Side, pairs: RowPairs) -> list[SamplePair]:
    assert a.judged
    assert b.judged
    left, right = a.judged.rows.take(pairs.a).to_pylist(), b.judged.rows.take(pairs.b).to_pylist()
    return [SamplePair(one, other, _gain(one, other)) for one, other in zip(left, right, strict=True)]


def _gain(a: Row, b: Row) -> float:
    """By how much B is better: 1 for a formula that is right now, and the fall of the share of wrong tokens."""
    if a["image_exact"] is None or b["image_exact"] is None:
        a, b = ({**row, "image_exact": None} for row in (a, b))
    return is_right(b) - is_right(a) + error_share(a) - error_share(b)


def _length(one: SamplePair) -> int:
    return len(one.a["reference"].split())


def as_json(found: Comparison, examples: int) -> dict[str, Any]:
    """All scores, the counts of samples, and the first `examples` of those that changed most each way."""
    return {
        "a": found.a.name,
        "b": found.b.name,
        "paired": found.pairs is not None,
        "n": len(found.pairs.a) if found.pairs else None,
        "scores": {one.name: _score_json(one) for one in found.scores},
        "params": {name: list(values) for name, values in found.params.items()},
        "samples": _samples_json(found) if found.pairs else None,
        "better": [_example_json(one) for one in found.better[:examples]],
        "worse": [_example_json(one) for one in found.worse[:examples]],
        "notes": list(found.notes),
    }


def _score_json(one: ScorePair) -> dict[str, Any]:
    values: dict[str, Any] = {"a": one.a, "b": one.b, "change": round(one.change, 6)}
    values |= {"a_interval": one.a_interval, "b_interval": one.b_interval}
    if one.contrast:
        values |= {"interval": one.contrast.interval, "p": one.contrast.p, "p_worse": one.contrast.p_worse}
    return values | {"verdict": one.verdict}


def _samples_json(found: Comparison) -> dict[str, Any]:
    assert found.pairs
    same = len(found.pairs.a) - len(found.better) - len(found.worse)
    counts = {"both": len(found.pairs.a), "better": len(found.better), "worse": len(found.worse), "same": same}
    return counts | {
        "only_a": list(found.pairs.only_a),
        "only_b": list(found.pairs.only_b),
        "other_reference": list(found.pairs.other_reference),
    }


def _example_json(one: SamplePair) -> dict[str, Any]:
    return {
        "formula_id": one.a["formula_id"],
        "reference": one.a["reference"],
        "a": one.a["hypothesis"],
        "b": one.b["hypothesis"],
        "gain": round(one.gain, 6),
    }
