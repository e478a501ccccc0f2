from typing import Any

import pytest
import torch

from im2latex.config import check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ParamsError
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset


def test_both_logits_have_one_row_a_place(network: Network, vocabulary: Vocabulary) -> None:
    images = torch.full((2, 1, 32, 64), 255, dtype=torch.uint8)
    output = network(images, torch.ones(2, 5, dtype=torch.long))
    assert output.logits.shape == (2, 5, len(vocabulary))
    assert output.ctc_logits is not None
    assert output.ctc_logits.shape == (2, 4 * 8, len(vocabulary))
    assert output.attention is None


def test_the_reading_starts_blank(network: Network) -> None:
    images = torch.randint(0, 256, (4, 1, 32, 64), dtype=torch.uint8)
    logits = network(images, torch.ones(4, 2, dtype=torch.long)).ctc_logits
    assert logits is not None
    assert logits.softmax(dim=-1)[..., Vocabulary.pad].mean() > 0.8


def test_bytes_and_floats_are_the_same_image(network: Network) -> None:
    images = torch.randint(0, 256, (2, 1, 32, 64), dtype=torch.uint8)
    assert torch.equal(network.encode(images), network.encode(images.float()))


def test_a_network_without_a_reading_has_no_weights_for_it(model: ModelParams, vocabulary: Vocabulary) -> None:
    silent = Network(model.model_copy(update={"ctc_head": False}), len(vocabulary))
    assert not [name for name, _ in silent.named_parameters() if name.startswith("ctc_head")]
    assert silent(torch.zeros(1, 1, 16, 16), torch.ones(1, 2, dtype=torch.long)).ctc_logits is None


def test_matrices_with_a_row_a_token_are_not_hidden() -> None:
    network = Network(check(load_preset("wygiwys-small")["model"], ModelParams, "model"), 50)
    hidden = {id(weight) for weight in network.hidden_matrices()}
    outer = {name for name, weight in network.named_parameters() if weight.dim() > 1 and id(weight) not in hidden}
    assert outer == {
        "encoder.conv_stack.layers.0.weight",
        "encoder.row_states.weight",
        "decoder.embedding.weight",
        "decoder.output.weight",
    }


def test_parts_that_do_not_fit_are_refused() -> None:
    values: dict[str, Any] = load_preset("i2l-nopool-small")["model"]
    values["encoder"] |= {"image_size": None}
    with pytest.raises(ParamsError, match=r"^model: decoder with attention mlp and initial_state all needs images of"):
        check(values, ModelParams, "model")
