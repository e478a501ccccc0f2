"""The stage with a beam, a constraint and the choice by image; what evaluate then publishes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from im2latex.config import load_section
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.io.parquet import read_table
from im2latex.latex.automaton.transitions import accepts
from im2latex.models.model import Network
from im2latex.training.checkpoint import Checkpoint, save_checkpoint
from im2latex.training.config import TrainParams
from im2latex.training.dataset import MemoryMappedDataset
from tests.pipeline.conftest import run


def write_checkpoint(folder: Path) -> None:
    """Fresh weights; what they write is nonsense, if a balanced one."""
    torch.manual_seed(0)
    model = load_section("train", TrainParams).model
    vocabulary = Vocabulary.load(Path("data/tokenize/vocabulary.json"))
    shapes = MemoryMappedDataset(Path("data/bucket"), "test").shapes
    network = Network(model, len(vocabulary)).eval()
    save_checkpoint(Checkpoint(network, model, vocabulary, shapes, "", {}, {}), folder)


def test_hypotheses_are_kept_and_both_choices_scored(
    project: Path, set_params: Callable[[dict[str, Any]], None]
) -> None:
    set_params({"predict": {"beam": 3, "grammar": True, "rerank": "render"}})
    run("normalize", "render", "tokenize", "filter", "bucket")
    write_checkpoint(Path("data/train"))
    run("predict", "evaluate")
    hypotheses = read_table(Path("data/predict/hypotheses.parquet")).to_pylist()
    assert all(accepts(row["hypothesis"].split()) for row in hypotheses)
    assert all(row["same_image"] is not None for row in hypotheses)
    ledger = json.loads(Path("reports/ledger/predict.json").read_text())
    assert ledger["kept"] == ledger["seen"] == sum(row["chosen"] for row in hypotheses)
    metrics, evaluation = (
        json.loads(Path("reports", f"{name}.json").read_text()) for name in ("metrics", "evaluation")
    )
    assert evaluation["search_alone"]["n"] == metrics["n"]
    assert metrics["compiles"] == 1.0
    assert "search_alone" not in evaluation["baselines"]
