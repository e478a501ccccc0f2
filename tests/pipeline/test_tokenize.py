r"""The stage with a vocabulary of the user's choice: labels, both files, and merges counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from typer.testing import CliRunner

from im2latex.cli import app
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.io.parquet import read_parts, read_table
from tests.pipeline.conftest import run


def test_pieces_and_merges_reach_the_labels(project: Path, set_params: Callable[[dict[str, Any]], None]) -> None:
    chosen = {"type": "bpe", "min_frequency": 2, "max_size": 200, "token_merges": {"x": "y z"}}
    set_params({"tokenize": {"vocabulary": chosen}})
    run("normalize", "render", "tokenize")
    latex = dict(read_parts(Path("data/normalize"), ["formula_id", "latex"]).to_pandas().to_numpy().tolist())
    vocabulary = Vocabulary.load(Path("data/tokenize/vocabulary.json"))
    tokenizer = Tokenizer.from_file("data/tokenize/tokenizer.json")
    assert vocabulary.subwords
    assert "x" not in vocabulary.tokens
    labels = read_table(Path("data/tokenize/labels.parquet")).to_pylist()
    for label in labels:
        text = latex[label["formula_id"]]
        assert label["tokens"] == vocabulary.encode(text.split()) == tokenizer.encode(text).ids
        assert label["unknown"] == label["tokens"].count(vocabulary.unk)
    merged = sum(latex[label["formula_id"]].split().count("x") for label in labels)
    assert merged > 0
    assert json.loads(Path("reports/manifest/tokenize.json").read_text())["merged"] == {"x": merged}


def test_the_vocabulary_has_tokens_of_the_training_split_only(
    project: Path, set_params: Callable[[dict[str, Any]], None]
) -> None:
    set_params({"tokenize": {"vocabulary": {"type": "bpe", "min_frequency": 1}}})
    run("normalize", "render", "tokenize")
    labels = read_table(Path("data/tokenize/labels.parquet")).to_pandas()
    training = labels[labels["split"] == "train"]["tokens"].explode().value_counts()
    vocabulary = Vocabulary.load(Path("data/tokenize/vocabulary.json"))
    assert {index: vocabulary.counts[vocabulary.tokens[index]] for index in training.index} == training.to_dict()


def test_the_command_makes_the_vocabulary_of_the_pipeline(project: Path) -> None:
    run("normalize", "render", "tokenize", "filter", "bucket")
    fitted = json.loads(Path("data/tokenize/vocabulary.json").read_text())
    for source in ("data/render", "data/normalize", "data/filter", "data/bucket"):
        done = CliRunner().invoke(app, ["vocab", "build", source, "-o", "v.json", "--min-frequency", "1"])
        assert done.exit_code == 0, done.output
        assert "of the split train" in done.output
        if source == "data/render":
            assert json.loads(Path("v.json").read_text()) == fitted
