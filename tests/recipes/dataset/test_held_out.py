"""Keys of labels, reserved and held-out papers."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recipes.dataset.__main__ import app
from recipes.dataset.held_out import HeldOut, is_reserved, label_key, paper_key, read_paper_splits, split_by_paper
from tests.recipes.dataset.conftest import PAPERS, rows


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x _ { i } .", "x _ { i }"),
        (r"\left ( x \right ) , ~ .", "( x )"),
        (r"\bigl ( x \bigr )", "( x )"),
        (r"a \, b \hspace { 1.5em } c", "a b c"),
        (r"{ \displaystyle a } \quad b", "a b"),
    ],
)
def test_equal_labels(one: str, other: str) -> None:
    assert label_key(one) == label_key(other)


@pytest.mark.parametrize(("one", "other"), [("x", "y"), ("a . b", "a b"), (r"\mathbf { x }", "x"), ("x _ y", "x ^ y")])
def test_different_labels(one: str, other: str) -> None:
    assert label_key(one) != label_key(other)


def test_papers() -> None:
    names = [f"paper-{number}" for number in range(2000)]
    reserved = [name for name in names if is_reserved(name)]
    assert 60 < len(reserved) < 140
    assert all(int(hashlib.sha1(name.encode()).hexdigest(), 16) % 100 >= 95 for name in reserved)
    held_out = HeldOut(groups={"p"})
    assert held_out.group_reason("p") == "held_out_paper"
    assert held_out.group_reason(reserved[0]) == "reserved_paper"
    assert held_out.group_reason(None) is None


def test_the_committed_list() -> None:
    papers = read_paper_splits()
    assert len(papers) > 5000
    assert set(papers.values()) == {"train", "val"}
    assert all(len(name) == 8 and set(name) <= set("0123456789abcdef") for name in papers)


def test_split_by_paper(tmp_path: Path) -> None:
    source = tmp_path / "all.jsonl"
    lines = [json.dumps({"id": str(at), "paper": name, "formula": "x"}) for at, name in enumerate(PAPERS)]
    source.write_text("\n".join([*lines, "{", '{"formula": "y"}']), encoding="utf-8")
    usable = [name for name in PAPERS if not is_reserved(name)]
    listed = {paper_key(name): "val" if at % 5 == 0 else "train" for at, name in enumerate(usable[:20])}
    counts = split_by_paper(source, tmp_path / "out", listed)
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
