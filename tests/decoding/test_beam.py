from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from im2latex.config import check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.beam import SearchParams, beam, length_normalized
from im2latex.decoding.greedy import Hypothesis, greedy
from im2latex.engines.torch_engine import TorchEngine
from im2latex.errors import ParamsError
from im2latex.models.model import Network
from tests.decoding.test_greedy import IMAGES, favour_the_end, log_probability

PLAIN = SearchParams(beam=4)
DIVERSE = SearchParams(beam=4, num_beam_groups=2, diversity_penalty=2.0)


def tokens(found: list[list[Hypothesis]]) -> list[list[list[int]]]:
    return [[one.tokens for one in hypotheses] for hypotheses in found]


@pytest.fixture
def sharp(network: Network) -> Network:
    """Scores that depend on the image and on every token before, and formulas of various lengths."""
    with torch.no_grad():
        for name, weights in network.decoder.named_parameters():
            weights.mul_(4.0 if weights.dim() > 1 and "layers" in name else 1.0)
    favour_the_end(network, 0.7, until=4)
    return network


@torch.inference_mode()
def stepped(network: Network, image: NDArray[np.uint8], tokens: list[int]) -> float:
    """The log probability of tokens, taken one by one, and of the end mark."""
    state, total = network.initial_state(torch.from_numpy(image)[None, None]), 0.0
    for token, following in pairwise([Vocabulary.bos, *tokens, Vocabulary.eos]):
        logits, state = network.step(state, torch.tensor([token]))
        total += float(logits.log_softmax(-1)[0, following])
    return total


def test_a_beam_of_one_is_greedy(network: Network) -> None:
    favour_the_end(network, 0.5)
    narrow, plain = (
        beam(TorchEngine(network), IMAGES, 12, SearchParams(beam=1)),
        greedy(TorchEngine(network), IMAGES, 12),
    )
    assert [one.tokens for (one,) in narrow] == [one.tokens for one in plain]
    assert [one.log_probability for (one,) in narrow] == pytest.approx([one.log_probability for one in plain], abs=1e-4)


def test_a_wide_beam_finds_the_best_short_formula_of_all(network: Network) -> None:
    """With a beam as wide as all beginnings the search is exhaustive."""
    vocabulary = network.step(network.initial_state(torch.from_numpy(IMAGES[:1, None])), torch.tensor([1]))[0].shape[1]
    letters = [token for token in range(vocabulary) if token not in (Vocabulary.pad, Vocabulary.bos, Vocabulary.eos)]
    every = [
        Hypothesis(tokens, log_probability(network, IMAGES[:1], [*tokens, Vocabulary.eos]), True)
        for tokens in [[], *([letter] for letter in letters)]
    ]
    params = SearchParams(beam=vocabulary)
    found, *_ = beam(TorchEngine(network), IMAGES[:1], 1, params)[0]
    best = max(every, key=lambda one: length_normalized(params, one))
    assert found.tokens == best.tokens
    assert found.log_probability == pytest.approx(best.log_probability, abs=1e-4)


@pytest.mark.parametrize("params", [PLAIN, DIVERSE])
def test_neighbours_change_nothing(sharp: Network, params: SearchParams) -> None:
    together = tokens(beam(TorchEngine(sharp), IMAGES, 12, params))
    leaving = {max(map(len, formulas)) for formulas in together}
    assert len(leaving) > 1 or params is DIVERSE, "images should leave at various steps"
    assert together == [tokens(beam(TorchEngine(sharp), image[None], 12, params))[0] for image in IMAGES]
    order = [3, 0, 4, 1, 2]
    assert [together[place] for place in order] == tokens(beam(TorchEngine(sharp), IMAGES[order], 12, params))


@pytest.mark.parametrize("params", [PLAIN, DIVERSE])
def test_log_probabilities_are_those_of_the_tokens(sharp: Network, params: SearchParams) -> None:
    for image, hypotheses in zip(IMAGES, beam(TorchEngine(sharp), IMAGES, 12, params), strict=True):
        for one in hypotheses:
            assert one.finished
            assert one.log_probability == pytest.approx(stepped(sharp, image, one.tokens), abs=1e-3)


@pytest.mark.parametrize("params", [PLAIN, DIVERSE])
def test_the_length_is_bounded(network: Network, params: SearchParams) -> None:
    favour_the_end(network, -100.0, until=-1)
    for hypotheses in beam(TorchEngine(network), IMAGES, 6, params):
        assert hypotheses
        assert all(not one.finished and len(one.tokens) == 6 for one in hypotheses)


def test_the_best_is_first_and_none_is_repeated(network: Network) -> None:
    favour_the_end(network, 0.5)
    for params in (PLAIN, SearchParams(beam=4, num_beam_groups=4, diversity_penalty=0.0)):
        for hypotheses in beam(TorchEngine(network), IMAGES, 12, params):
            scores = [length_normalized(params, one) for one in hypotheses]
            assert scores == sorted(scores, reverse=True)
            assert len({tuple(one.tokens) for one in hypotheses}) == len(hypotheses)


def test_groups_that_pay_for_agreeing_differ(network: Network) -> None:
    favour_the_end(network, 0.5)
    first_tokens = []
    for diversity in (0.0, 100.0):
        found = beam(
            TorchEngine(network), IMAGES, 12, SearchParams(beam=4, num_beam_groups=4, diversity_penalty=diversity)
        )
        first_tokens.append([len({tuple(one.tokens[:1]) for one in hypotheses}) for hypotheses in found])
    assert first_tokens == [[1] * len(IMAGES), [4] * len(IMAGES)]


def test_penalties() -> None:
    """Seven tokens and the end mark; equation 14 of Wu et al. 2016 gives (5 + 8) / 6."""
    one = Hypothesis([4] * 7, -4.0, True)
    assert length_normalized(SearchParams(beam=2), one) == -0.5
    assert length_normalized(SearchParams(beam=2, length_penalty=0), one) == -4.0
    assert length_normalized(SearchParams(beam=2, length_normalization="gnmt", length_penalty=1), one) == pytest.approx(
        -4 * 6 / 13
    )


def test_groups_must_divide_the_beam() -> None:
    with pytest.raises(ParamsError, match="num_beam_groups = 2 does not divide beam = 5"):
        check({"beam": 5, "num_beam_groups": 2}, SearchParams, "predict")
