"""What commands are given in a bad state: a sentence and an exit code, whole output for the rest."""

import json
import os
import sys
from pathlib import Path

import pytest

from im2latex.cli import main

NAME = os.fsdecode(b"caf\xe9")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> "Run":
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    return Run(monkeypatch, capfd)


class Run:
    """Runs a command line in this process; gives exit code, standard output and standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capfd = monkeypatch, capfd

    def __call__(self, *words: object) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["im2latex", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        said = self._capfd.readouterr()
        assert "Traceback" not in said.err
        code = end.value.code
        return code if isinstance(code, int) else 0, said.out, said.err


def test_file_names_that_are_not_utf8(run: Run) -> None:
    """In JSON they are escaped so that the same bytes come out again."""
    code, out, _ = run("predict", "--json", f"{NAME}.png")
    assert code == 1
    assert os.fsencode(json.loads(out)["image"]) == b"caf\xe9.png"
    Path(f"{NAME}.jsonl").write_bytes(b'{"formula": "x"}\n{"formula": "\xe9"}\n{"formula": "y", "id": "\\ud800"}\n')
    code, out, _ = run("normalize", "--json", f"{NAME}.jsonl")
    assert code == 0
    assert [json.loads(line)["latex"] for line in out.splitlines()] == ["x", None, "y"]
    Path(f"{NAME}.tex").write_text("$$x+y$$")
    code, _, _ = run("extract", f"{NAME}.tex", "-o", f"{NAME}.out")
    assert code == 0
    [row] = [json.loads(line) for line in Path(f"{NAME}.out").read_text().splitlines()]
    assert os.fsencode(row["file"]) == b"caf\xe9.tex"


@pytest.mark.parametrize(
    "words",
    [
        ["render", "formulas.txt", "-o", "formulas.txt/out"],
        ["extract", "a.tex", "-o", "folder"],
        ["extract", "a.tex", "-o", "formulas.txt/out.jsonl"],
        ["vocab", "build", "formulas.txt", "-o", "folder"],
        ["inspect", "folder/a.parquet", "000000", "-o", "folder"],
        ["normalize", "x" * 300],
        ["score", "formulas.txt", "x" * 300],
        ["extract", "x" * 300, "-o", "out.jsonl"],
        ["vocab", "show", "x" * 300],
        ["vocab", "show", "folder"],
    ],
)
def test_paths_that_cannot_be_used_are_one_sentence(run: Run, words: list[str]) -> None:
    Path("formulas.txt").write_text("x\nx\n")
    Path("a.tex").write_text("$$x$$")
    Path("folder").mkdir()
    code, _, err = run(*words)
    assert code in (1, 2)
    assert err.strip()


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"[]", b"\xff", b'{"tokens": [null]}', b'{"tokens": 5}'])
def test_a_vocabulary_that_is_none_is_one_sentence(run: Run, content: bytes) -> None:
    Path("vocabulary.json").write_bytes(content)
    code, _, err = run("vocab", "show", "vocabulary.json")
    assert (code, err.count("\n")) == (1, 1)


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, "5"])
def test_runs_with_damaged_files_are_one_sentence(run: Run, content: str) -> None:
    Path("run").mkdir()
    Path("run/metrics.json").write_text(content)
    code, _, err = run("runs", "run")
    assert code == 1
    assert "metrics.json" in err
