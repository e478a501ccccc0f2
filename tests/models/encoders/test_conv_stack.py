from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from im2latex.config import check
from im2latex.errors import InputError, ParamsError
from im2latex.models.encoders.conv_stack import (
    ConvLayerParams,
    ConvStack,
    ConvStackEncoder,
    ConvStackEncoderParams,
    stack_geometry,
)

LAYERS = [{"conv": 4, "pool": [2, 2]}, {"conv": 8, "pool": [2, 1], "norm": True}, {"conv": 8, "activation": "tanh"}]
VALUES: dict[str, Any] = {
    "name": "conv-stack",
    "layers": LAYERS,
    "positional_encoding": False,
    "image_size": [32, 64],
    "strips": False,
}

layers = st.builds(
    ConvLayerParams,
    conv=st.just(2),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 2),
    valid=st.booleans(),
    norm=st.booleans(),
    pool=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)


def encoder(**changes: object) -> ConvStackEncoder:
    torch.manual_seed(0)
    return ConvStackEncoder(check(VALUES | changes, ConvStackEncoderParams, "encoder")).eval()


@given(st.lists(layers, min_size=1, max_size=4), st.integers(1, 40), st.integers(1, 40))
@torch.inference_mode()
def test_the_grid_has_the_size_of_the_geometry(stack: list[ConvLayerParams], height: int, width: int) -> None:
    grid = ConvStack(tuple(stack)).eval()(torch.rand(1, 1, height, width))
    assert tuple(grid.shape[2:]) == stack_geometry(tuple(stack), height, width)[:2]


def test_images_are_padded_with_background_to_the_stride() -> None:
    conv_stack = encoder().conv_stack
    ink = torch.rand(1, 1, 30, 61)
    whole = torch.nn.functional.pad(ink, (0, 1, 0, 2))
    torch.testing.assert_close(conv_stack(ink), conv_stack(whole))
    assert stack_geometry(conv_stack.params, 30, 61)[:2] == stack_geometry(conv_stack.params, 32, 62)[:2] == (8, 31)


def test_every_image_is_padded_to_the_image_size() -> None:
    free, bound = encoder(image_size=None), encoder()
    ink = torch.rand(2, 1, 16, 20)
    memory, page = free(ink), bound(ink).unflatten(1, (32, 8))
    assert bound.geometry(16, 20)[:2] == (8, 32)
    torch.testing.assert_close(page[:, :10, :4], memory.unflatten(1, (10, 4)))
    assert page[:, 10:].abs().max() == page[:, :, 4:].abs().max() == 0


def test_strips_join_the_rows_of_a_column() -> None:
    plain, strips = encoder(), encoder(strips=True)
    ink = torch.rand(2, 1, 32, 64)
    columns = plain(ink).unflatten(1, (32, 8))
    assert strips.out_features == 64
    assert strips.geometry(32, 64) == (1, 32, (15.5, 32), plain.geometry(32, 64).horizontal)
    torch.testing.assert_close(strips(ink).unflatten(2, (8, 8)).transpose(2, 3), columns)


def test_positional_encoding_distinguishes_equal_cells() -> None:
    blank = torch.zeros(1, 1, 32, 64)
    assert encoder(positional_encoding=True, image_size=None)(blank)[0].unique(dim=0).shape[0] == 8 * 32
    assert encoder(positional_encoding=False, image_size=None)(blank)[0].unique(dim=0).shape[0] < 8 * 32


@pytest.mark.parametrize("size", [(33, 10), (10, 65)])
def test_an_image_larger_than_image_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=rf"an image of {size[0]} x {size[1]} pixels exceeds the image_size 32 x 64"):
        encoder()(torch.zeros(1, 1, *size))


def test_errors_name_the_key() -> None:
    with pytest.raises(ParamsError, match="^p: strips needs image_size"):
        check(VALUES | {"strips": True, "image_size": None}, ConvStackEncoderParams, "p")
    with pytest.raises(ParamsError, match=r"^p\.layers\.1\.cnov is not a known key; known here are activation, conv"):
        check(VALUES | {"layers": [LAYERS[0], {"conv": 4, "cnov": 8}]}, ConvStackEncoderParams, "p")
