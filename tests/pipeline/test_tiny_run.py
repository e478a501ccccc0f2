"""A small dataset through all ten stages, without TeX: every formula is accounted for and every artifact is hashed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from im2latex.cli import app
from im2latex.io.parquet import read_parts, read_table
from im2latex.types import SPLITS
from tests.pipeline.conftest import BAD_LINES, GOOD, run
from tests.pipeline.test_graph import STAGES

DATA_STAGES = list(STAGES)[:6]


def ledger(stage: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(f"reports/ledger/{stage}.json").read_text())
    return content


def digests(*folders: str) -> dict[str, str]:
    files = sorted(file for folder in folders for file in Path(folder).rglob("*") if file.is_file())
    return {file.as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def data_digests() -> dict[str, str]:
    return digests(*(f"data/{stage}" for stage in DATA_STAGES), "reports/ledger", "reports/manifest")


def test_raw_formulas_to_report(project: Path) -> None:
    run(*STAGES)

    normalize = ledger("normalize")
    assert normalize["seen"] == GOOD + 1 + len(BAD_LINES)
    assert normalize["reasons"] == {
        "duplicate": 1,
        "empty": 1,
        "not_utf8": 1,
        "too_long": 1,
        "unbalanced_group": 1,
    }
    assert ledger("render")["reasons"] == {"undefined_macro": 1}
    assert set(ledger("filter")["reasons"]) == {"too_long"}
    for before, after in [
        ("normalize", "render"),
        ("render", "tokenize"),
        ("tokenize", "filter"),
        ("filter", "bucket"),
    ]:
        assert ledger(after)["seen"] == ledger(before)["kept"]

    kept = set(read_table(Path("data/filter/kept.parquet"))["formula_id"].to_pylist())
    shards = [read_parts(Path("data/bucket") / split, pattern="shard-*.parquet") for split in SPLITS]
    assert sorted(name for shard in shards for name in shard["formula_id"].to_pylist()) == sorted(kept)

    metrics, evaluation = (
        json.loads(Path("reports", f"{name}.json").read_text()) for name in ("metrics", "evaluation")
    )
    assert metrics["n"] == shards[2].num_rows
    assert 0 <= metrics["intervals"]["bleu"][0] <= metrics["bleu"] <= metrics["intervals"]["bleu"][1] <= 1
    assert evaluation["blank"]["n"] == metrics["n"]
    assert 0 <= metrics["cdm_exact"] <= metrics["cdm"] <= 1
    assert evaluation["baselines"]["one_changed"]["n"] == metrics["n"]
    predicted = read_table(Path("data/predict/predictions.parquet"))
    inputs = list(zip(predicted["split"].to_pylist(), predicted["input"].to_pylist(), strict=True))
    assert inputs.count(("test", "image")) == inputs.count(("test", "blank")) == metrics["n"]
    looked = read_table(Path("data/predict/attention.parquet")).to_pylist()
    assert 0 < len(looked) <= 6
    assert {row["formula_id"] for row in looked} <= set(shards[2]["formula_id"].to_pylist())
    assert b"</html>" in Path("reports/report.html").read_bytes()
    for plot in yaml.safe_load(Path("dvc.yaml").read_text())["plots"]:
        ((_, drawn),) = plot.items()
        for path, column in drawn["y"].items():
            assert {column, drawn["x"]} <= set(Path(path).read_text().splitlines()[0].split("\t")), path
    assert CliRunner().invoke(app, ["verify"]).exit_code == 0


def test_data_stages_give_the_same_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(*DATA_STAGES)
    first = data_digests()
    run(*DATA_STAGES)
    assert data_digests() == first, "from the part cache"
    monkeypatch.setenv("IM2LATEX_CACHE", "other-cache")
    run(*DATA_STAGES)
    assert data_digests() == first, "computed anew"


def test_the_size_of_parts_changes_no_sample(project: Path, set_params: Callable[[dict[str, Any]], None]) -> None:
    run(*DATA_STAGES)
    first = digests("data/bucket")
    set_params({"normalize": {"part_rows": 7}})
    run(*DATA_STAGES)
    assert digests("data/bucket") == first


def test_given_splits_are_kept_and_a_test_set_stays_whole(project: Path) -> None:
    rows = [
        {"formula": "x", "split": "train", "id": "a"},
        {"formula": "x", "split": "test", "id": "b"},
        {"formula": "y", "split": "validate", "id": "c"},
    ]
    Path("data/raw/tiny/formulas.txt").unlink()
    Path("data/raw/tiny/formulas.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run("normalize")
    formulas = read_parts(Path("data/normalize"))
    assert formulas["source_id"].to_pylist() == ["b", "c"]
    assert formulas["split"].to_pylist() == ["test", "val"]


def test_a_formula_of_two_groups_is_kept_in_the_first_by_hash(project: Path) -> None:
    rows = [{"formula": "x", "group": "a"}, {"formula": "x", "group": "b"}, {"formula": "y", "group": "a"}]
    Path("data/raw/tiny/formulas.txt").unlink()
    for order in (rows, rows[::-1]):
        Path("data/raw/tiny/formulas.jsonl").write_text("\n".join(map(json.dumps, order)))
        run("normalize")
        formulas = read_parts(Path("data/normalize"))
        pairs = dict(zip(formulas["raw"].to_pylist(), formulas["group"].to_pylist(), strict=True))
        assert pairs == {"x": "b", "y": "a"}


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda dataset: (dataset / "formulas.txt").unlink(), "normalize: data/raw/tiny: holds no .txt"),
        (lambda dataset: (dataset / "formulas.txt").write_text(""), "normalize: data/raw/tiny: holds no formula"),
        (
            lambda dataset: (dataset / "formulas.txt").write_text("}"),
            "normalize: data/raw/tiny: no formula was accepted",
        ),
        (lambda dataset: dataset.rename(dataset.parent / "x"), "normalize: data/raw/tiny: no such dataset"),
    ],
)
def test_a_dataset_without_formulas_is_one_sentence(
    project: Path, capsys: pytest.CaptureFixture[str], prepare: Callable[[Path], object], sentence: str
) -> None:
    prepare(project / "data" / "raw" / "tiny")
    with pytest.raises(SystemExit) as stopped:
        run("normalize")
    assert stopped.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith(sentence)
    assert error.count("\n") == 1
