import torch
from torch import nn

from im2latex.models.model import Network
from im2latex.training.batch_norm import update_batch_norm


def test_a_batch_weighs_as_much_as_the_images_in_it(network: Network) -> None:
    generator = torch.Generator().manual_seed(1)
    large, small = (
        torch.randint(0, 256, (size, 1, 16, 32), generator=generator, dtype=torch.uint8) for size in (12, 4)
    )
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    momentum, means = norm.momentum, []
    for batches in ([large], [small], [large, small]):
        update_batch_norm(network, batches)
        assert norm.running_mean is not None
        means.append(norm.running_mean.clone())
    assert not torch.allclose(means[0], means[1])
    torch.testing.assert_close(means[2], 0.75 * means[0] + 0.25 * means[1])
    assert norm.momentum == momentum
    assert not norm.training
