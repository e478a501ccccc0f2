import math

import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.learning.losses import reading_loss, sequence_loss

TOKENS = torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]])


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
    losses = [reading_loss(20.0 * torch.nn.functional.one_hot(grid, 10), TOKENS).item() for grid in (right, wrong)]
    assert losses[0] < 1e-3 < 1 < losses[1]


def test_reading_loss_is_zero_where_the_grid_is_too_small() -> None:
    assert reading_loss(torch.randn(1, 1, 10), TOKENS[:1]).item() == 0.0
