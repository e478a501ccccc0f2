import json
import re
import sys
import tarfile
from pathlib import Path
from typing import Any

import grimp
import pytest
import typer
import yaml
from typer.testing import CliRunner

from im2latex.config import load_yaml
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import InputError, ParamsError
from im2latex.io.manifest import RELEASED
from im2latex.models.model import Network
from im2latex.sandbox import worker
from im2latex.training.config import TrainParams
from pipeline.fingerprint import ROOT
from recipes import pack
from recipes.gpu_10min import output
from recipes.gpu_10min import pack as gpu_pack
from recipes.overrides import assignment, merged


def test_changes_go_over_the_params_at_any_depth() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merged(base, {"a": {"c": 3}, "d": [2, 3]}) == {"a": {"b": 1, "c": 3}, "d": [2, 3]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1]}
    encoder = {"encoder": {"name": "conv", "channels": 3}, "width": 1}
    assert merged(encoder, {"encoder": {"name": "conv", "blocks": 2}})["encoder"]["channels"] == 3
    assert merged(encoder, {"encoder": {"name": "vit", "patch": 8}})["encoder"] == {"name": "vit", "patch": 8}


def test_a_value_is_set_by_its_path() -> None:
    assert assignment("train.budget.minutes=1.5") == {"train": {"budget": {"minutes": 1.5}}}
    with pytest.raises(InputError, match="a changed value is written as"):
        assignment("train.budget")


def test_a_set_without_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="labels.txt: a held-out set is written as NAME=FILE or NAME=FILE:COUNT"):
        pack._labels("labels.txt")


@pytest.mark.parametrize("recipe", ["two_cores", "released"])
def test_a_recipe_fits_the_params(recipe: str) -> None:
    params = merged(load_yaml(ROOT / "params.yaml"), load_yaml(ROOT / f"recipes/{recipe}/changes.yaml"))
    pack.checked(params)
    with pytest.raises(ParamsError, match="train.sede is not a known key"):
        pack.checked(merged(params, {"train": {"sede": 1}}))


def test_every_requirement_is_pinned() -> None:
    pins = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    names = [line for line in pack.REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    assert names
    assert set(names) <= pins


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


def test_whatever_a_run_imports_is_packed_or_there_already() -> None:
    graph = grimp.build_graph("im2latex", "pipeline", "recipes", "benchmarks", include_external_packages=True)
    modules = [f"pipeline.{stage}" for stage in ("normalize", "render", "tokenize", "filter", "bucket")]
    upstream = set[str]().union(*map(graph.find_upstream_modules, [*modules, "recipes.fit", "recipes.evaluate"]))
    needed = {name for name in upstream if graph.is_module_squashed(name)} - sys.stdlib_module_names
    packed = {line.lower().replace("-", "_") for line in pack.REQUIREMENTS.read_text().splitlines()}
    assert {name.lower() for name in needed} - packed <= THERE | UNUSED
    assert "lightning_fabric" in needed, "the graph holds what is imported"


def test_whatever_ten_minutes_of_a_gpu_import_is_packed_or_there_already() -> None:
    graph = grimp.build_graph("im2latex", "pipeline", "recipes", include_external_packages=True)
    modules = ("recipes.gpu_10min.train", "recipes.gpu_10min.render")
    upstream = set[str]().union(*map(graph.find_upstream_modules, modules))
    needed = {name for name in upstream if graph.is_module_squashed(name)} - sys.stdlib_module_names
    lines = (ROOT / "recipes/gpu_10min/requirements.txt").read_text().splitlines()
    assert {name.lower() for name in needed} - {line.lower().replace("-", "_") for line in lines} <= THERE | UNUSED
    pins = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert {line for line in lines if not line.startswith("#")} <= pins


@pytest.mark.parametrize("script", ["run.sh", "gpu_10min/run.sh"])
def test_a_sandboxed_worker_may_import_what_was_packed(script: str) -> None:
    (folder,) = set(re.findall(r"--target (\S+)", (ROOT / "recipes" / script).read_text(encoding="utf-8")))
    assert Path(folder.strip('"')).name in worker._PACKAGE_FOLDERS


@pytest.mark.parametrize("tokens", [500, 1000])
def test_a_state_of_the_recipe_comes_back_and_goes_in_again(tokens: int) -> None:
    changes = load_yaml(ROOT / "recipes/gpu_10min/changes.yaml")
    params = merged(load_yaml(ROOT / "params.yaml"), changes)
    pack.checked(params)
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


def test_an_archive_holds_code_dataset_and_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(pack, "wheels", lambda folder, python: folder.mkdir())
    monkeypatch.setattr(
        pack, "collect", lambda folder, renderers, formulas: asked.update(n=len(renderers), of=formulas)
    )
    for name, lines in (("train.txt", "a\nb\nc\n"), ("val.txt", "d\ne\n"), ("labels.txt", "x ^ 2\ny\nz\n")):
        (tmp_path / name).write_text(lines)
    out = tmp_path / "recipe.tar.xz"
    options = ["--labels", f"bench={tmp_path / 'labels.txt'}:2", "--count", "2", "--val-count", "1"]
    options += ["--labels", f"own={tmp_path / 'val.txt'}:1"]
    files = [str(tmp_path / "train.txt"), str(tmp_path / "val.txt")]
    app = typer.Typer()
    app.command()(pack.main)
    result = CliRunner().invoke(app, [*files, *options, "-S", "train.seed=9", "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert asked == {"n": 1, "of": ["a", "b", "e", "x ^ 2", "y", "d"]}
    with tarfile.open(out) as archive:
        archive.extractall(tmp_path / "there")
    project = tmp_path / "there" / "project"
    assert yaml.safe_load((project / "params.yaml").read_text())["train"]["seed"] == 9
    rows = [json.loads(line) for line in (project / "data/raw/packed/formulas.jsonl").read_text().splitlines()]
    assert [(row["formula"], row["split"]) for row in rows] == [
        ("a", "train"),
        ("b", "train"),
        ("e", "val"),
        ("x ^ 2", "test"),
        ("y", "test"),
        ("d", "test"),
    ]
    assert (project / "sets/bench.txt").read_text() == "x ^ 2\ny\n"
    assert (project / "im2latex/training/loop.py").is_file()
    assert not list(project.rglob("__pycache__"))
    assert not list(project.rglob("released/model.safetensors")), "a run needs no checkpoint"
