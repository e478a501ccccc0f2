import numpy as np
import pytest

from im2latex.engines.torch_engine import TorchEngine
from im2latex.models.model import Network
from im2latex.training.example_images import color_by_attention


class OneCell(TorchEngine):
    """An engine whose tokens all attend to the last cell of the grid."""

    def attention(self, memory, tokens):  # type: ignore[no-untyped-def]
        weights = np.zeros_like(super().attention(memory, tokens))
        weights[..., -1] = 1
        return weights


def test_the_place_that_a_token_attends_to_is_colored(network: Network) -> None:
    image = np.full((16, 32), 255, np.uint8)
    image[2, 2] = 0
    picture = color_by_attention(OneCell(network), image, [5])
    assert picture.shape == (16, 32, 3)
    colored = (picture != picture[:, :, :1]).any(axis=2)
    assert colored[-1, -1]
    assert not colored[:, :16].any()
    assert (picture[2, 2] == 0).all(), "ink stays"


@pytest.mark.parametrize("tokens", [[], [5, 6], [5] * 200])
def test_any_prediction_can_be_shown(network: Network, tokens: list[int]) -> None:
    picture = color_by_attention(TorchEngine(network), np.full((16, 32), 255, np.uint8), tokens)
    assert picture.dtype == np.uint8
    assert ((picture != 255).any()) == bool(tokens)
