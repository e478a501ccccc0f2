"""Prediction with untrained weights: the formulas make no sense, but everything around them can be tested."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.engines.torch_engine import TorchEngine, choose_device
from im2latex.errors import ArtifactError, UsageError
from im2latex.inference.predictor import Predictor, load
from im2latex.models.model import ModelParams, Network
from im2latex.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from im2latex.types import Candidate, Prediction, Shape
from tests.images.typed import typed
from tests.toy_fixtures import SMALL_MODEL

MODEL = ModelParams.model_validate(SMALL_MODEL)
IMAGES = [typed("x = 1", 40), typed("a + b", 25), 255 - typed("x = 1", 40), typed("long, long", 90)]
BLANK = np.full((30, 50), 255, np.uint8)


def fresh(seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    vocabulary = Vocabulary([*SPECIALS, *"abcdef", "a b"])
    network = Network(MODEL, len(vocabulary)).eval()
    with torch.no_grad():  # sure enough of something that beams differ
        for weight in network.decoder.parameters():
            weight.mul_(2)
    shapes = [Shape(40, 120, 8), Shape(64, 320, 12)]
    return Checkpoint(network, MODEL, vocabulary, shapes, "a1", {}, {}, {"dpi": 200, "downsample": 2, "padding_px": 8})


def predictor_of(checkpoint: Checkpoint) -> Predictor:
    return Predictor(TorchEngine(checkpoint.network), checkpoint.config)


def page(prediction: Prediction) -> NDArray[np.uint8]:
    assert prediction.image is not None
    return prediction.image


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return predictor_of(fresh())


def test_every_image_has_its_formula_in_order(predictor: Predictor) -> None:
    found = predictor.predict([*IMAGES, BLANK])
    assert len(found) == 5
    for prediction in found[:4]:
        assert prediction.error is None
        assert 0 < prediction.confidence <= 1
        assert [one.latex for one in prediction.candidates] == [prediction.latex]
        assert prediction.seconds > 0
        assert prediction.attention is None
    assert found[4].error is not None
    assert found[4].error.reason == "blank"
    assert (found[4].latex, found[4].candidates) == ("", [])
    assert predictor.predict([]) == []


def test_neither_neighbours_nor_batches_change_a_formula(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    together = [(one.latex, round(one.confidence, 4)) for one in predictor.predict(IMAGES * 3)]
    monkeypatch.setattr("im2latex.inference.predictor.MAX_BATCH_PIXELS", 1)
    alone = [(one.latex, round(one.confidence, 4)) for one in predictor.predict(IMAGES)]
    assert together == alone * 3


def test_dark_paper_is_read_alike(predictor: Predictor) -> None:
    black, dark = predictor.predict([IMAGES[0], IMAGES[2]])
    np.testing.assert_array_equal(black.image, dark.image)
    assert black.latex == dark.latex


def test_the_page_has_a_shape_of_the_training(predictor: Predictor) -> None:
    assert {page(one).shape for one in predictor.predict(IMAGES)} <= {(40, 120), (64, 320)}


def test_an_image_between_the_shapes_is_read_at_its_own_size() -> None:
    checkpoint = fresh()
    tall = predictor_of(
        Checkpoint(
            checkpoint.network,
            MODEL,
            checkpoint.vocabulary,
            [Shape(20, 320, 8), Shape(160, 24, 8)],
            "a1",
            {},
            {},
        )
    )
    (found,) = tall.predict([IMAGES[0]])
    assert page(found).shape[0] % 16 == 0
    assert page(found).shape[1] % 32 == 0


def test_candidates_differ_and_the_best_comes_first(predictor: Predictor) -> None:
    (found,) = predictor.predict(IMAGES[:1], candidates=4)
    texts = [one.latex for one in found.candidates]
    assert len(texts) == len(set(texts)) > 1
    assert found.candidates[0] == Candidate(found.latex, found.confidence, tokens=found.tokens)
    (wider,) = predictor.predict(IMAGES[:1], candidates=2, beam=4)
    assert wider.candidates == found.candidates[:2]


def test_confidence_is_the_mean_probability_of_a_token(predictor: Predictor) -> None:
    (found,) = predictor.predict(IMAGES[:1])
    assert isinstance(predictor.engine, TorchEngine)
    network, vocabulary = predictor.engine.network, predictor.config.vocabulary
    ids = [vocabulary.tokens.index(token) for token in found.tokens]
    images = torch.from_numpy(page(found))[None, None]
    logits = network(images, torch.tensor([[vocabulary.bos, *ids]])).logits[0].log_softmax(dim=-1)
    finished = len(ids) < predictor.config.max_tokens
    if finished:
        total = sum(float(row[token]) for row, token in zip(logits, [*ids, vocabulary.eos], strict=True))
        assert found.confidence == pytest.approx(math.exp(total / (len(ids) + 1)), rel=1e-3)


def test_attention_has_a_map_a_token(predictor: Predictor) -> None:
    found = predictor.predict(IMAGES, attention=True)
    for prediction in found:
        assert prediction.attention is not None
        tokens, rows, columns = prediction.attention.shape
        assert tokens == len(prediction.tokens)
        height, width = page(prediction).shape
        assert rows / columns == pytest.approx(height / width, rel=0.35)
        assert prediction.attention.sum(axis=(1, 2)).max() <= 1.001


def test_half_precise_weights_are_read(predictor: Predictor, tmp_path: Path) -> None:
    checkpoint = fresh()
    checkpoint.network.half()
    save_checkpoint(checkpoint, tmp_path)
    assert next(load_checkpoint(tmp_path).network.parameters()).dtype == torch.float32
    halved = load(tmp_path, device="cpu").predict(IMAGES)
    for one, other in zip(predictor.predict(IMAGES), halved, strict=True):
        assert one.confidence == pytest.approx(other.confidence, rel=0.02)


def test_without_a_checkpoint_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("im2latex.inference.predictor.RELEASED", tmp_path / "none")
    with pytest.raises(ArtifactError, match="no released model"):
        load()
    with pytest.raises(ArtifactError, match=r"no checkpoint\.json and no model\.safetensors"):
        load(tmp_path)


def test_a_formula_that_reaches_the_greatest_length_is_cut_and_unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = fresh()
    step = checkpoint.network.decoder.step

    def endless(state: list[torch.Tensor], tokens: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        logits, after = step(state, tokens)
        logits[:, Vocabulary.eos] -= 20
        logits[:, 5] += 20  # sure of every token but the end
        return logits, after

    monkeypatch.setattr(checkpoint.network.decoder, "step", endless)
    for beam in (1, 3):
        for prediction in predictor_of(checkpoint).predict(IMAGES, candidates=beam):
            assert prediction.reason == "cut"
            assert prediction.candidates[0].reason == "cut"
            assert len(prediction.tokens) >= 12
            assert prediction.confidence < 1e-6


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "cpu:gpu", ""])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a device; use auto, cpu, cuda or cuda:NUMBER"):
        choose_device(name)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="PyTorch finds no GPU here"):
        choose_device("cuda:0")
    assert choose_device("auto") == torch.device("cpu")
