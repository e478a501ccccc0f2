import json
from pathlib import Path

import pytest

from im2latex.dataset.readers.files import read_file
from im2latex.errors import InputError
from im2latex.latex.papers.extract import extract
from im2latex.types import RawFormula


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        folder = tmp_path / "papers" / name
        folder.mkdir(parents=True)
        (folder / "main.tex").write_text(f"\\documentclass{{a}}\n\\[ \\R_{{{name}}} \\]\n$a+b$ \\[ \\]")
    return tmp_path / "papers"


def test_formulas_with_provenance_that_other_commands_read(papers: Path, tmp_path: Path) -> None:
    (tmp_path / "team.tex").write_text(r"\newcommand{\R}{\mathbb{R}}")
    account = extract([papers], tmp_path / "f.jsonl", 3, tmp_path / "r.jsonl", tmp_path / "team.tex")
    assert (account.papers, account.found, account.kept, account.reasons) == (2, 6, 4, {"empty": 2})
    assert account.line() == "2 papers, 4 formulas, 2 rejected (empty 2)"
    rows = [json.loads(line) for line in (tmp_path / "f.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "id": "one:0",
        "paper": "one",
        "file": "main.tex",
        "line": 2,
        "env": "\\[",
        "formula": r"\mathbb{R}_{one}",
    }
    assert [json.loads(line)["reason"] for line in (tmp_path / "r.jsonl").read_text().splitlines()] == ["empty"] * 2
    read = list(read_file(tmp_path / "f.jsonl"))
    assert [row.group for row in read if isinstance(row, RawFormula)] == ["one", "one", "two", "two"]


def test_bytes_do_not_depend_on_workers(papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for workers in ("1", "2"):
        monkeypatch.setenv("IM2LATEX_WORKERS", workers)
        extract([papers], tmp_path / f"{workers}.jsonl", 3)
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()


def test_what_cannot_be_read_is_named_and_the_others_go_on(papers: Path, tmp_path: Path) -> None:
    account = extract([tmp_path / "missing", papers], tmp_path / "f.jsonl")
    assert account.papers == 2
    assert "missing" in account.unreadable[0]
    with pytest.raises(InputError, match="missing"):
        extract([tmp_path / "missing"], tmp_path / "g.jsonl")
    assert not (tmp_path / "g.jsonl").exists()
    assert not list(tmp_path.glob("*.partial"))


def test_papers_of_one_name_stay_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.tex").write_text(rf"\[ {folder} \]")
    extract([tmp_path / "a" / "main.tex", tmp_path / "b" / "main.tex"], tmp_path / "f.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "f.jsonl").read_text().splitlines()]
    assert [(row["id"], row["paper"]) for row in rows] == [("main:0", "main"), ("main~2:0", "main~2")]


def test_macros_that_cannot_be_read_are_one_sentence_and_latin_1_can(papers: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        extract([papers], tmp_path / "f.jsonl", macros_file=tmp_path / "missing.tex")
    (tmp_path / "team.tex").write_bytes(b"% caf\xe9\n\\newcommand{\\R}{r}")
    assert extract([papers], tmp_path / "f.jsonl", macros_file=tmp_path / "team.tex").kept == 2


def test_rejects_are_left_alone_where_nothing_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("before")
    with pytest.raises(InputError):
        extract([tmp_path / "missing"], tmp_path / "f.jsonl", rejects=tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_text() == "before"


def test_a_paper_without_formulas_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_text("only prose")
    assert extract([tmp_path / "a.tex"], tmp_path / "f.jsonl").notes == {"paper_without_formula": 1}
