import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from im2latex.config import check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.engines.torch_engine import TorchEngine
from im2latex.images.decode import decode_png
from im2latex.inference.attention_maps import attention_maps, attention_rows
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset, preset_names
from im2latex.schemas import ATTENTION
from im2latex.training.checkpoint import Checkpoint
from im2latex.types import Shape

TOKENS = np.array([[5, 6, 7, 8], [9, 4, 4, 5]])


def network_of(name: str) -> Network:
    torch.manual_seed(0)
    return Network(check(load_preset(name)["model"], ModelParams, name), 12).eval()


@pytest.mark.parametrize("name", [name for name in preset_names() if name.endswith("-small")])
def test_every_family_has_attention_maps(name: str) -> None:
    network = network_of(name)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 128), dtype=np.uint8)
    maps = attention_maps(TorchEngine(network), images, TOKENS)
    assert maps.shape[:2] == (2, 4)
    grid = network.encoder.geometry(64, 128)
    assert maps.shape[2:] == (1 if "strips" in name else 64 / grid.vertical.stride, 128 / grid.horizontal.stride)
    sums = maps.sum(axis=(2, 3))
    assert (sums > 0).all()
    assert (sums <= 1 + 1e-5).all()
    if (grid.rows, grid.columns) == maps.shape[2:]:
        np.testing.assert_allclose(sums, 1, rtol=1e-5)
    alone = attention_maps(TorchEngine(network), images[1:], TOKENS[1:, :3])
    np.testing.assert_allclose(alone[0], maps[1, :3], atol=1e-5)


class OneCell(TorchEngine):
    """Attends to one cell for each token of the sequence, counted column by column."""

    def attention(self, memory: torch.Tensor, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.eye(memory.shape[1], dtype=np.float32)[tokens]


def test_a_cell_becomes_its_place_in_the_image() -> None:
    """Cells of 32 x 8 pixels divide an image evenly; it is in the upper left of a page of three rows."""
    engine = OneCell(Network(check(load_preset("i2l-nopool-small")["model"], ModelParams, "model"), 12))
    maps = attention_maps(engine, np.zeros((1, 64, 128), np.uint8), np.array([[6, 5, 0, 0]]))
    assert maps.shape == (1, 4, 2, 16)
    assert np.argwhere(maps[0, 0]).tolist() == [[Vocabulary.bos, 0]]
    assert np.argwhere(maps[0, 1]).tolist() == [[0, 2]]
    assert maps[0, 2].sum() == 0, "beyond the image"
    assert np.argwhere(maps[0, 3]).tolist() == [[0, 0]]


def test_cells_around_pixels_are_half_a_step_higher() -> None:
    """A cell of the family `fast` is around the first of its eight pixels, so that half of it is in the part before."""
    engine = OneCell(Network(check(load_preset("fast-small")["model"], ModelParams, "model"), 12))
    maps = attention_maps(engine, np.zeros((1, 64, 128), np.uint8), np.array([[8 + 2, 0]]))
    near, far = (8 / 2 + 0.5) / 8, (8 / 2 - 0.5) / 8
    expected = np.array([[far * far, far * near], [near * far, near * near]])
    np.testing.assert_allclose(maps[0, 1, 1:3, :2], expected, rtol=1e-6)
    assert maps[0, 1].sum() == pytest.approx(1)


def test_attention_maps_match_the_predicted_tokens(
    network: Network, model: ModelParams, vocabulary: Vocabulary
) -> None:
    checkpoint = Checkpoint(network, model, vocabulary, [Shape(16, 40, 4)], "a1", {}, {})
    image = np.zeros((12, 20), np.uint8)
    rows = [*attention_rows(TorchEngine(network), checkpoint.config, [("one", image, "a c"), ("two", image, "b")])]
    table = pa.Table.from_pylist(rows, schema=ATTENTION).to_pylist()
    assert [row["formula_id"] for row in table] == ["one", "two"]
    assert table[0]["tokens"] == ["a", "c"]
    assert (table[0]["rows"], table[0]["columns"]) == (2, 5)
    assert len(table[0]["maps"]) == 2 * 2 * 5
    page = decode_png(table[0]["page"]["bytes"])
    assert page.shape == (16, 40)
    assert (page[2:14, 10:30] == 0).all()
    maps = attention_maps(TorchEngine(network), page[None], np.array([vocabulary.encode(["a", "c"])]))
    np.testing.assert_allclose(table[0]["maps"], maps.ravel(), rtol=1e-5)
