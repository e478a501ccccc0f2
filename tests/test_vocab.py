"""`im2latex vocab` as a team uses it."""

from pathlib import Path

from im2latex.dataset.vocabulary import Vocabulary
from tests.test_cli import Command, command

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


def test_mistakes_are_one_sentence(command: Command) -> None:
    Path("f.txt").write_bytes(b"}{\n")
    code, _, err = command("vocab", "build", "f.txt", "-o", "v.json")
    assert (code, err.count("\n")) == (1, 1)
    assert command("vocab", "show", "missing.json")[0] == 1
