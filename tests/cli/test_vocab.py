"""`im2latex vocab` as a team uses it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from im2latex.dataset.vocabulary import Vocabulary
from tests.cli.test_cli import Command, command

__all__ = ["command"]

LINES = b"x^2\n\\frac{1}{x}\n}{\nx^2\n\\alpha\n"


def test_build_show_diff_and_coverage(command: Command) -> None:
    Path("f.txt").write_bytes(LINES)
    code, _, err = command("vocab", "build", "f.txt", "-o", "v.json", "--include", "\\beta", "--exclude", "2")
    assert code == 0
    assert "f.txt: 1 formulas refused" in err
    tokens = Vocabulary.load(Path("v.json")).tokens
    assert tokens[4] == "\\beta"
    assert "2" not in tokens
    assert command("vocab", "show", "v.json")[1].splitlines()[4] == "4\t0\t\\beta"
    command("vocab", "build", "f.txt", "-o", "w.json", "--min-frequency", "1", "--init-from", "v.json")
    assert Vocabulary.load(Path("w.json")).tokens[: len(tokens)] == tokens
    out = command("vocab", "diff", "v.json", "w.json")[1].splitlines()
    assert out[0].startswith("added")
    assert out[1:] == ["removed 0", "moved 0"]
    said = command("vocab", "stats", "v.json", "f.txt")[1]
    assert "all: 4 formulas" in said
    assert "unknown\t2\t2\tx ^ { 2 }" in said
    assert "min_frequency 1:" in said


def test_subwords_and_merges(command: Command) -> None:
    Path("f.txt").write_bytes(LINES * 3)
    assert command("vocab", "build", "f.txt", "-o", "v.json")[0] == 0
    code, _, err = command("vocab", "build", "f.txt", "-o", "w.json", "--type", "bpe", "--merge", "\\alpha=x")
    assert code == 0
    assert "merged 3: \\alpha -> x" in err
    assert "w.json: 11 tokens and " in err.splitlines()[-1]
    vocabulary = Vocabulary.load(Path("w.json"))
    assert "x ^ { 2 }" in vocabulary.subwords
    tokenizer = Tokenizer.from_file("w.tokenizer.json")
    assert tokenizer.encode("x ^ { 2 } \\alpha").ids == vocabulary.encode(["x", "^", "{", "2", "}", "\\alpha"])
    _, out, err = command("vocab", "show", "w.json")
    assert any(line.endswith("\tx ^ { 2 }") for line in out.splitlines())
    assert err == "merge \\alpha -> x\n"
    added, removed, _, merges = command("vocab", "diff", "v.json", "w.json")[1].splitlines()
    assert ", x ^ { 2 }" in added
    assert removed == "removed 1: \\alpha"
    assert merges == "merge added: \\alpha -> x"
    said = command("vocab", "stats", "w.json", "f.txt")[1]
    assert "all: 12 formulas, 0.000 % of tokens unknown, in 0.00 % of formulas, 4.50 tokens per id" in said
    assert "tokens per id" not in command("vocab", "stats", "v.json", "f.txt")[1]


def test_the_training_split_is_counted_and_said(command: Command) -> None:
    folder = Path("dataset")
    folder.mkdir()
    rows = [("x", "train"), ("x", "train"), ("y", "val"), ("y", "test"), ("}", "train"), ("z z", None)]
    table = pa.table({"formula": [row[0] for row in rows], "split": [row[1] for row in rows]})
    pq.write_table(table, folder / "t.parquet")
    labels = table.rename_columns(["latex", "split"]).append_column("formula_id", pa.array(list("123456")))
    pq.write_table(labels, "part.parquet")
    for source, refused in ((folder, True), (folder / "t.parquet", True), (Path("part.parquet"), False)):
        code, _, err = command("vocab", "build", str(source), "-o", "v.json")
        assert code == 0
        assert ("1 formulas refused" in err) == refused
        assert f"from {2 if refused else 3} formulas of the split train; 3 of other splits were not counted" in err
        assert Vocabulary.load(Path("v.json")).counts["x"] == 2
        assert {"y", "z"}.isdisjoint(Vocabulary.load(Path("v.json")).tokens)
    Path("f.lst").write_bytes(LINES)
    code, _, err = command("vocab", "build", "f.lst", "-o", "v.json")
    assert code == 0
    assert "read as text, one formula per line" in err
    assert "from 4 formulas: no split is given, so all were counted" in err
    pq.write_table(table.slice(2, 2), "held_out.parquet")
    code, _, err = command("vocab", "build", "held_out.parquet", "-o", "w.json")
    assert (code, Path("w.json").exists()) == (1, False)
    assert "no formula is in the split train; there are test, val" in err


def test_text_is_spelled_or_not(command: Command) -> None:
    Path("f.txt").write_bytes(b"\\text{a-b}\n" * 3)
    command("vocab", "build", "f.txt", "-o", "v.json")
    command("vocab", "build", "f.txt", "-o", "w.json", "--no-symbol-fallback")
    shown = [line.split("\t")[2] for line in command("vocab", "show", "v.json")[1].splitlines()[4:]]
    assert shown == ["-", "a", "b", "}»", "«\\text{"]
    assert command("vocab", "show", "w.json")[1].splitlines()[4:] == ["4\t3\t\\text{a-b}"]
    assert command("vocab", "diff", "w.json", "v.json")[1].splitlines()[1] == "removed 1: \\text{a-b}"
    Path("g.txt").write_bytes(b"\\text{b-a}\n")
    assert "in 0.00 % of formulas" in command("vocab", "stats", "v.json", "g.txt")[1]
    assert "in 100.00 % of formulas" in command("vocab", "stats", "w.json", "g.txt")[1]


def test_a_start_keeps_its_ids_whatever_the_kind(command: Command) -> None:
    Path("f.txt").write_bytes(LINES * 3)
    command("vocab", "build", "f.txt", "-o", "v.json")
    command("vocab", "build", "f.txt", "-o", "w.json", "--type", "bpe", "--init-from", "v.json")
    tokens = Vocabulary.load(Path("v.json")).tokens
    assert Vocabulary.load(Path("w.json")).tokens[: len(tokens)] == tokens


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        (
            "--type",
            "words",
            "invalid value for '--type': 'words' is not one of 'word_level', 'bpe'; see im2latex vocab build --help",
        ),
        ("--merge", "\\leq", "--merge '\\\\leq' must be TOKEN=TOKENS"),
        ("--merge", "x=x", "merges: x -> x is a cycle"),
        ("--merge", "==x =", "merges: = -> = is a cycle"),
    ],
)
def test_wrong_options_are_one_sentence(command: Command, option: str, value: str, sentence: str) -> None:
    Path("f.txt").write_bytes(LINES)
    code, _, err = command("vocab", "build", "f.txt", "-o", "v.json", option, value)
    assert (code, err.count("\n")) == (2, 1)
    assert sentence in err


def test_mistakes_are_one_sentence(command: Command) -> None:
    Path("f.txt").write_bytes(b"}{\n")
    code, _, err = command("vocab", "build", "f.txt", "-o", "v.json")
    assert (code, err.count("\n")) == (1, 1)
    assert command("vocab", "show", "missing.json")[0] == 1
