"""The test set is the same in every run, and failures are counted by reason."""

import hashlib
import json
from pathlib import Path

import pytest

from benchmarks.robustness.conditions import CONDITIONS, MathtextCondition
from benchmarks.robustness.dataset import HeldOutFormula, render_test_set, sample_formulas
from benchmarks.robustness.effects import Noise
from im2latex.errors import InputError
from im2latex.io.parquet import read_table
from tests.fakes import FakeRenderer

TEXTS = [r"x ^ { 2 } \le 1", r"\frac { a } { b }", r"\begin{array} { c } a \end{array}"]
FORMULAS = [HeldOutFormula(f"f{number}", "short", text) for number, text in enumerate(TEXTS)]


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.needs_tex
def test_the_bytes_depend_on_the_seed_only(tmp_path: Path) -> None:
    chosen = [condition for condition in CONDITIONS if condition.name in ("dpi-200", "noise")]
    for folder, seed in (("first", 0), ("second", 0), ("other", 1)):
        render_test_set(FORMULAS, chosen, tmp_path / folder, seed, tmp_path)
    first, second, other = (hashes(tmp_path / folder) for folder in ("first", "second", "other"))
    assert first == second
    assert {name for name in first if first[name] != other[name]} == {f"noise/f{number}.png" for number in range(3)}
    assert isinstance(chosen[1].effects[0], Noise)


def test_failures_of_mathtext_are_counted_and_listed(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (condition,) = (one for one in CONDITIONS if one.source == MathtextCondition("stix"))
    summary = render_test_set(FORMULAS, [condition], tmp_path, 0, tmp_path)
    assert summary == {"mathtext-stix": {"kind": "renderer", "rendered": 2, "failed": {"not_understood": 1}}}
    rows = read_table(tmp_path / "index.parquet").to_pylist()
    assert [row["reason"] for row in rows] == [None, None, "not_understood"]
    assert [row["path"] is None for row in rows] == [False, False, True]


def test_a_missing_renderer_is_unavailable_and_the_others_render(tmp_path: Path) -> None:
    chosen = [condition for condition in CONDITIONS if condition.name in ("katex-1x", "mathtext-cm")]
    pytest.importorskip("matplotlib")
    summary = render_test_set(FORMULAS[:1], chosen, tmp_path, 0, tmp_path / "no-engines")
    assert summary["mathtext-cm"]["rendered"] == 1
    assert "npm install" in summary["katex-1x"]["unavailable"]


def test_the_sample_is_seeded_and_distinct(tmp_path: Path) -> None:
    file = tmp_path / "formulas.jsonl"
    raws = ["skipped"] + [f"x_{{{number}}} + y" for number in range(20)] + [r"\broken{x y}", "a", "{", "x_{1} + y"]
    file.write_text("".join(json.dumps({"formula": raw}) + "\n" for raw in raws), encoding="utf-8")
    counts = {"short": 20, "long": 0}
    found, skipped = sample_formulas(file, counts, 1, 0, FakeRenderer())
    again, _ = sample_formulas(file, counts, 1, 0, FakeRenderer())
    other, _ = sample_formulas(file, counts, 1, 1, FakeRenderer())
    assert found == again
    assert found != other
    assert len({one.formula for one in found}) == 20
    assert not any("s k" in one.formula for one in found)
    assert skipped
    with pytest.raises(InputError, match="20 of 21 short"):
        sample_formulas(file, {"short": 21}, 1, 0, FakeRenderer())
