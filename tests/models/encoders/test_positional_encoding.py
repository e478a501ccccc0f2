import torch

from im2latex.models.encoders.positional_encoding import positions_2d, sinusoids


def distinct(rows: torch.Tensor) -> int:
    return len({tuple(row) for row in rows.tolist()})


def test_positions_are_told_apart() -> None:
    assert distinct(sinusoids(50, 16, torch.device("cpu"))) == 50
    grid = positions_2d(4, 9, 32, torch.device("cpu"))
    assert grid.shape == (32, 4, 9)
    assert distinct(grid.flatten(1).T) == 36
