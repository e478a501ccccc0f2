"""Small inputs of the grammar's formulas, and a file of shares for them."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from im2latex.latex.grammar.generator import generate
from recipes.dataset.build import Builder
from recipes.dataset.config import load

ROOT = Path(__file__).parents[3]
PAPERS = [f"paper-{number}" for number in range(40)]

CONFIG: dict[str, Any] = {
    "seed": 1,
    "labels": 200,
    "max_tokens": 60,
    "inputs": {
        "papers": {"file": "papers.jsonl"},
        "other-papers": {"file": "others.jsonl"},
        "school": {"file": "school.txt"},
        "images": {"file": "images.jsonl", "column": "latex"},
    },
    "held_out": {"labels": ["images", "other-papers"], "groups": ["other-papers"]},
    "sources": {
        "whole": {"kind": "whole", "input": "papers", "shares": {"4-12": 0.02, "13-45": 0.28}},
        "lines": {"kind": "whole", "input": "papers", "multiline": True, "shares": {"13-60": 0.05}},
        "pieces": {
            "kind": "subformulas",
            "input": "papers",
            "even_lengths": True,
            "shares": {"1-3": 0.05, "4-12": 0.2},
        },
        "mixed": {"kind": "randomized", "input": "papers", "shares": {"13-45": 0.1}},
        "mixed-pieces": {
            "kind": "randomized-subformulas",
            "input": "papers",
            "even_lengths": True,
            "shares": {"1-12": 0.15},
        },
        "tables": {"kind": "tables", "input": "papers", "shares": {"13-60": 0.05}},
        "grammar": {"kind": "grammar", "shares": {"8-60": 0.05}},
        "school": {"kind": "whole", "input": "school", "shares": {"4-60": 0.05}},
    },
    "coverage": {"least": 0},
    "validation": {"labels": 20, "inputs": {"papers": "other-papers"}, "share": 0.1},
}

Build = Callable[..., Path]


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a .jsonl.gz file."""
    return [json.loads(line) for line in gzip.open(path, "rt", encoding="utf-8")]


def write_inputs(path: Path) -> Path:
    """A folder of inputs."""
    folder = path / "inputs"
    folder.mkdir()
    for name, seed, papers in [("papers", 1, PAPERS), ("others", 2, ["other-1", "other-2"])]:
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for number, text in enumerate(generate(300 if seed == 1 else 60, seed)):
                paper = papers[number % len(papers)]
                file.write(json.dumps({"id": f"{seed}-{number}", "paper": paper, "formula": text}) + "\n")
    (folder / "school.txt").write_text("\n".join([*generate(100, 3), "", r"\frac{"]), encoding="utf-8")
    held_out = [*generate(40, 1)[10:20], "x", "x_{1}", r"\alpha"]
    lines = [json.dumps({"latex": text, "image": "none.png"}) for text in held_out] + ["{}"]
    (folder / "images.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def build_in(path: Path, folder: Path, name: str, workers: int = 1, **changes: Any) -> Path:
    """Build a dataset of CONFIG with changes, in `path`."""
    config = path / f"{name}.yaml"
    config.write_text(yaml.safe_dump(CONFIG | changes), encoding="utf-8")
    params, normalizer, merges = load(config, ROOT)
    Builder(params, normalizer, merges, folder, workers).build(path / name)
    return path / name


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder of inputs."""
    return write_inputs(tmp_path)


@pytest.fixture(scope="package")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of CONFIG, to be read only; its inputs lie in `inputs` beside it."""
    folder = tmp_path_factory.mktemp("dataset")
    return build_in(folder, write_inputs(folder), "out")


@pytest.fixture
def build(tmp_path: Path, inputs: Path) -> Build:
    """Build a dataset of CONFIG with changes, in a folder of the given name."""

    def built(name: str = "out", workers: int = 1, **changes: Any) -> Path:
        return build_in(tmp_path, inputs, name, workers, **changes)

    return built
