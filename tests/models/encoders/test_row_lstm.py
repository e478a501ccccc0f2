import torch

from im2latex.config import check
from im2latex.models.encoders.row_lstm import RowLstmEncoder, RowLstmEncoderParams


def encoder(max_rows: int = 4) -> RowLstmEncoder:
    torch.manual_seed(0)
    values = {"name": "row-lstm", "layers": [{"conv": 4, "pool": [4, 4]}], "units": 6, "max_rows": max_rows}
    return RowLstmEncoder(check(values, RowLstmEncoderParams, "encoder")).eval()


def test_rows_are_bidirectional_and_independent() -> None:
    model = encoder()
    blank, inked = torch.zeros(2, 1, 12, 20).unbind(0), torch.zeros(1, 1, 12, 20)
    inked[:, :, 9:, 9:11] = 1.0
    before = model(blank[0][None]).unflatten(1, (5, 3))
    after = model(inked).unflatten(1, (5, 3))
    changed = (before - after).abs().amax(dim=3)[0] > 1e-7
    assert changed[:, 2].all()
    assert not changed[:, 0].any()


def test_rows_differ_by_their_start_only_up_to_the_last_one() -> None:
    memory = encoder(max_rows=2)(torch.zeros(1, 1, 24, 20)).unflatten(1, (5, 6))[0]
    inner = memory[:, 1:5]
    torch.testing.assert_close(inner, inner[:, :1].expand_as(inner))
    assert not torch.allclose(memory[:, 0], memory[:, 1])


def test_each_image_starts_its_own_rows() -> None:
    model, ink = encoder(), torch.rand(3, 1, 13, 21)
    assert model(ink).shape == (3, 4 * 6, 12)
    assert model.geometry(13, 21)[:2] == (4, 6)
    torch.testing.assert_close(model(ink)[1:2], model(ink[1:2]))
