import itertools
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from im2latex.training.loss_monitor import LossMonitor
from im2latex.training.losses import MIN_LOSSES


@given(st.lists(st.floats(0.1, 30), max_size=60), st.lists(st.integers(1, 7), min_size=60, max_size=60))
def test_the_first_bad_loss_does_not_depend_on_when_it_is_checked(losses: list[float], sizes: list[int]) -> None:
    def first_bad(groups: list[list[float]]) -> int | None:
        monitor, before = LossMonitor(), 0
        for group in groups:
            bad = monitor.check([[loss, loss] for loss in group], 3.0)
            if bad is not None:
                return before + bad[0]
            before += len(group)
        return None

    cuts = [sum(sizes[:count]) for count in range(len(sizes))]
    groups = [losses[start:end] for start, end in itertools.pairwise(cuts)]
    assert first_bad(groups) == first_bad([[loss] for loss in losses])


def test_bad_is_not_finite_or_far_above_the_median() -> None:
    usual = [[2.0, 1.0]] * MIN_LOSSES
    assert LossMonitor().check([*usual, [19.0, 1.0]], 10) is None
    assert LossMonitor().check([*usual, [21.0, 1.0]], 10) == (
        MIN_LOSSES,
        "the loss is 21, more than 10 times the median 2",
    )
    assert LossMonitor().check([*usual, [1e30, 1.0]], 0) is None
    assert LossMonitor().check([[2.0, 1.0], [math.nan, 1.0]], 0) == (1, "the loss is nan")


def test_a_restored_monitor_has_the_same_median_and_losses() -> None:
    monitor, other = LossMonitor(), LossMonitor()
    monitor.check([[2.0, float(place)] for place in range(150)], 0)
    other.record(torch.tensor(1.0), torch.tensor(1.0))
    for norm in (1.0, math.inf):
        monitor.record_gradient_norm(torch.tensor(norm))
    monitor.check([], 0)
    other.record_gradient_norm(torch.tensor(5.0))
    other.load_state_dict(monitor.state_dict())
    assert other.pending == []
    assert other.gradient_norms == [1.0, math.inf]
    assert other.losses == monitor.losses == list(range(150))
    assert other.state_dict() == monitor.state_dict()
    assert other.check([[7.0, 1.0]], 3) is not None
