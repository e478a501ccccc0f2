"""The budget of a run by the clock: minutes to samples, what that costs, and how fast the samples go by."""

import time
from datetime import timedelta

import torch

from im2latex.training.config import BudgetParams, sample_limit
from im2latex.training.run import Run

TIMED_STEPS = 40
"""Steps that are timed, at most; the first quarter of them prepares kernels, and is not counted."""

DEFAULT_SAMPLES = 37_000
"""`train.budget.samples` of params.yaml as it comes."""

PACE_SECONDS = 20.0
"""Least time between two lines that tell the pace; a step may come on top of it."""


def sample_budget(run: Run) -> int:
    """The samples that the budget allows; minutes are converted at the speed of some steps, which are undone.

    Their seconds over their samples, since batches of long labels hold fewer samples; so the result depends on the
    machine and on what else it does. A GPU meets new shapes for longer than that: give it `deadline_seconds`.
    """
    budget = run.params.budget
    limit = sample_limit(budget, len(run.samples))
    if budget.minutes is None:
        return limit
    before = run.state.snapshot()
    run.state.total = limit
    seconds: list[float] = []
    counts: list[int] = []
    while len(seconds) < TIMED_STEPS and run.state.seen < limit:
        seen, started = run.state.seen, time.perf_counter()
        run.step()
        if run.fabric.device.type == "cuda":
            torch.cuda.synchronize(run.fabric.device)
        seconds.append(time.perf_counter() - started)
        counts.append(run.state.seen - seen)
    run.state.restore(before)
    counted = slice(len(seconds) // 4, None)
    affordable = run.fabric.broadcast(round(60 * budget.minutes * sum(counts[counted]) / sum(seconds[counted])))
    return max(1, min(limit, affordable))


def clock_warning(budget: BudgetParams, total: int) -> str | None:
    """What a budget by the clock means for whoever repeats the run of `total` samples; None for one in samples."""
    if budget.deadline_seconds is not None:
        return (
            f"train.budget.deadline_seconds = {budget.deadline_seconds:g}: the clock decides where training ends, and "
            f"so the weights; to be able to repeat the run set train.budget.samples alone (default {DEFAULT_SAMPLES:,})"
        )
    if budget.minutes is None or total == budget.samples:
        return None
    return (
        f"train.budget.minutes = {budget.minutes:g}: {total:,} samples at the speed of this machine now, where the "
        f"default is {DEFAULT_SAMPLES:,}; another speed gives other weights. To repeat this run set "
        f"train.budget.samples = {total} and minutes = null"
    )


class Pace:
    """Samples a second and the time left, told every `PACE_SECONDS`, to a terminal and to a log alike."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._spent, self._seen = run.spent, run.state.seen
        self._began = self._told = time.monotonic()

    def line(self) -> str | None:
        """One line where it is time for one: the pace since the last, the time left at the mean pace so far."""
        now, seen, spent = time.monotonic(), self._run.state.seen, self._run.spent
        if now - self._told < PACE_SECONDS:
            return None
        pace = (seen - self._seen) / (now - self._told)
        left = (now - self._began) * max(0.0, 1 - spent) / max(spent - self._spent, 1e-9)
        self._told, self._seen = now, seen
        return (
            f"{seen:,} samples, {spent:.1%} of the budget, {pace:.1f} samples/s, {timedelta(seconds=round(left))} left"
        )
