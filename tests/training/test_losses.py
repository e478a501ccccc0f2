import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from im2latex.config import check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ParamsError
from im2latex.training.loss_monitor import LossMonitor
from im2latex.training.losses import MIN_LOSSES, attention_penalty, ctc_loss, sequence_loss
from im2latex.training.scheduled_sampling import ScheduledSamplingParams, sampling_mask, teacher_forcing_probability

TOKENS = torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]])
LENGTHS = torch.tensor([2, 1])


def test_sequence_loss_of_a_guess_is_the_logarithm_of_the_vocabulary() -> None:
    assert math.isclose(sequence_loss(torch.zeros(2, 3, 10), TOKENS).item(), math.log(10), rel_tol=1e-5)


def test_sequence_loss_does_not_see_padding() -> None:
    logits = torch.randn(2, 3, 10)
    changed = logits.clone()
    changed[1, 2] = 50.0
    assert torch.equal(sequence_loss(logits, TOKENS), sequence_loss(changed, TOKENS))


def test_reading_loss_is_small_for_the_tokens_in_order_only() -> None:
    blank = Vocabulary.pad
    right = torch.tensor([[blank, 5, 5, blank, 6], [7, blank, blank, blank, blank]])
    wrong = right.flip(1)
    scores = [20.0 * torch.nn.functional.one_hot(grid, 10) for grid in (right, wrong)]
    losses = [ctc_loss(one, TOKENS, LENGTHS).item() for one in scores]
    assert losses[0] < 1e-3 < 1 < losses[1]


def test_reading_loss_is_zero_where_the_grid_is_too_small() -> None:
    assert ctc_loss(torch.randn(1, 1, 10), TOKENS[:1], LENGTHS[:1]).item() == 0.0


def test_attention_on_one_position_is_a_hundred_and_even_attention_zero() -> None:
    even, one = torch.full((2, 3, 4), 0.25), torch.zeros(2, 3, 4)
    one[..., 2] = 1.0
    assert attention_penalty(even, TOKENS, target=0.0).item() < 1e-5
    assert math.isclose(attention_penalty(one, TOKENS, target=0.0).item(), 100.0, rel_tol=1e-5)
    assert math.isclose(attention_penalty(one, TOKENS, target=5.27).item(), 94.73, rel_tol=1e-5)


def test_attention_in_turn_is_even_and_padding_does_not_count() -> None:
    in_turn = torch.eye(3)[None].expand(2, 3, 3).clone()
    assert attention_penalty(in_turn[:1], TOKENS[:1], target=0.0).item() < 1e-5
    changed = in_turn.clone()
    changed[1, 2] = torch.tensor([0.0, 1.0, 0.0])
    plain, other = (attention_penalty(given, TOKENS, target=0.0) for given in (in_turn, changed))
    torch.testing.assert_close(plain, other)


EXPONENTIAL = ScheduledSamplingParams(decay="exponential", k=0.5, step_samples=10)
SIGMOID = ScheduledSamplingParams(decay="inverse-sigmoid", k=4.0, step_samples=10)


def test_the_share_is_that_of_the_paper() -> None:
    assert teacher_forcing_probability(EXPONENTIAL, 0) == 1.0
    assert teacher_forcing_probability(EXPONENTIAL, 30) == 0.125
    assert teacher_forcing_probability(SIGMOID, 0) == pytest.approx(4 / 5)
    assert teacher_forcing_probability(SIGMOID, 80) == pytest.approx(4 / (4 + 2.718281828**2))


@given(st.sampled_from([EXPONENTIAL, SIGMOID]), st.integers(0, 10**12), st.integers(0, 10**12))
def test_the_share_falls_and_never_leaves_its_range(params: ScheduledSamplingParams, one: int, other: int) -> None:
    early, late = sorted((one, other))
    assert 1 >= teacher_forcing_probability(params, early) >= teacher_forcing_probability(params, late) >= 0


def test_the_share_of_tokens_is_replaced_but_never_the_first() -> None:
    tokens = torch.zeros(200, 101, dtype=torch.long)
    replaced = sampling_mask(tokens, EXPONENTIAL, 20, seed=1)
    assert replaced is not None
    assert not replaced[:, 0].any()
    assert replaced[:, 1:].float().mean().item() == pytest.approx(0.75, abs=0.01)
    again, other = (sampling_mask(tokens, EXPONENTIAL, 20, seed) for seed in (1, 2))
    assert again is not None
    assert other is not None
    assert torch.equal(replaced, again)
    assert not torch.equal(replaced, other)


def test_without_params_nothing_is_replaced() -> None:
    assert sampling_mask(torch.zeros(2, 3), None, 10**9, seed=1) is None


@pytest.mark.parametrize(("decay", "k"), [("exponential", 1.0), ("inverse-sigmoid", 0.5)])
def test_a_share_that_would_not_fall_is_refused(decay: str, k: float) -> None:
    with pytest.raises(ParamsError, match=f"^p: k = {k} does not fit {decay}"):
        check({"decay": decay, "k": k, "step_samples": 1}, ScheduledSamplingParams, "p")


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
    other.load_state_dict(monitor.state_dict())
    assert other.pending == []
    assert other.losses == monitor.losses == list(range(150))
    assert other.state_dict() == monitor.state_dict()
    assert other.check([[7.0, 1.0]], 3) is not None
