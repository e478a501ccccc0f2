import numpy as np
import pyarrow as pa
import pytest
import torch

from im2latex.config import check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.images.decode import decode_png
from im2latex.inference.attention_maps import attention_maps, attention_rows
from im2latex.models.model import ModelParams, Network, Output
from im2latex.models.presets import load_preset, preset_names
from im2latex.schemas import ATTENTION
from im2latex.training.checkpoint import Checkpoint
from im2latex.training.dataset import Shape

TOKENS = torch.tensor([[5, 6, 7, 8], [9, 4, 4, 5]])


def network_of(name: str) -> Network:
    torch.manual_seed(0)
    return Network(check(load_preset(name)["model"], ModelParams, name), 12).eval()


@pytest.mark.parametrize("name", [name for name in preset_names() if name.endswith("-small")])
def test_every_family_has_attention_maps(name: str) -> None:
    network = network_of(name)
    images = torch.randint(0, 256, (2, 1, 64, 128), dtype=torch.uint8)
    maps = attention_maps(network, images, TOKENS)
    assert maps.shape[:2] == (2, 4)
    grid = network.encoder.geometry(64, 128)
    assert maps.shape[2:] == (1 if "strips" in name else 64 / grid.vertical.stride, 128 / grid.horizontal.stride)
    assert not maps.requires_grad
    sums = maps.sum(dim=(2, 3))
    assert (sums > 0).all()
    assert (sums <= 1 + 1e-5).all()
    if (grid.rows, grid.columns) == maps.shape[2:]:
        torch.testing.assert_close(sums, torch.ones(2, 4))
    alone = attention_maps(network, images[1:], TOKENS[1:, :3])
    torch.testing.assert_close(alone[0], maps[1, :3], atol=1e-5, rtol=0)


class Looking(Network):
    """Looks at one cell for each token it is fed, counted column by column."""

    def forward(
        self,
        images: torch.Tensor,
        tokens: torch.Tensor,
        sample_mask: torch.Tensor | None = None,
        need_weights: bool = False,
        ctc: bool = True,
    ) -> Output:
        rows, columns = self.encoder.geometry(*images.shape[2:])[:2]
        return Output(tokens, None, torch.nn.functional.one_hot(tokens, rows * columns).float())


def test_a_cell_becomes_its_place_in_the_image() -> None:
    """Pools of 32 pixels divide an image evenly; it is in the upper left of a page of ten rows."""
    network = Looking(check(load_preset("i2l-nopool-small")["model"], ModelParams, "model"), 12)
    maps = attention_maps(network, torch.zeros(1, 1, 64, 128, dtype=torch.uint8), torch.tensor([[20, 5, 0, 0]]))
    assert maps.shape == (1, 4, 2, 4)
    assert maps[0, 0].nonzero().tolist() == [[Vocabulary.bos, 0]]
    assert maps[0, 1].nonzero().tolist() == [[0, 2]]
    assert maps[0, 2].sum() == 0, "beyond the image"
    assert maps[0, 3].nonzero().tolist() == [[0, 0]]


def test_cells_around_pixels_are_half_a_step_higher() -> None:
    """A cell of the family `fast` is around the first of its eight pixels, so that half of it is in the part before."""
    network = Looking(check(load_preset("fast-small")["model"], ModelParams, "model"), 12)
    maps = attention_maps(network, torch.zeros(1, 1, 64, 128, dtype=torch.uint8), torch.tensor([[8 + 2, 0]]))
    near, far = (8 / 2 + 0.5) / 8, (8 / 2 - 0.5) / 8
    expected = torch.tensor([[far * far, far * near], [near * far, near * near]])
    torch.testing.assert_close(maps[0, 1, 1:3, :2], expected)
    assert maps[0, 1].sum() == 1


def test_attention_maps_match_the_predicted_tokens(
    network: Network, model: ModelParams, vocabulary: Vocabulary
) -> None:
    checkpoint = Checkpoint(network, model, vocabulary, [Shape(16, 40, 4)], "a1", {}, {})
    image = np.zeros((12, 20), np.uint8)
    rows = [*attention_rows(checkpoint, [("one", image, "a c"), ("two", image, "b")])]
    table = pa.Table.from_pylist(rows, schema=ATTENTION).to_pylist()
    assert [row["formula_id"] for row in table] == ["one", "two"]
    assert table[0]["tokens"] == ["a", "c"]
    assert (table[0]["rows"], table[0]["columns"]) == (2, 5)
    assert len(table[0]["maps"]) == 2 * 2 * 5
    page = decode_png(table[0]["page"]["bytes"])
    assert page.shape == (16, 40)
    assert (page[2:14, 10:30] == 0).all()
    fed = torch.from_numpy(page.copy())[None, None]
    maps = attention_maps(network, fed, torch.tensor([vocabulary.encode(["a", "c"])]))
    torch.testing.assert_close(torch.tensor(table[0]["maps"]), maps.flatten())
