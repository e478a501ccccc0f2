import torch

from im2latex.models.model import Network
from im2latex.training.callbacks import module_rows


def test_parts_have_shapes_and_all_the_weights(network: Network) -> None:
    rows = module_rows(network, torch.full((1, 1, 16, 32), 255, dtype=torch.uint8), torch.tensor([[1, 4, 2]]))
    table = {name.strip(): (kind, shape, weights) for name, kind, shape, weights in rows}
    assert table["encoder"][:2] == ("ConvEncoder", "(1, 8, 32)")
    assert table["embedding"][1] == "(1, 2, 32)"
    whole = sum(int(weights.replace(",", "")) for name, _, _, weights in rows if not name.startswith(" "))
    assert whole == sum(weight.numel() for weight in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
