import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.learning.network import Network


def test_both_logits_have_one_row_a_place(network: Network, vocabulary: Vocabulary) -> None:
    images = torch.full((2, 1, 32, 64), 255, dtype=torch.uint8)
    logits, reading = network(images, torch.ones(2, 5, dtype=torch.long))
    assert logits.shape == (2, 5, len(vocabulary))
    assert reading.shape == (2, 4 * 8, len(vocabulary))


def test_the_reading_starts_blank(network: Network) -> None:
    images = torch.randint(0, 256, (4, 1, 32, 64), dtype=torch.uint8)
    reading = network(images, torch.ones(4, 2, dtype=torch.long))[1].softmax(dim=-1)
    assert reading[..., Vocabulary.pad].mean() > 0.8


def test_bytes_and_floats_are_the_same_picture(network: Network) -> None:
    images = torch.randint(0, 256, (2, 1, 32, 64), dtype=torch.uint8)
    assert torch.equal(network.encode(images), network.encode(images.float()))
