import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from im2latex.config import check
from im2latex.errors import ParamsError
from im2latex.training.scheduled_sampling import ScheduledSamplingParams, sampling_mask, teacher_forcing_probability

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
