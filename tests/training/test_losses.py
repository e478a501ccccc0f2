import math

import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.training.losses import attention_penalty, ctc_loss, sequence_loss

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
