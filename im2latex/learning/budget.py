"""Minutes of training to samples, by a stopwatch."""

import time

import torch

from im2latex.learning.recipe import sample_limit
from im2latex.learning.run import Run

TIMED_STEPS = 40
"""Steps that are timed, at most; the first quarter of them prepares kernels, and is not counted."""


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
