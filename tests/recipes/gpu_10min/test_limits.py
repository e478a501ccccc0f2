import re
import sys
from pathlib import Path

import grimp
import pytest

from im2latex.config import load_yaml, merge
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import InputError
from im2latex.io.manifest import RELEASED
from im2latex.models.model import Network
from im2latex.sandbox import python_worker
from im2latex.training.config import TrainParams
from pipeline.paths import ROOT
from recipes.gpu_10min import output
from recipes.gpu_10min import pack as gpu_pack
from recipes.overrides import check_params, parse_assignment


def test_overrides_merge_at_any_depth() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merge(base, {"a": {"c": 3}, "d": [2, 3]}) == {"a": {"b": 1, "c": 3}, "d": [2, 3]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1]}
    encoder = {"encoder": {"name": "conv", "channels": 3}, "width": 1}
    assert merge(encoder, {"encoder": {"name": "conv", "blocks": 2}})["encoder"]["channels"] == 3
    assert merge(encoder, {"encoder": {"name": "vit", "patch": 8}})["encoder"] == {"name": "vit", "patch": 8}


def test_parse_assignment() -> None:
    assert parse_assignment("train.budget.minutes=1.5") == {"train": {"budget": {"minutes": 1.5}}}
    with pytest.raises(InputError, match="not an assignment"):
        parse_assignment("train.budget")


PREINSTALLED = frozenset(
    (
        "fonttools",
        "joblib",
        "matplotlib",
        "numpy",
        "pandas",
        "pil",
        "pyarrow",
        "sacrebleu",
        "safetensors",
        "scipy",
        "tokenizers",
        "torch",
        "tqdm",
    )
) | {"typer", "yaml"}
"""Distributions that the other machine has; fonttools is required by matplotlib."""
UNUSED = {"_typeshed", "duckdb", "latex2mathml", "onnx", "onnxruntime"}
"""Imported for type checkers only, where a data stage queries all samples, or where a user asks for MathML or ONNX."""


def test_imports_of_the_gpu_recipe_are_packed_or_preinstalled() -> None:
    graph = grimp.build_graph("im2latex", "pipeline", "recipes", include_external_packages=True)
    modules = ("recipes.gpu_10min.train", "recipes.gpu_10min.render")
    upstream = set[str]().union(*map(graph.find_upstream_modules, modules))
    needed = {name for name in upstream if graph.is_module_squashed(name)} - sys.stdlib_module_names
    lines = (ROOT / "recipes/gpu_10min/requirements.txt").read_text().splitlines()
    assert {name.lower() for name in needed} - {
        line.lower().replace("-", "_") for line in lines
    } <= PREINSTALLED | UNUSED
    pins = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert {line for line in lines if not line.startswith("#")} <= pins


def test_a_sandboxed_worker_may_import_packed_wheels() -> None:
    (folder,) = set(re.findall(r"--target (\S+)", (ROOT / "recipes/gpu_10min/run.sh").read_text(encoding="utf-8")))
    assert Path(folder.strip('"')).name in python_worker._PACKAGE_FOLDERS


@pytest.mark.parametrize("tokens", [500, 1000])
def test_the_state_fits_the_size_limits(tokens: int) -> None:
    changes = load_yaml(ROOT / "recipes/gpu_10min/overrides.yaml")
    params = merge(load_yaml(ROOT / "params.yaml"), changes)
    check_params(params)
    assert params["tokenize"]["vocabulary"]["max_size"] <= 1000
    vocabulary = Vocabulary([*SPECIALS, *map(str, range(tokens - 4))])
    size = gpu_pack.state_bytes(TrainParams.model_validate(params["train"]), vocabulary)
    assert size < output.MAX_STATE_BYTES
    network = Network(TrainParams.model_validate(params["train"]).model, tokens)
    assert -(-2 * sum(weight.numel() for weight in network.state_dict().values()) // output.PIECE_BYTES) <= 2


def test_archive_and_released_checkpoint_fit_the_input_limit() -> None:
    assert gpu_pack.repository_bytes(RELEASED) == gpu_pack.repository_bytes(), "it is among the files that travel"
    archive = 38 << 20  # of the 814,527 labels of recipes/dataset: recipes/README.md
    assert gpu_pack.repository_bytes() + archive < gpu_pack.MAX_INPUT_BYTES
