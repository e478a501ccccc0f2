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
from im2latex.sandbox import worker
from im2latex.training.config import TrainParams
from pipeline.paths import ROOT
from recipes.gpu_10min import output
from recipes.gpu_10min import pack as gpu_pack
from recipes.overrides import assignment, checked


def test_changes_go_over_the_params_at_any_depth() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merge(base, {"a": {"c": 3}, "d": [2, 3]}) == {"a": {"b": 1, "c": 3}, "d": [2, 3]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1]}
    encoder = {"encoder": {"name": "conv", "channels": 3}, "width": 1}
    assert merge(encoder, {"encoder": {"name": "conv", "blocks": 2}})["encoder"]["channels"] == 3
    assert merge(encoder, {"encoder": {"name": "vit", "patch": 8}})["encoder"] == {"name": "vit", "patch": 8}


def test_a_value_is_set_by_its_path() -> None:
    assert assignment("train.budget.minutes=1.5") == {"train": {"budget": {"minutes": 1.5}}}
    with pytest.raises(InputError, match="a changed value is written as"):
        assignment("train.budget")


THERE = frozenset(
    (
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
"""What the other machine has: requirements.txt says so in words."""
UNUSED = {"_typeshed"}
"""What is imported for type checkers."""


def test_whatever_ten_minutes_of_a_gpu_import_is_packed_or_there_already() -> None:
    graph = grimp.build_graph("im2latex", "pipeline", "recipes", include_external_packages=True)
    modules = ("recipes.gpu_10min.train", "recipes.gpu_10min.render")
    upstream = set[str]().union(*map(graph.find_upstream_modules, modules))
    needed = {name for name in upstream if graph.is_module_squashed(name)} - sys.stdlib_module_names
    lines = (ROOT / "recipes/gpu_10min/requirements.txt").read_text().splitlines()
    assert {name.lower() for name in needed} - {line.lower().replace("-", "_") for line in lines} <= THERE | UNUSED
    pins = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert {line for line in lines if not line.startswith("#")} <= pins


def test_a_sandboxed_worker_may_import_what_was_packed() -> None:
    (folder,) = set(re.findall(r"--target (\S+)", (ROOT / "recipes/gpu_10min/run.sh").read_text(encoding="utf-8")))
    assert Path(folder.strip('"')).name in worker._PACKAGE_FOLDERS


@pytest.mark.parametrize("tokens", [500, 1000])
def test_a_state_of_the_recipe_comes_back_and_goes_in_again(tokens: int) -> None:
    changes = load_yaml(ROOT / "recipes/gpu_10min/overrides.yaml")
    params = merge(load_yaml(ROOT / "params.yaml"), changes)
    checked(params)
    assert params["tokenize"]["vocabulary"]["max_size"] <= 1000
    vocabulary = Vocabulary([*SPECIALS, *map(str, range(tokens - 4))])
    size = gpu_pack.state_bytes(TrainParams.model_validate(params["train"]), vocabulary)
    assert size < output.MOST_BYTES
    network = Network(TrainParams.model_validate(params["train"]).model, tokens)
    assert -(-2 * sum(weight.numel() for weight in network.state_dict().values()) // output.PIECE_BYTES) <= 2


def test_a_run_can_go_on_from_the_released_checkpoint_beside_all_labels() -> None:
    assert gpu_pack.carried_bytes(RELEASED) == gpu_pack.carried_bytes(), "it is among the files that travel"
    archive = 38 << 20  # of the 814,527 labels of recipes/dataset: recipes/README.md
    assert gpu_pack.carried_bytes() + archive < gpu_pack.CARRIED_BYTES
