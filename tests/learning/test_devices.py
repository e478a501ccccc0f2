"""The machine in words."""

import torch

from im2latex.learning.devices import describe_devices


def test_names_the_version_and_the_accelerators() -> None:
    words = describe_devices()
    assert words.startswith(f"torch {torch.__version__}, ")
    assert ("no GPU" in words) == (not torch.cuda.is_available())
