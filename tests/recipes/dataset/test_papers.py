"""Formulas are divided by the list of papers, and the command line says what it did."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recipes.dataset.__main__ import app
from recipes.dataset.held_out import is_reserved
from recipes.dataset.papers import divide, name_of, read_list
from tests.recipes.dataset.conftest import PAPERS, rows


def test_the_committed_list() -> None:
    papers = read_list()
    assert len(papers) > 5000
    assert set(papers.values()) == {"train", "val"}
    assert all(len(name) == 8 and set(name) <= set("0123456789abcdef") for name in papers)


def test_divide(tmp_path: Path) -> None:
    source = tmp_path / "all.jsonl"
    lines = [json.dumps({"id": str(at), "paper": name, "formula": "x"}) for at, name in enumerate(PAPERS)]
    source.write_text("\n".join([*lines, "{", '{"formula": "y"}']), encoding="utf-8")
    usable = [name for name in PAPERS if not is_reserved(name)]
    listed = {name_of(name): "val" if at % 5 == 0 else "train" for at, name in enumerate(usable[:20])}
    counts = divide(source, tmp_path / "out", listed)
    assert counts["reserved_paper"] == len(PAPERS) - len(usable) > 0
    assert counts["unreadable"] == 2
    assert counts["unlisted_paper"] == len(usable) - 20
    train, val = (rows(tmp_path / "out" / f"arxiv_formulas_{split}.jsonl.gz") for split in ("train", "val"))
    assert (len(train), len(val)) == (counts["train"], counts["val"]) == (16, 4)
    assert not {row["paper"] for row in train} & {row["paper"] for row in val}


@pytest.mark.parametrize("arguments", [["build", "none.yaml"], ["report", "none"], ["papers", "none.jsonl"]])
def test_a_missing_file_is_one_sentence(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.output.startswith("dataset: none")
    assert "Traceback" not in result.output
