"""The gate of a branch: the scores that are significantly worse than those of a base.

A score fails where the paired bootstrap says, one-sided at 0.95, that this run is worse on the same test samples. Where
a run has no samples, or the two have different ones, it fails outside the base's published interval. A share of kept
records fails where it decreased by more than is allowed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from im2latex.errors import UsageError
from im2latex.metrics.bootstrap import CONFIDENCE
from im2latex.metrics.registry import PRIMARY_METRICS, lower_is_better
from im2latex.metrics.significance import RowPairs, pair_rows
from im2latex.reporting.compare import ScorePair, paired_scores, published_scores, sample_differences
from im2latex.reporting.run_data import RunData
from im2latex.reporting.runs import RevisionFiles
from im2latex.reporting.tables import markdown_table

DEFAULT_BASES = ("origin/main", "main")
"""Revisions to compare with by default: the first that exists."""

HEADINGS = ("checked", "base", "this run", "change", "allowed", "")


@dataclass(frozen=True)
class GateCheck:
    """One checked number. `now` is None where this run does not have it; `allowed` is the condition in words."""

    name: str
    base: float
    now: float | None
    allowed: str
    fails: bool

    def cells(self) -> list[str]:
        """The row under `HEAD`."""
        now, change = ("missing", "") if self.now is None else (f"{self.now:.3f}", f"{self.now - self.base:+.3f}")
        return [self.name, f"{self.base:.3f}", now, change, self.allowed, "FAILS" if self.fails else "ok"]


@dataclass(frozen=True)
class GateResult:
    """All checks, and notes on how they were made."""

    base: str
    checks: tuple[GateCheck, ...]
    notes: tuple[str, ...]

    @property
    def failed(self) -> tuple[GateCheck, ...]:
        """The checks that fail."""
        return tuple(check for check in self.checks if check.fails)

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if not self.failed:
            return f"no checked score is worse than in {self.base}"
        return f"worse than in {self.base}: {', '.join(check.name for check in self.failed)}"


def default_base() -> str:
    """The first of `BASES` that is a commit here; raises `UsageError` where none is."""
    for name in DEFAULT_BASES:
        try:
            RevisionFiles(name)
        except UsageError:
            continue
        return name
    tried = " nor ".join(DEFAULT_BASES)
    raise UsageError(f"no base to compare with: neither {tried} is a commit here; name one: im2latex gate COMMIT")


def gate(
    base: RunData, now: RunData, names: Sequence[str], ledger: float | None, resamples: int, seed: int
) -> GateResult:
    """Check the named scores, or the primary metrics, and, with `ledger`, the share of records that each stage kept.

    Raises `UsageError` for a score that the base does not have, and where the two cannot be compared: a run was not
    evaluated, or they are of different corpora.
    """
    for run in (base, now):
        if run.run.n is None:
            where = "this run" if run is now else run.name
            raise UsageError(f"{where} was not evaluated since its data or model changed; run `dvc repro evaluate`")
    if base.corpus and now.corpus and base.corpus != now.corpus:
        raise UsageError(
            f"the corpora differ: {base.corpus} in {base.name}, {now.corpus} in this run; scores of different corpora "
            "cannot be compared: name a base with the same corpus, as in `im2latex gate COMMIT`"
        )
    for name in names:
        if name not in base.run.scores:
            raise UsageError(f"--score {name}: {base.name} has no such score; it has {', '.join(base.run.scores)}")
    checked = [name for name in names or PRIMARY_METRICS if name in base.run.scores]
    if not checked:
        raise UsageError(
            f"{base.name} has none of the checked scores ({', '.join(PRIMARY_METRICS)}); name others by --score"
        )
    notes, pairs = _common_samples(base, now)
    rows = {one.name: one for one in _score_pairs(base, now, pairs, resamples, seed)}
    checks = [_check(rows.get(name), name, base.run.scores[name]) for name in checked]
    if ledger is not None:
        checks += _kept_shares(base.kept_shares(), now.kept_shares(), ledger)
    return GateResult(base.name, tuple(checks), tuple(notes))


def _common_samples(base: RunData, now: RunData) -> tuple[list[str], RowPairs | None]:
    """The common samples, or None where published intervals have to be used, and notes that say why."""
    notes = []
    if base.dataset and now.dataset and base.dataset != now.dataset:
        notes.append(f"the dataset changed: {base.dataset[:12]} in {base.name}, {now.dataset[:12]} in this run")
    lacking = [note for run in (base, now) for note in (run.missing_samples, run.inconsistency) if note]
    if lacking or base.samples is None or now.samples is None:
        return [*notes, *lacking, "compared by published intervals, not by samples"], None
    pairs = pair_rows(base.samples.rows, now.samples.rows)
    if not pairs.same_set:
        parts = "; ".join(sample_differences(pairs, base.name, "this run"))
        notes.append(f"the test sets differ: {parts}; compared by published intervals, not by samples")
        return notes, None
    return [*notes, f"compared on the same {len(pairs.a):,} samples by paired bootstrap"], pairs


def _score_pairs(
    base: RunData, now: RunData, pairs: RowPairs | None, resamples: int, seed: int
) -> tuple[ScorePair, ...]:
    return paired_scores(base, now, pairs, resamples, seed) if pairs else published_scores(base, now)


def _check(found: ScorePair | None, name: str, before: float) -> GateCheck:
    if found is None:
        return GateCheck(name, before, None, "must be present", True)
    if found.test:
        p, limit = found.test.p_worse, 1 - CONFIDENCE
        return GateCheck(name, found.a, found.b, f"p ≥ {limit:.2f}, is {p:.3f}", p < limit)
    low, high = found.a_interval or (found.a, found.a)
    if lower_is_better(name):
        return GateCheck(name, found.a, found.b, f"≤ {high:.3f}", found.b > high)
    return GateCheck(name, found.a, found.b, f"≥ {low:.3f}", found.b < low)


def _kept_shares(base: dict[str, float], now: dict[str, float], most: float) -> Iterable[GateCheck]:
    for stage, share in base.items():
        known = now.get(stage)
        fails = known is None or share - known > most
        yield GateCheck(f"kept by {stage}", share, known, f"≥ {max(0.0, share - most):.3f}", fails)


def as_table(found: GateResult) -> Table:
    """For a terminal."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in HEADINGS:
        shown.add_column(title, justify="left" if title in HEADINGS[:1] + HEADINGS[4:] else "right", no_wrap=True)
    for check in found.checks:
        *cells, outcome = check.cells()
        shown.add_row(*cells, Text(outcome, "bold red" if check.fails else "green"))
    return shown


def as_markdown(found: GateResult) -> str:
    """For a job summary or a pull request."""
    outcome = f"**{found.sentence[0].upper()}{found.sentence[1:]}.**\n"
    rows = [[f"**{cell}**" if check.fails else cell for cell in check.cells()] for check in found.checks]
    notes = "".join(f"- {sentence}\n" for sentence in found.notes)
    return "\n".join(["### Scores against the base\n", outcome, markdown_table(HEADINGS, rows, words=(0, 4, 5)), notes])
