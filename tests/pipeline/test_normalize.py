"""What a team changes of the normalizer reaches the stage, and is counted."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.dataset.readers.files import FormulaRow
from im2latex.dataset.splits import precedence
from im2latex.io.parquet import read_parts, stream_table
from im2latex.types import BadRow, RawFormula
from pipeline.normalize import repeated_rows, store_rows
from tests.pipeline.conftest import run


def test_replacements_are_made_and_counted(project: Path, set_params: Callable[[dict[str, Any]], None]) -> None:
    run("normalize")
    before = read_parts(Path("data/normalize"), ["latex"])["latex"].to_pylist()
    assert json.loads(Path("reports/manifest/normalize.json").read_text())["replaced"] == {}
    Path("replacements.txt").write_text("x -> w\n")
    set_params({"normalize": {"normalizer": {"replacements": "replacements.txt"}}})
    run("normalize")
    after = read_parts(Path("data/normalize"), ["latex"])["latex"].to_pylist()
    count = sum(latex.split().count("x") for latex in before)
    assert count > 0
    assert after == [" ".join("w" if token == "x" else token for token in latex.split()) for latex in before]
    assert json.loads(Path("reports/manifest/normalize.json").read_text())["replaced"] == {"x": count}
    Path("replacements.txt").write_text("x -> y\n")
    run("normalize")
    assert "x" not in " ".join(read_parts(Path("data/normalize"), ["latex"])["latex"].to_pylist()).split()


ROW = st.builds(
    RawFormula,
    formula=st.sampled_from(["x", "y", "", "x "]),
    place=st.just("f:1"),
    group=st.sampled_from([None, "paper-1", "paper-2"]),
    split=st.sampled_from([None, "train", "val", "test"]),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(ROW | st.just(BadRow("f:2", "not_utf8", "no text")), max_size=14), st.integers(1, 6))
def test_one_row_keeps_a_formula_by_given_split_group_and_order(rows: list[FormulaRow], part_rows: int) -> None:
    """And no other does, however the rows are cut into parts."""
    order = ["test", "val", "train", None]
    best: dict[str, tuple[int, str, int]] = {}
    claims = {
        number: (row.formula, (order.index(row.split), precedence(row.group), number))
        for number, row in enumerate(rows)
        if isinstance(row, RawFormula)
    }
    for formula, claim in claims.values():
        best[formula] = min(claim, best.get(formula, claim))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        assert store_rows(iter(rows), path, part_rows) == len(claims)
        assert [part["formula"].to_pylist() for part in stream_table(path) if part.num_rows] == [
            [row.formula if isinstance(row, RawFormula) else None for row in rows[start : start + part_rows]]
            for start in range(0, len(rows), part_rows)
        ]
        repeated = repeated_rows(path, Path(folder)).take_up_to(len(rows))["number"].to_pylist()
    assert repeated == [number for number, (formula, claim) in claims.items() if claim != best[formula]]


@pytest.mark.parametrize(("rule", "command"), [("no_left_right", "\\left"), ("no_length", "\\hspace")])
def test_a_lossy_rule_may_be_switched_on_alone(
    project: Path, set_params: Callable[[dict[str, Any]], None], rule: str, command: str
) -> None:
    def commands() -> set[str]:
        run("normalize")
        return set(" ".join(read_parts(Path("data/normalize"), ["latex"])["latex"].to_pylist()).split())

    with Path("data/raw/tiny/formulas.txt").open("a") as file:
        file.write("\nx \\hspace{1em} \\left( y \\right)")
    assert {"\\left", "\\hspace"} <= commands()
    set_params({"normalize": {"normalizer": {"enable_rules": [rule]}}})
    assert {"\\left", "\\hspace"} - commands() == {command}


@pytest.mark.parametrize("key", ["replacements", "macros", "rules"])
def test_a_missing_file_of_the_team_is_one_sentence(
    project: Path, set_params: Callable[[dict[str, Any]], None], capsys: pytest.CaptureFixture[str], key: str
) -> None:
    set_params({"normalize": {"normalizer": {key: "absent"}}})
    with pytest.raises(SystemExit) as stopped:
        run("normalize")
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("normalize: absent: ")
