"""kept + dropped = seen, or the stage does not finish."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from im2latex.io.parquet import read_table, write_table
from im2latex.ledger import Ledger, hints
from im2latex.schemas import REJECTS


def test_writes_counts_and_rejects(tmp_path: Path) -> None:
    ledger = Ledger("filter", tmp_path / "rejects.parquet")
    ledger.add_seen(4)
    ledger.add_kept(1)
    ledger.drop("a", "ax-1", "too_long", "200 tokens")
    ledger.drop("b", None, "too_long")
    ledger.drop("c", None, "blank")
    ledger.write(tmp_path / "ledger.json")
    assert json.loads((tmp_path / "ledger.json").read_text()) == {
        "seen": 4,
        "kept": 1,
        "dropped": 3,
        "reasons": {"too_long": 2, "blank": 1},
    }
    rejects = read_table(tmp_path / "rejects.parquet").to_pylist()
    assert rejects[0] == {"formula_id": "a", "source_id": "ax-1", "reason": "too_long", "detail": "200 tokens"}
    assert len(rejects) == 3
    assert ledger.summary_line() == "filter: 4 seen, 1 kept, 3 dropped (too_long 2, blank 1)"


def test_many_rejects_are_written_in_order_with_the_bytes_of_one_table(tmp_path: Path) -> None:
    rows = [(f"{number:032x}", None, "blank", f"line {number}") for number in range(23_456)]
    ledger = Ledger("filter", tmp_path / "rejects.parquet")
    ledger.add_seen(len(rows))
    for row in rows:
        ledger.drop(*row)
    ledger.write(tmp_path / "ledger.json")
    table = pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=REJECTS)
    write_table(table, tmp_path / "at_once.parquet")
    assert (tmp_path / "rejects.parquet").read_bytes() == (tmp_path / "at_once.parquet").read_bytes()


def test_an_empty_account_balances(tmp_path: Path) -> None:
    Ledger("x", tmp_path / "rejects.parquet").write(tmp_path / "ledger.json")
    assert read_table(tmp_path / "rejects.parquet").num_rows == 0


def test_refuses_to_lose_a_record(tmp_path: Path) -> None:
    ledger = Ledger("filter", tmp_path / "rejects.parquet")
    ledger.add_seen(2)
    ledger.add_kept(1)
    with pytest.raises(AssertionError, match="filter: 1 of 2 records are neither kept nor dropped"):
        ledger.write(tmp_path / "ledger.json")
    assert not (tmp_path / "ledger.json").exists()


def test_a_reason_that_costs_much_has_a_remedy() -> None:
    (hint,) = hints("filter", 400, [("unknown_token", 73), ("too_wide", 20)])  # 20 of 400 are no more than 5 %
    assert hint.startswith("unknown token costs 18% of the records of filter: ")
    assert "`tokenize.vocabulary.min_frequency`" in hint
    assert "rejects.parquet" in hints("normalize", 10, [("strange", 1)])[0]
    assert hints("normalize", 0, []) == ()
    ledger = Ledger("filter", Path("unused"))
    ledger.add_seen(10)
    ledger.drop("a", None, "too_wide")
    assert "`filter.max_width_px`" in ledger.hints()[0]
