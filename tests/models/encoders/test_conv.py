import torch

from im2latex.models.encoders import build_encoder
from im2latex.models.model import ModelParams


def test_one_position_for_each_eight_by_eight_pixels(model: ModelParams) -> None:
    encoder = build_encoder(model.encoder).eval()
    assert encoder(torch.rand(2, 1, 32, 64)).shape == (2, 4 * 8, encoder.features)


def test_positions_run_column_by_column(model: ModelParams) -> None:
    """Ink in the last columns leaves the first positions as they are, where no attention mixes them."""
    encoder = build_encoder(model.encoder.model_copy(update={"layers": 0})).eval()
    blank, inked = torch.zeros(1, 1, 32, 128), torch.zeros(1, 1, 32, 128)
    inked[..., 120:] = 1.0
    changed = (encoder(blank) - encoder(inked)).abs().sum(dim=2)[0] > 1e-6
    assert changed[-4:].all()
    assert not changed[: 4 * 8].any()


def test_a_image_does_not_feel_its_neighbours(model: ModelParams) -> None:
    encoder = build_encoder(model.encoder).eval()
    ink = torch.rand(3, 1, 32, 64)
    torch.testing.assert_close(encoder(ink)[:1], encoder(ink[:1]), atol=1e-5, rtol=0)
