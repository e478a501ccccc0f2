import torch

from im2latex.models.model import ModelParams


def test_one_position_for_each_eight_by_eight_pixels(model: ModelParams) -> None:
    encoder = model.encoder.build().eval()
    assert encoder(torch.rand(2, 1, 32, 64)).shape == (2, 4 * 8, encoder.out_features)


def test_positions_run_column_by_column(model: ModelParams) -> None:
    """Ink in the last columns leaves the first positions as they are, where no attention mixes them."""
    encoder = model.encoder.model_copy(update={"layers": 0}).build().eval()
    blank, inked = torch.zeros(1, 1, 32, 128), torch.zeros(1, 1, 32, 128)
    inked[..., 120:] = 1.0
    changed = (encoder(blank) - encoder(inked)).abs().sum(dim=2)[0] > 1e-6
    assert changed[-4:].all()
    assert not changed[: 4 * 8].any()


def test_the_other_images_of_a_batch_do_not_matter(model: ModelParams) -> None:
    encoder = model.encoder.build().eval()
    ink = torch.rand(3, 1, 32, 64)
    torch.testing.assert_close(encoder(ink)[:1], encoder(ink[:1]), atol=1e-5, rtol=0)
