from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from im2latex.config import check
from im2latex.errors import InputError, ParamsError
from im2latex.models.encoders.conv_stack import (
    LayerParams,
    Tower,
    TowerEncoder,
    TowerEncoderParams,
    cells,
    grid_of,
    padded,
)

LAYERS = [{"conv": 4, "pool": [2, 2]}, {"conv": 8, "pool": [2, 1], "norm": True}, {"conv": 8, "activation": "tanh"}]
VALUES: dict[str, Any] = {"name": "tower", "layers": LAYERS, "timing": False, "page": [32, 64], "strips": False}

layers = st.builds(
    LayerParams,
    conv=st.just(2),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 2),
    valid=st.booleans(),
    norm=st.booleans(),
    pool=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)


def encoder(**changes: object) -> TowerEncoder:
    torch.manual_seed(0)
    return TowerEncoder(check(VALUES | changes, TowerEncoderParams, "encoder")).eval()


@given(st.lists(layers, min_size=1, max_size=4), st.integers(1, 40), st.integers(1, 40))
@torch.inference_mode()
def test_a_tower_makes_the_grid_that_is_told(stack: list[LayerParams], height: int, width: int) -> None:
    grid = Tower(tuple(stack)).eval()(torch.rand(1, 1, height, width))
    assert tuple(grid.shape[2:]) == grid_of(tuple(stack), height, width)


def test_images_are_padded_with_paper_to_the_stride() -> None:
    tower = encoder().tower
    ink = torch.rand(1, 1, 30, 61)
    whole = torch.nn.functional.pad(ink, (0, 1, 0, 2))
    torch.testing.assert_close(tower(ink), tower(whole))
    assert padded(tower.layers, 30, 0) == 32
    assert cells(tower.layers, 32, 0) == 8


def test_a_page_holds_every_image_in_its_upper_left() -> None:
    free, bound = encoder(page=None), encoder()
    ink = torch.rand(2, 1, 16, 20)
    memory, page = free(ink), bound(ink).unflatten(1, (32, 8))
    assert bound.grid(16, 20) == (8, 32)
    torch.testing.assert_close(page[:, :10, :4], memory.unflatten(1, (10, 4)))
    assert page[:, 10:].abs().max() == page[:, :, 4:].abs().max() == 0


def test_strips_join_the_rows_of_a_column() -> None:
    plain, strips = encoder(), encoder(strips=True)
    ink = torch.rand(2, 1, 32, 64)
    columns = plain(ink).unflatten(1, (32, 8))
    assert strips.features == 64
    assert strips.grid(32, 64) == (1, 32)
    assert strips.lattice() == ((15.5, 32), plain.lattice()[1])
    torch.testing.assert_close(strips(ink).unflatten(2, (8, 8)).transpose(2, 3), columns)


def test_timing_tells_equal_cells_apart() -> None:
    blank = torch.zeros(1, 1, 32, 64)
    assert encoder(timing=True, page=None)(blank)[0].unique(dim=0).shape[0] == 8 * 32
    assert encoder(timing=False, page=None)(blank)[0].unique(dim=0).shape[0] < 8 * 32


@pytest.mark.parametrize("size", [(33, 10), (10, 65)])
def test_a_image_larger_than_the_page_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=rf"an image of {size[0]} x {size[1]} pixels does not fit the page of 32 x 64"):
        encoder()(torch.zeros(1, 1, *size))


def test_what_is_wrong_is_told_with_its_place() -> None:
    with pytest.raises(ParamsError, match="^p: strips need a page"):
        check(VALUES | {"strips": True, "page": None}, TowerEncoderParams, "p")
    with pytest.raises(ParamsError, match=r"^p\.layers\.1\.cnov is not a known key; known here are activation, conv"):
        check(VALUES | {"layers": [LAYERS[0], {"conv": 4, "cnov": 8}]}, TowerEncoderParams, "p")
