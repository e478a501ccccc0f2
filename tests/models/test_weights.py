"""Checkpoints that nobody vouches for: refused in one sentence, before anything of their size is allocated."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from im2latex.config import check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.beam import SearchParams, search
from im2latex.engines.torch_engine import TorchEngine
from im2latex.errors import ArtifactError
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset, preset_names
from im2latex.models.weights import load_network, shapes
from im2latex.training import checkpoint as checkpoints
from im2latex.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from im2latex.types import Shape

HUGE = 10**9
WEIGHTS, CONTENT = "model.safetensors", "checkpoint.json"


@pytest.fixture
def folder(network: Network, model: ModelParams, vocabulary: Vocabulary, tmp_path: Path) -> Path:
    save_checkpoint(
        Checkpoint(network, model, vocabulary, [Shape(16, 32, 4)], "a1", {"seed": 3}, {"steps": 7}), tmp_path
    )
    return tmp_path


def change(folder: Path, path: str, value: object) -> None:
    """Set one value of checkpoint.json, named by its keys and places."""
    content = json.loads((folder / CONTENT).read_text())
    *steps, last = (int(step) if step.isdecimal() else step for step in path.split("."))
    inside: Any = content
    for step in steps:
        inside = inside[step]
    inside[last] = value
    (folder / CONTENT).write_text(json.dumps(content))


@pytest.mark.parametrize("name", preset_names())
def test_a_model_of_every_preset_is_described_as_it_is_built(name: str, tmp_path: Path) -> None:
    if not name.endswith("-small"):
        pytest.skip("the small ones have the same layers")
    params = check(load_preset(name)["model"], ModelParams, name)
    network = Network(params, 12)
    assert shapes(params, 12) == {name: weight.shape for name, weight in network.state_dict().items()}
    save_file({name: weight.contiguous() for name, weight in network.state_dict().items()}, tmp_path / WEIGHTS)
    loaded = load_network(params, 12, tmp_path / WEIGHTS)
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, loaded.state_dict()[name])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.encoder.layers", HUGE),
        ("model.encoder.blocks", [HUGE, 1, 1]),
        ("model.encoder.channels", [8, HUGE, 8]),
        ("model.encoder.channels", [-1, 8, 8]),
        ("model.encoder.heads", HUGE),
        ("model.encoder.features", 10**400),
        ("model.decoder.layers", HUGE),
        ("model.decoder.layers", 10**400),
        ("model.decoder.layers", -1),
        ("model.decoder.layers", "many"),
        ("model.decoder.expansion", HUGE),
        ("model.decoder.expansion", 2**62),
        ("model.decoder.dropout", float("nan")),
        ("model.encoder", []),
        ("model", None),
        ("shapes", []),
        ("shapes", {}),
        ("shapes", [{}]),
        ("shapes.0", None),
        ("shapes.0.height", HUGE),
        ("shapes.0.height", 0),
        ("shapes.0.height", "x"),
        ("shapes.0.width", -5),
        ("shapes.0.tokens", HUGE),
        ("vocabulary.tokens", []),
        ("vocabulary.tokens", ["<pad>", "<bos>", "<eos>", "<unk>"]),
        ("vocabulary.tokens.5", None),
        ("vocabulary.tokens.5", "\ud800"),
        ("vocabulary.tokens.5", "<pad>"),
        ("vocabulary", None),
        ("vocabulary.counts", []),
        ("vocabulary.merges", {"a": []}),
        ("images", {"dpi": 0}),
        ("images", {"downsample": 0}),
        ("images", {"padding_px": -1}),
        ("images", []),
        ("recipe", None),
        ("counts", {"steps": "x"}),
        ("started_from", [{}]),
        ("started_from", None),
        ("dataset_hash", 5),
    ],
)
def test_a_description_that_the_weights_do_not_bear_out_is_refused(folder: Path, path: str, value: object) -> None:
    change(folder, path, value)
    with pytest.raises(ArtifactError, match=r"damaged checkpoint \(.+\); run `dvc repro train`"):
        load_checkpoint(folder)


def test_a_billion_layers_take_no_memory(folder: Path) -> None:
    change(folder, "model.decoder.layers", HUGE)
    change(folder, "model.encoder.layers", HUGE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArtifactError, match="weights, the model of checkpoint.json has more"):
        load_checkpoint(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "KB"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"model": ' * 50_000, b"\xff", b"NaN", b'{"a": 1e999}']
)
def test_a_description_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / CONTENT).write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged checkpoint"):
        load_checkpoint(folder)


def test_a_description_of_unreasonable_size_is_not_read(folder: Path) -> None:
    with (folder / CONTENT).open("ab") as file:
        file.truncate(checkpoints.MAX_FILE_BYTES + 1)
    with pytest.raises(ArtifactError, match="bytes, so it is no checkpoint"):
        load_checkpoint(folder)


def header(content: bytes, size: int | None = None) -> bytes:
    return (len(content) if size is None else size).to_bytes(8, "little") + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        header(b"{}"),
        header(b"{}", 2**62),
        header(b"[]"),
        header(b"[" * 100_000),
        header(b'{"x": {"dtype": "F32", "shape": [1000000000, 1000000000], "data_offsets": [0, 4]}}') + b"1234",
        header(b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}') + b"1234",
        header(b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}') + b"1234",
        header(b'{"x": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}}') + b"12345678",
    ],
)
def test_weights_that_are_none_are_refused(folder: Path, content: bytes) -> None:
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged checkpoint"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "change_one", [lambda w: w[:1], lambda w: w[None], lambda w: w.to(torch.int32), lambda w: None]
)
def test_weights_of_another_model_are_refused(
    folder: Path, change_one: Callable[[torch.Tensor], torch.Tensor | None]
) -> None:
    weights = load_file(folder / WEIGHTS)
    other = {name: change_one(w) if name == "ctc_head.weight" else w for name, w in weights.items()}
    save_file({name: weight for name, weight in other.items() if weight is not None}, folder / WEIGHTS)
    with pytest.raises(ArtifactError, match=r"ctc_head\.weight"):
        load_checkpoint(folder)
    save_file(weights | {"more": torch.zeros(1)}, folder / WEIGHTS)
    with pytest.raises(ArtifactError, match="more is unexpected"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (torch.float32, float("nan")),
        (torch.float32, float("inf")),
        (torch.float16, float("-inf")),
        (torch.bfloat16, float("nan")),
        (torch.float64, 1e300),
    ],
)
def test_weights_that_are_not_finite_are_refused(folder: Path, value: float, kind: torch.dtype) -> None:
    """A number that is too large for single precision becomes infinite as it is loaded."""
    weights = load_file(folder / WEIGHTS)
    weights["ctc_head.weight"] = weights["ctc_head.weight"].to(kind)
    weights["ctc_head.weight"][1, 2] = value
    save_file(weights, folder / WEIGHTS)
    with pytest.raises(ArtifactError, match=r"ctc_head\.weight holds numbers that are infinite or NaN"):
        load_checkpoint(folder)


@pytest.mark.parametrize("beam", [1, 3])
def test_finite_weights_that_give_no_finite_scores_are_an_error(folder: Path, beam: int) -> None:
    weights = load_file(folder / WEIGHTS)
    weights["encoder.norm.weight"][:] = 3e38
    weights["decoder.norm.weight"][:] = 3e38
    save_file(weights, folder / WEIGHTS)
    loaded = load_checkpoint(folder)
    with pytest.raises(ArtifactError, match="scores that are not numbers"):
        search(TorchEngine(loaded.network), np.zeros((2, 16, 32), np.uint8), loaded.max_tokens, SearchParams(beam=beam))


def test_no_checkpoint_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    for place, lacks in (
        (tmp_path / "none", "no such folder"),
        (folder / CONTENT, "is not a folder"),
        (folder / CONTENT / "x", "no such folder"),
    ):
        with pytest.raises(ArtifactError, match=lacks):
            load_checkpoint(place)
    (folder / WEIGHTS).unlink()
    with pytest.raises(ArtifactError, match=r"no model\.safetensors"):
        load_checkpoint(folder)
    (folder / WEIGHTS).mkdir()
    with pytest.raises(ArtifactError, match=r"no model\.safetensors"):
        load_checkpoint(folder)


@pytest.mark.slow
def test_a_checkpoint_is_described_without_the_compiler_of_torch(folder: Path) -> None:
    """Random numbers on `meta` would load it, for two seconds and more."""
    code = "import sys, pathlib; from im2latex.training.checkpoint import load_checkpoint as load; "
    code += f"load(pathlib.Path({str(folder)!r})); sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
