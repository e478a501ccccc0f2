"""The gate of a branch: which scores fell, against a base, by more than luck with the samples explains.

A score fails where the paired bootstrap says, one-sided at 0.95, that this run is worse on the same test samples. Where
a side has no samples, or the two were not judged on the same ones, it fails below the base's published interval. A
share of kept records fails where it fell by more than is allowed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from im2latex.errors import UsageError
from im2latex.metrics.bootstrap import CONFIDENCE
from im2latex.metrics.pairing import RowPairs, pair_rows
from im2latex.reporting.comparison import ScorePair, contrasted, differences, lower_is_better, published
from im2latex.reporting.markdown import table
from im2latex.reporting.revisions import Revision
from im2latex.reporting.run_data import Side

HEADLINE = ("bleu", "edit", "exact", "image_exact", "compiles", "cdm", "cdm_strict")
"""Scores that are watched unless others are asked for."""

BASES = ("origin/main", "main")
"""What a run is compared with unless told, the first that there is."""

HEAD = ("watched", "base", "this run", "change", "allowed", "")


@dataclass(frozen=True)
class Check:
    """One watched number. `now` is None where this run does not have it; `allowed` says in words what passes."""

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
class Gate:
    """All checks, and what a reader must know of how they were made."""

    base: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that fail."""
        return tuple(check for check in self.checks if check.fails)

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if not self.failed:
            return f"nothing watched is worse than in {self.base}"
        return f"worse than in {self.base}: {', '.join(check.name for check in self.failed)}"


def find_base() -> str:
    """The first of `BASES` that is a commit here; raises `UsageError` where none is."""
    for name in BASES:
        try:
            Revision(name)
        except UsageError:
            continue
        return name
    tried = " nor ".join(BASES)
    raise UsageError(f"no base to compare with: neither {tried} is a commit here; name one: im2latex gate COMMIT")


def gate(base: Side, now: Side, asked: Sequence[str], ledger: float | None, resamples: int, seed: int) -> Gate:
    """Check the scores, those asked for or the headline ones, and, with `ledger`, every stage's share of kept records.

    Raises `UsageError` for a score that the base does not have.
    """
    for name in asked:
        if name not in base.run.scores:
            raise UsageError(f"--score {name}: {base.name} has no such score; it has {', '.join(base.run.scores)}")
    watched = [name for name in asked or HEADLINE if name in base.run.scores]
    if not watched:
        raise UsageError(f"{base.name} has none of the watched scores ({', '.join(HEADLINE)}); name others by --score")
    notes, pairs = _how(base, now)
    rows = {one.name: one for one in _score_pairs(base, now, pairs, resamples, seed)}
    checks = [_check(rows.get(name), name, base.run.scores[name]) for name in watched]
    if ledger is not None:
        checks += _kept(base.kept(), now.kept(), ledger)
    return Gate(base.name, tuple(checks), tuple(notes))


def _how(base: Side, now: Side) -> tuple[list[str], RowPairs | None]:
    """The common samples, or None where published intervals must do, and in words why."""
    notes = []
    if base.dataset and now.dataset and base.dataset != now.dataset:
        notes.append(f"the data set changed: {base.dataset[:12]} in {base.name}, {now.dataset[:12]} in this run")
    lacking = [sentence for side in (base, now) for sentence in (side.absent, side.doubt) if sentence]
    if lacking or base.judged is None or now.judged is None:
        return [*notes, *lacking, "compared by published intervals, not by samples"], None
    pairs = pair_rows(base.judged.rows, now.judged.rows)
    if not pairs.same_set:
        parts = "; ".join(differences(pairs, base.name, "this run"))
        notes.append(f"the test sets differ: {parts}; compared by published intervals, not by samples")
        return notes, None
    return [*notes, f"compared on the same {len(pairs.a):,} samples by paired bootstrap"], pairs


def _score_pairs(base: Side, now: Side, pairs: RowPairs | None, resamples: int, seed: int) -> tuple[ScorePair, ...]:
    return contrasted(base, now, pairs, resamples, seed) if pairs else published(base, now)


def _check(found: ScorePair | None, name: str, before: float) -> Check:
    if found is None:
        return Check(name, before, None, "must be there", True)
    falling = lower_is_better(name)
    if found.contrast:
        chance = found.contrast.p_worse
        limit = 1 - CONFIDENCE
        return Check(name, found.a, found.b, f"p ≥ {limit:.2f}, is {chance:.3f}", chance < limit)
    low, high = found.a_interval or (found.a, found.a)
    if falling:
        return Check(name, found.a, found.b, f"≤ {high:.3f}", found.b > high)
    return Check(name, found.a, found.b, f"≥ {low:.3f}", found.b < low)


def _kept(base: dict[str, float], now: dict[str, float], most: float) -> Iterable[Check]:
    for stage, share in base.items():
        known = now.get(stage)
        fails = known is None or share - known > most
        yield Check(f"kept by {stage}", share, known, f"≥ {max(0.0, share - most):.3f}", fails)


def as_table(found: Gate) -> Table:
    """For a terminal."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in HEAD:
        shown.add_column(title, justify="left" if title in HEAD[:1] + HEAD[4:] else "right", no_wrap=True)
    for check in found.checks:
        *cells, outcome = check.cells()
        shown.add_row(*cells, Text(outcome, "bold red" if check.fails else "green"))
    return shown


def as_markdown(found: Gate) -> str:
    """For a job summary or a pull request."""
    outcome = f"**{found.sentence[0].upper()}{found.sentence[1:]}.**\n"
    rows = [[f"**{cell}**" if check.fails else cell for cell in check.cells()] for check in found.checks]
    notes = "".join(f"- {sentence}\n" for sentence in found.notes)
    return "\n".join(["### Scores against the base\n", outcome, table(HEAD, rows, words=(0, 4, 5)), notes])
