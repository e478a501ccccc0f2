import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import greedy
from im2latex.engines.torch_engine import TorchEngine
from im2latex.models.model import Network
from im2latex.parallel.cancellation import CallCancelledError, Cancellation

IMAGES = np.random.default_rng(1).integers(0, 256, (5, 32, 64), dtype=np.uint8)


@torch.inference_mode()
def log_probability(network: Network, images: NDArray[np.uint8], tokens: list[int]) -> float:
    """Scored at once, without a cache; `tokens` end with the end mark where there is one."""
    given = torch.tensor([[Vocabulary.bos, *tokens[:-1]]])
    scores = network(torch.from_numpy(images)[:, None], given)[0].log_softmax(-1)[0]
    return float(sum(scores[place, token] for place, token in enumerate(tokens)))


def favour_the_end(network: Network, amount: float, until: int = 3) -> None:
    """Tilt the scores towards the end mark from `until` tokens on, so that untrained rows finish at various lengths."""
    score = network.decoder.step

    def tilted(state: list[Tensor], tokens: Tensor) -> tuple[Tensor, list[Tensor]]:
        logits, after = score(state, tokens)
        logits[:, Vocabulary.eos] += amount * (after[0].shape[2] - until)
        return logits, after

    network.decoder.step = tilted  # type: ignore[method-assign]


def test_the_length_is_bounded(network: Network) -> None:
    favour_the_end(network, -100.0)
    for found in greedy(TorchEngine(network), IMAGES, 6):
        if not found.finished:
            assert len(found.tokens) == 6
        assert len(found.tokens) <= 6


def test_a_search_that_nobody_waits_for_ends_at_its_next_step(network: Network) -> None:
    favour_the_end(network, -100.0, until=0)
    score, unwanted, steps = network.decoder.step, Cancellation(), 0

    def cancelling(state: list[Tensor], tokens: Tensor) -> tuple[Tensor, list[Tensor]]:
        nonlocal steps
        steps += 1
        unwanted.cancel()
        return score(state, tokens)

    network.decoder.step = cancelling  # type: ignore[method-assign]
    with unwanted.active(), pytest.raises(CallCancelledError):
        greedy(TorchEngine(network), IMAGES, 6)
    assert steps == 1


def test_neighbours_change_nothing(network: Network) -> None:
    favour_the_end(network, 0.5)
    together = greedy(TorchEngine(network), IMAGES, 12)
    alone = [greedy(TorchEngine(network), IMAGES[row : row + 1], 12)[0] for row in range(5)]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)


def test_log_probability_is_that_of_the_tokens(network: Network) -> None:
    for row, found in enumerate(greedy(TorchEngine(network), IMAGES, 12)):
        if found.finished:
            tokens = [*found.tokens, Vocabulary.eos]
            expected = log_probability(network, IMAGES[row : row + 1], tokens)
            assert found.log_probability == pytest.approx(expected, abs=1e-3)


def test_the_probability_of_a_cut_formula_is_that_of_ending_there(network: Network) -> None:
    favour_the_end(network, -3.0, until=0)
    found = greedy(TorchEngine(network), IMAGES, 4)
    assert not any(one.finished for one in found)
    network.decoder.step = type(network.decoder).step.__get__(network.decoder)  # type: ignore[method-assign]
    for row, one in enumerate(found):
        assert len(one.tokens) == 4
        tilted = log_probability(network, IMAGES[row : row + 1], [*one.tokens, Vocabulary.eos])
        assert one.log_probability < tilted, "the tilt against the end is in it"


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_rows_that_ended_and_wait_change_nothing(
    network: Network, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    favour_the_end(network, 0.5)
    found = greedy(TorchEngine(network), IMAGES, 12)
    monkeypatch.setattr("im2latex.decoding.greedy.ENDED_SHARE", share)
    again = greedy(TorchEngine(network), IMAGES, 12)
    assert [(one.tokens, one.finished) for one in found] == [(one.tokens, one.finished) for one in again]
    for one, other in zip(found, again, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)


def test_marks_are_never_found(network: Network) -> None:
    for found in greedy(TorchEngine(network), IMAGES, 12):
        assert not {Vocabulary.pad, Vocabulary.bos, Vocabulary.eos} & set(found.tokens)
