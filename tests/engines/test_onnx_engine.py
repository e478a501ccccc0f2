"""The engine of ONNX Runtime computes what that of PyTorch does."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.decoding.beam import SearchParams, search
from im2latex.engines import onnx_sessions
from im2latex.engines.onnx_engine import OnnxEngine
from im2latex.engines.torch_engine import TorchEngine
from im2latex.errors import ArtifactError, UsageError
from im2latex.inference.engine_choice import export, load_engine
from im2latex.inference.predictor import Predictor, load
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset
from im2latex.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from im2latex.types import Shape
from tests.inference.test_predictor import IMAGES, fresh
from tests.toy_fixtures import SMALL_MODEL

PAGES = np.random.default_rng(1).integers(0, 256, (3, 40, 88), dtype=np.uint8)
TOKENS = np.random.default_rng(2).integers(4, 11, (3, 9))
TOLERANCE = 1e-4


def save(folder: Path, model: dict[str, Any], half: bool = False) -> Path:
    torch.manual_seed(0)
    params = ModelParams.model_validate(model)
    vocabulary = Vocabulary([*SPECIALS, *"abcdef", "a b"])
    network = Network(params, len(vocabulary)).eval()
    with torch.no_grad():
        for weight in network.decoder.parameters():
            weight.mul_(2)
    save_checkpoint(
        Checkpoint(network.half() if half else network, params, vocabulary, [Shape(64, 320, 12)], "a1", {}, {}), folder
    )
    return folder


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": SMALL_MODEL,
    "half": SMALL_MODEL,
    "post": SMALL_MODEL | {"decoder": {**SMALL_MODEL["decoder"], "norm": "post", "tied": False}},
    "convnext": SMALL_MODEL | {"encoder": {**SMALL_MODEL["encoder"], "block": "convnext"}},
}


@pytest.fixture(scope="module", params=VARIANTS)
def engines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[OnnxEngine, TorchEngine]:
    folder = save(tmp_path_factory.mktemp("checkpoint"), VARIANTS[request.param], half=request.param == "half")
    exported = export(folder, tmp_path_factory.mktemp("exported"))
    return OnnxEngine(exported), TorchEngine(load_checkpoint(folder).network)


def close(one: NDArray[np.float32], other: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(one, other, atol=TOLERANCE)


def test_whole_sequences_have_equal_scores_and_attention(engines: tuple[OnnxEngine, TorchEngine]) -> None:
    onnx, reference = engines
    for pages in (PAGES, PAGES[:1]):  # an image for each sequence, and one for all
        memory, expected = onnx.encode(pages), reference.encode(pages)
        close(onnx.score(memory, TOKENS), reference.score(expected, TOKENS))
        close(onnx.attention(memory, TOKENS), reference.attention(expected, TOKENS))
    assert onnx.geometry(40, 88) == reference.geometry(40, 88)


def test_images_that_are_encoded_one_by_one_are_equal(
    engines: tuple[OnnxEngine, TorchEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx, _ = engines
    together = onnx.score(onnx.encode(PAGES), TOKENS)
    monkeypatch.setattr("im2latex.engines.onnx_engine._ENCODED_PIXELS", 1)
    close(onnx.score(onnx.encode(PAGES), TOKENS), together)


def test_steps_and_selections_are_equal(engines: tuple[OnnxEngine, TorchEngine]) -> None:
    onnx, reference = engines
    states = onnx.start(onnx.encode(PAGES)), reference.start(reference.encode(PAGES))
    selections = ([0, 0, 1, 1, 2, 2], [1, 0, 3, 3, 5, 4], [0, 1, 5, 5], [3, 3, 2])  # repeat, reorder, drop, one image
    for rows in ([0, 1, 2], *selections):
        for state in states:
            state.select(np.array(rows))
        for token in (4, 7):
            close(*(state.step(np.arange(len(rows)) % 3 + token) for state in states))


@pytest.mark.parametrize("width", [1, 4])
def test_searches_find_the_same(engines: tuple[OnnxEngine, TorchEngine], width: int) -> None:
    found = [search(engine, PAGES, 11, SearchParams(beam=width)) for engine in engines]
    for several, expected in zip(*found, strict=True):
        assert [one.tokens for one in several] == [one.tokens for one in expected]
        assert [one.log_probability for one in several] == pytest.approx(
            [one.log_probability for one in expected], abs=TOLERANCE
        )


def test_the_draft_is_quantized_and_close(engines: tuple[OnnxEngine, TorchEngine]) -> None:
    onnx, _ = engines
    assert onnx.draft is not None
    assert onnx.draft.draft is None
    memory = onnx.encode(PAGES)
    difference = np.abs(onnx.draft.score(memory, TOKENS) - onnx.score(memory, TOKENS)).max()
    assert 1e-5 < difference < 2


def test_a_draft_is_only_taken_where_the_decoder_writes_the_same(
    engines: tuple[OnnxEngine, TorchEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx, reference = engines
    expected = [search(reference, PAGES[place : place + 1], 11, SearchParams())[0] for place in range(len(PAGES))]
    used = []

    class Draft:
        def __init__(self, offset: int) -> None:
            self.offset = offset

        def start(self, memory: Any) -> "Draft":
            self.state = onnx.start(memory)
            return self

        def step(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
            used.append(tokens)
            return np.roll(self.state.step(tokens), self.offset, axis=1)

    for offset in (0, 1):
        monkeypatch.setattr(onnx, "_draft", Draft(offset))
        for page, (one,) in zip(PAGES, expected, strict=True):
            ((found,),) = search(onnx, page[None], 11, SearchParams())
            assert found.tokens == one.tokens
            assert found.finished == one.finished
            assert found.log_probability == pytest.approx(one.log_probability, abs=TOLERANCE)
    assert used


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    save_checkpoint(fresh(), tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def test_predictions_are_equal(checkpoint: Path, tmp_path: Path) -> None:
    reference = load(checkpoint, device="cpu").predict(IMAGES, candidates=3, attention=True)
    predictor = load(export(checkpoint, tmp_path / "exported"))
    assert isinstance(predictor.engine, OnnxEngine)
    for one, other in zip(predictor.predict(IMAGES, candidates=3, attention=True), reference, strict=True):
        assert [each.latex for each in one.candidates] == [each.latex for each in other.candidates]
        assert one.confidence == pytest.approx(other.confidence, abs=1e-3)
        assert one.attention is not None
        assert other.attention is not None
        close(one.attention, other.attention)


def test_an_export_in_place_is_read_by_both(checkpoint: Path) -> None:
    assert isinstance(load(checkpoint).engine, TorchEngine)
    export(checkpoint, checkpoint)
    assert isinstance(load(checkpoint).engine, OnnxEngine)
    assert isinstance(load(checkpoint, engine="torch").engine, TorchEngine)


def test_the_engine_onnx_exports_once(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert isinstance(load(checkpoint, engine="onnx").engine, OnnxEngine)
    monkeypatch.setattr("im2latex.inference.engine_choice.export", None)
    assert isinstance(load(checkpoint, engine="onnx").engine, OnnxEngine)


def test_optimized_graphs_are_written_once_and_again_where_they_are_damaged(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    export(checkpoint, checkpoint)
    expected = load(checkpoint).predict(IMAGES)
    written = sorted((tmp_path / "cache" / "im2latex" / "optimized").glob("*/*.onnx"))
    assert [one.name for one in written] == ["decoder.onnx", "draft.onnx", "encoder.onnx"]
    with monkeypatch.context() as patched:
        patched.setattr(onnx_sessions, "_checked_session", None)
        assert [one.latex for one in load(checkpoint).predict(IMAGES)] == [one.latex for one in expected]
    written[0].write_bytes(b"damaged")
    load(checkpoint)
    assert written[0].read_bytes() != b"damaged"


def test_a_few_optimized_graphs_are_kept(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(onnx_sessions, "_MAX_CACHED", 1)
    for name in ("first", "second"):
        load(export(checkpoint, tmp_path / name))
    assert len(list((tmp_path / "cache" / "im2latex" / "optimized").iterdir())) == 1
    with monkeypatch.context() as patched:
        patched.setattr(onnx_sessions, "_checked_session", None)
        load(tmp_path / "second")


def test_graphs_of_other_weights_are_refused(checkpoint: Path) -> None:
    export(checkpoint, checkpoint)
    weights = load_file(checkpoint / "model.safetensors")
    save_file(weights | {"another": torch.zeros(3)}, checkpoint / "model.safetensors")
    with pytest.raises(ArtifactError, match="export the checkpoint again"):
        load(checkpoint)


@pytest.mark.parametrize("name", ["encoder.onnx", "model.safetensors"])
def test_a_damaged_file_is_one_sentence(checkpoint: Path, name: str) -> None:
    export(checkpoint, checkpoint)
    (checkpoint / name).write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match=name) as caught:
        load(checkpoint)
    assert "\n" not in str(caught.value)


def test_another_family_is_computed_by_torch(tmp_path: Path) -> None:
    save(tmp_path, load_preset("i2l-strips-small")["model"])
    assert isinstance(load(tmp_path).engine, TorchEngine)
    with pytest.raises(ArtifactError, match="--engine torch predicts with it"):
        load(tmp_path, engine="onnx")


def test_what_cannot_compute_is_one_sentence(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="use --engine torch"):
        load_engine(checkpoint, "onnx", "cuda")
    with pytest.raises(UsageError, match="not an engine"):
        load_engine(checkpoint, "tpu")  # type: ignore[arg-type]
    monkeypatch.setattr("im2latex.inference.engine_choice.find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(ArtifactError, match=r"im2latex\[torch\]"):
        load(checkpoint)


@pytest.mark.parametrize(("named", "expected"), [("3", 3), ("2,4", 2), ("", None), ("many", None), ("0", None)])
def test_threads_are_those_of_the_environment(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, named: str, expected: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", named)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: range(5))
    used = []

    class Options(onnxruntime.SessionOptions):  # type: ignore[misc]
        def add_session_config_entry(self, key: str, value: str) -> None:
            used.append(self.intra_op_num_threads)

    monkeypatch.setattr(onnxruntime, "SessionOptions", Options)
    load(export(checkpoint, checkpoint))
    assert set(used) == {expected or 5}


def test_several_threads_use_one_engine(engines: tuple[OnnxEngine, TorchEngine]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    config = fresh().config
    predictor = Predictor(engines[0], config)
    expected = [one.latex for one in predictor.predict(IMAGES)]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: predictor.predict(IMAGES), range(8)):
            assert [one.latex for one in found] == expected
