"""Minutes of training to samples, by a stopwatch."""

import time

import numpy as np
import torch

from im2latex.learning.recipe import sample_limit
from im2latex.learning.run import Run

TIMED_STEPS = 40
"""Steps that are timed, at most."""


def sample_budget(run: Run) -> int:
    """The samples that the budget allows; minutes are converted at the speed of some steps, which are undone.

    The median step is taken, because the first batch of each shape is slow: its kernels are being prepared.
    """
    budget = run.params.budget
    before = run.state.snapshot()
    limit = run.state.total = sample_limit(budget, len(run.samples))
    if budget.minutes is None:
        return limit
    seconds: list[float] = []
    while len(seconds) < TIMED_STEPS and run.state.seen < limit:
        seen, started = run.state.seen, time.perf_counter()
        run.step()
        if run.fabric.device.type == "cuda":
            torch.cuda.synchronize(run.fabric.device)
        seconds.append((time.perf_counter() - started) / (run.state.seen - seen))
    run.state.restore(before)
    affordable = run.fabric.broadcast(round(60 * budget.minutes / float(np.median(seconds))))
    return max(1, min(limit, affordable))
