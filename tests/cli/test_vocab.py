"""`im2latex vocab` as a team uses it."""

from pathlib import Path

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
    command("vocab", "build", "f.txt", "-o", "w.json", "--min-count", "1", "--start", "v.json")
    assert Vocabulary.load(Path("w.json")).tokens[: len(tokens)] == tokens
    out = command("vocab", "diff", "v.json", "w.json")[1].splitlines()
    assert out[0].startswith("added")
    assert out[1:] == ["removed 0", "moved 0"]
    said = command("vocab", "coverage", "v.json", "f.txt")[1]
    assert "all: 4 formulas" in said
    assert "unknown\t2\t2\tx ^ { 2 }" in said
    assert "min_count 1:" in said


def test_pieces_and_merges(command: Command) -> None:
    Path("f.txt").write_bytes(LINES * 3)
    assert command("vocab", "build", "f.txt", "-o", "v.json")[0] == 0
    code, _, err = command("vocab", "build", "f.txt", "-o", "w.json", "--kind", "bpe", "--merge", "\\alpha=x")
    assert code == 0
    assert "merged 3: \\alpha -> x" in err
    assert "w.json: 11 tokens and " in err.splitlines()[-1]
    vocabulary = Vocabulary.load(Path("w.json"))
    assert "x ^ { 2 }" in vocabulary.pieces
    tokenizer = Tokenizer.from_file("w.tokenizer.json")
    assert tokenizer.encode("x ^ { 2 } \\alpha").ids == vocabulary.encode(["x", "^", "{", "2", "}", "\\alpha"])
    _, out, err = command("vocab", "show", "w.json")
    assert any(line.endswith("\tx ^ { 2 }") for line in out.splitlines())
    assert err == "merge \\alpha -> x\n"
    added, removed, _, merges = command("vocab", "diff", "v.json", "w.json")[1].splitlines()
    assert ", x ^ { 2 }" in added
    assert removed == "removed 1: \\alpha"
    assert merges == "merge added: \\alpha -> x"
    said = command("vocab", "coverage", "w.json", "f.txt")[1]
    assert "all: 12 formulas, 0.000 % of tokens unknown, in 0.00 % of formulas, 4.50 tokens an id" in said
    assert "tokens an id" not in command("vocab", "coverage", "v.json", "f.txt")[1]


def test_text_is_spelled_or_not(command: Command) -> None:
    Path("f.txt").write_bytes(b"\\text{a-b}\n" * 3)
    command("vocab", "build", "f.txt", "-o", "v.json")
    command("vocab", "build", "f.txt", "-o", "w.json", "--no-spell")
    shown = [line.split("\t")[2] for line in command("vocab", "show", "v.json")[1].splitlines()[4:]]
    assert shown == ["-", "a", "b", "}»", "«\\text{"]
    assert command("vocab", "show", "w.json")[1].splitlines()[4:] == ["4\t3\t\\text{a-b}"]
    assert command("vocab", "diff", "w.json", "v.json")[1].splitlines()[1] == "removed 1: \\text{a-b}"
    Path("g.txt").write_bytes(b"\\text{b-a}\n")
    assert "in 0.00 % of formulas" in command("vocab", "coverage", "v.json", "g.txt")[1]
    assert "in 100.00 % of formulas" in command("vocab", "coverage", "w.json", "g.txt")[1]


def test_a_start_keeps_its_ids_whatever_the_kind(command: Command) -> None:
    Path("f.txt").write_bytes(LINES * 3)
    command("vocab", "build", "f.txt", "-o", "v.json")
    command("vocab", "build", "f.txt", "-o", "w.json", "--kind", "bpe", "--start", "v.json")
    tokens = Vocabulary.load(Path("v.json")).tokens
    assert Vocabulary.load(Path("w.json")).tokens[: len(tokens)] == tokens


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--kind", "words", "options.kind = 'words': input should be 'symbols' or 'bpe'"),
        ("--merge", "\\leq", "--merge '\\\\leq' must be TOKEN=TOKENS"),
        ("--merge", "x=x", "merges: x -> x is a circle"),
        ("--merge", "==x =", "merges: = -> = is a circle"),
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
