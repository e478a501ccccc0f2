import torch

from im2latex.models.transformer_layers import sinusoidal_encoding, sinusoidal_encoding_2d


def distinct(rows: torch.Tensor) -> int:
    return len({tuple(row) for row in rows.tolist()})


def test_every_position_has_its_own_encoding() -> None:
    assert distinct(sinusoidal_encoding(50, 16, torch.device("cpu"))) == 50
    grid = sinusoidal_encoding_2d(4, 9, 32, torch.device("cpu"))
    assert grid.shape == (32, 4, 9)
    assert distinct(grid.flatten(1).T) == 36
