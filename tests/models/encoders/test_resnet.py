import pytest
import torch

from im2latex.config import check
from im2latex.errors import ParamsError
from im2latex.models.encoders.resnet import ResnetEncoder, ResnetEncoderParams

VALUES = {"name": "resnet", "channels": [4, 6, 8], "blocks": [1, 2, 1], "features": 12}


def test_one_position_for_each_sixteen_by_sixteen_pixels() -> None:
    encoder = ResnetEncoder(check(VALUES, ResnetEncoderParams, "p")).eval()
    assert encoder(torch.rand(2, 1, 33, 64)).shape == (2, 3 * 4, 12)
    assert encoder.geometry(33, 64)[:2] == (3, 4)


def test_the_published_stages_have_their_published_size() -> None:
    """ResNet-18 holds 11.69 million weights, 8.39 of them in the fourth stage and 0.51 in the classifier."""
    values = VALUES | {"channels": [64, 128, 256], "blocks": [2, 2, 2], "features": 128}
    encoder = ResnetEncoder(check(values, ResnetEncoderParams, "p"))
    stages = sum(weight.numel() for weight in encoder.parameters()) - (256 * 128 + 128)
    assert stages == 2_782_784 - 2 * 64 * 49, "as torchvision's, but for the two colours that the stem does not see"


def test_stages_must_agree() -> None:
    with pytest.raises(ParamsError, match="^p: channels and blocks must name the same number of stages"):
        check(VALUES | {"blocks": [1, 2]}, ResnetEncoderParams, "p")
