"""The shell and Python blocks of the documentation run, page by page, each page in a folder of its own.

What takes minutes, a network or a running server has a comment `<!-- not run: REASON -->`; see `blocks.py`.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from docs.generate.committed import ROOT
from im2latex.cli import app
from im2latex.latex.grammar.generator import generate
from tests.docs.blocks import PAGES, Block, blocks, words
from tests.examples.interpreter import Interpreter, set_value
from tests.examples.test_examples import SMALL, project

__all__ = ["project"]

_FOLDERS = ("examples", "custom")
_PAPER = r"""\documentclass{article}\newcommand{\half}{\frac{1}{2}}
\begin{document}\[ \half mv^2 + \half k x^2 = E \]\end{document}
"""


def _papers() -> None:
    Path("papers").mkdir()
    Path("papers/one.tex").write_text(_PAPER, encoding="utf-8")


def _score() -> None:
    Path("references.txt").write_text("x ^ { 2 } + 1\n", encoding="utf-8")
    Path("hypotheses.txt").write_text("x^2 + 1\n", encoding="utf-8")


def _table() -> None:
    Path("formulas.csv").write_text("formula\n" + "\n".join(f'"{formula}"' for formula in generate(60, 5)), "utf-8")


def _sample() -> None:
    Path("data/raw/sample").mkdir(parents=True)
    Path("data/raw/sample/formulas.txt").write_text("\n".join(generate(60, 5)), encoding="utf-8")


FIXTURES: dict[str, Callable[[], None]] = {"papers": _papers, "score": _score, "table": _table, "sample": _sample}
"""Input files that a block reads, by the name in its comment."""

KINDS: dict[str, tuple[str | None, ...]] = {
    "test_blocks_run": (None,),
    "test_blocks_with_tex_run": (None, "tex"),
    "test_slow_blocks_run": (None, "tex", "slow"),
    "test_blocks_run_in_a_miniature_project": ("pipeline", "tex"),
}
"""The kinds of blocks that each test runs."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples and parameters of the repository, made the current one."""
    monkeypatch.chdir(tmp_path)
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    return tmp_path


def _shell(command: str) -> None:
    """Run a command: `im2latex` in this process, all else in a shell."""
    parts = words(command)
    if parts[0] == "im2latex" and not {"|", ">", "||", "&&"} & set(parts):
        found = CliRunner().invoke(app, parts[1:], catch_exceptions=False)
        assert found.exit_code == 0, f"{command}: {found.output}"
        return
    done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


def _run(found: list[Block]) -> None:
    names: dict[str, object] = {}
    for block in found:
        if fixture := block.marks.get("fixture"):
            FIXTURES[fixture]()
        if block.language == "python":
            exec(compile(block.text, block.place, "exec"), names)
        else:
            for command in block.commands():
                _shell(command)


def _selected(kind: str | None) -> list[Path]:
    """Pages with a block of that kind that runs."""
    return [page for page in PAGES if any(block.runs and block.kind == kind for block in blocks(page))]


def _ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", _selected(None), ids=_ids)
def test_blocks_run(page: Path, folder: Path) -> None:
    _run([block for block in blocks(page) if block.runs and block.kind is None])


@pytest.mark.needs_tex
@pytest.mark.parametrize("page", _selected("tex"), ids=_ids)
def test_blocks_with_tex_run(page: Path, folder: Path) -> None:
    _run([block for block in blocks(page) if block.runs and block.kind not in ("slow", "pipeline")])


@pytest.mark.slow
@pytest.mark.parametrize("page", _selected("slow"), ids=_ids)
def test_slow_blocks_run(page: Path, folder: Path) -> None:
    _run([block for block in blocks(page) if block.runs and block.kind != "pipeline"])


@pytest.mark.slow
@pytest.mark.needs_tex
@pytest.mark.parametrize("page", _selected("pipeline"), ids=_ids)
def test_blocks_run_in_a_miniature_project(page: Path, project: Path) -> None:
    set_value("filter.unknown_tokens=keep")
    interpreter = Interpreter(SMALL)
    for block in blocks(page):
        needed = block.kind in ("pipeline", "tex") or "mkdir" in block.text
        if block.runs and block.language == "bash" and needed:
            if fixture := block.marks.get("fixture"):
                FIXTURES[fixture]()
            for command in block.commands():
                interpreter.line(f'{command} "$@"' if command.startswith("dvc exp run") else command)
