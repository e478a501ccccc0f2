import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.models.model import Network

TOKENS = torch.tensor([[1, 5, 6, 7, 8], [1, 9, 4, 4, 5]])


def test_steps_with_the_cache_score_as_the_whole_sequence(network: Network) -> None:
    images = torch.randint(0, 256, (2, 1, 32, 64), dtype=torch.uint8)
    whole = network(images, TOKENS).logits
    state = network.initial_state(images)
    for place in range(TOKENS.shape[1]):
        logits, state = network.step(state, TOKENS[:, place])
        torch.testing.assert_close(logits, whole[:, place], atol=1e-5, rtol=0)


def test_later_tokens_are_hidden(network: Network) -> None:
    images = torch.randint(0, 256, (2, 1, 32, 64), dtype=torch.uint8)
    changed = TOKENS.clone()
    changed[:, 3:] = 6
    first, second = network(images, TOKENS).logits, network(images, changed)[0]
    torch.testing.assert_close(first[:, :3], second[:, :3], atol=1e-5, rtol=0)
    assert not torch.allclose(first[:, 3:], second[:, 3:])


def test_padding_changes_nothing(network: Network) -> None:
    images = torch.randint(0, 256, (2, 1, 32, 64), dtype=torch.uint8)
    padded = torch.nn.functional.pad(TOKENS, (0, 4), value=Vocabulary.pad)
    together = network(images, padded)[0]
    for row in range(2):
        alone = network(images[row : row + 1], TOKENS[row : row + 1])[0]
        torch.testing.assert_close(together[row : row + 1, :5], alone, atol=1e-5, rtol=0)


def test_the_state_has_the_batch_first(network: Network) -> None:
    images = torch.randint(0, 256, (3, 1, 32, 64), dtype=torch.uint8)
    _, state = network.step(network.initial_state(images), torch.tensor([1, 1, 1]))
    logits, _ = network.step(state, torch.tensor([5, 6, 7]))
    turned, _ = network.step([part[[2, 0]] for part in state], torch.tensor([7, 5]))
    torch.testing.assert_close(turned, logits[[2, 0]], atol=1e-5, rtol=0)
