"""compare, gate and inspect as a user meets them."""

import json
import shutil
from pathlib import Path

from pipeline.paths import ROOT
from tests.cli.test_cli import Command, command
from tests.reporting.comparing import predictions, write_json, write_project, wrong

__all__ = ["command"]

SAMPLES = "data/evaluate/scores.parquet"


def test_two_folders_are_compared(command: Command, tmp_path: Path) -> None:
    for name, bad in (("a", wrong(3)), ("b", wrong(*range(10, 40)))):
        write_project(tmp_path / name, predictions(bad))
    code, out, err = command("compare", "a", "b", "--score", "exact", "-n", "1", "--resamples", "50")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[:5] if line] == ["A", "B", "score", "exact"]
    assert "60 formulas in both: 1 better in B, 30 worse" in out
    code, out, _ = command("compare", "a", f"b/{SAMPLES}", "--json", "--resamples", "50")
    assert code == 0
    assert json.loads(out)["scores"]["exact"]["outcome"] == "worse"
    code, _, err = command("compare", "a", "c")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("im2latex: c: neither a folder, a file, nor a commit or experiment")


def test_the_gate_fails_where_a_score_fell(command: Command, tmp_path: Path) -> None:
    base = write_project(tmp_path / "base", predictions(wrong(3)))
    write_project(tmp_path, predictions(wrong(3)))
    code, out, err = command("gate", "base", "--markdown", "-")
    assert (code, err) == (0, "im2latex gate: no checked score is worse than in base\n")
    assert out.startswith("### Scores against the base\n\n**No checked score is worse than in base.**\n\n| checked |")
    metrics = json.loads((base / "reports/metrics.json").read_text())
    write_json(tmp_path / "reports/metrics.json", metrics | {"bleu": 0.5})
    code, out, err = command("gate", "base", "--markdown", "deep.md")
    assert (code, err) == (1, "im2latex gate: worse than in base: bleu\n")
    assert "FAILS" in out
    assert "| **bleu** |" in Path("deep.md").read_text()
    assert command("gate", "base", "--score", "exact")[0] == 0


def test_the_gate_needs_a_base(command: Command, tmp_path: Path) -> None:
    write_project(tmp_path, predictions({}))
    (tmp_path / "empty").mkdir()
    for arguments, sentence in (
        ([], "no base to compare with: neither origin/main nor main is a commit here; name one: im2latex gate COMMIT"),
        (["v1"], "v1: neither a folder, a file, nor a commit or experiment of the project here"),
        (["empty"], "no base to compare with: empty: has no scores"),
        ([".", "--score", "speed"], "--score speed: . has no such score; it has"),
    ):
        code, out, err = command("gate", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"im2latex: {sentence}")


def test_an_artifact_is_inspected(command: Command, tmp_path: Path) -> None:
    write_project(tmp_path, predictions(wrong(7)))
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    shard = "data/bucket/test/shard-00000.parquet"
    code, out, _ = command("inspect", shard, "-n", "1")
    assert code == 0
    assert out.startswith(f"{shard}: 40 rows in 1 row groups")
    assert "2 × 2 px" in out
    name = f"{7:032x}"
    code, out, _ = command("inspect", shard, name)
    assert (code, out.count("evaluate"), r"\broken" in out) == (0, 1, True)
    assert command("inspect", shard, name, "-o", "image.png")[0] == 0
    assert Path("image.png").read_bytes().startswith(b"\x89PNG")
    for arguments, expected, sentence in (
        ((SAMPLES, name, "-o", "x.png"), 1, f"{SAMPLES}: holds no image of {name}; data/render and data/bucket"),
        ((shard, "-o", "x.png"), 2, "-o x.png: writes the image of one sample; name it by its formula_id"),
        (("params.yaml",), 1, "params.yaml: is not a Parquet file, or a damaged one"),
        ((shard, "ffffffff"), 1, "ffffffff: no sample of this id in"),
    ):
        code, out, err = command("inspect", *arguments)
        assert (code, out, err.count("\n")) == (expected, "", 1)
        assert err.startswith(f"im2latex: {sentence}")
