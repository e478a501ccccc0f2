"""Each capability of the earlier projects has a command or a setting here, and a test that runs it in miniature."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from docs.generate.committed import ROOT
from tests.docs.blocks import PAGES, blocks

PAGE = ROOT / "docs" / "coming-from" / "capabilities.md"
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "`tests/" in line
]
MIN_ROWS = 80
_SPAN = re.compile(r"`([^`]+)`")


@cache
def source(path: str) -> str:
    """The text of a test; with the blocks of the documentation, where it runs those."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path == "tests/docs/test_code_blocks.py":
        text += "".join(block.text for page in PAGES for block in blocks(page) if block.runs)
    return text


@cache
def functions_of(path: str) -> frozenset[str]:
    return frozenset(
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    )


def test_the_list_is_complete() -> None:
    assert len(ROWS) >= MIN_ROWS
    assert all(len(row) == 3 for row in ROWS)
    names = [row[0] for row in ROWS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:50])
def test_a_test_runs_what_the_row_names(row: list[str]) -> None:
    tests = [span.split("::") for span in _SPAN.findall(row[2])]
    assert tests
    for path, name in tests:
        assert Path(ROOT / path).is_file(), path
        assert name in functions_of(path), f"{path} has no {name}"
    text = "".join(source(path) for path, _ in tests)
    spans = _SPAN.findall(row[1])
    assert spans, "names no command and no setting"
    assert [word for span in spans for word in words(span) if word not in text] == []


def words(span: str) -> list[str]:
    """The words of a command or setting that must be in the source of its test."""
    match span.split():
        case ["im2latex", command, *rest]:
            return [command, *(word.partition("=")[0] for word in rest if re.match(r"-{1,2}[a-z]", word))]
        case ["make", target, *_]:
            return [target]
        case ["dvc", "exp", "run", *rest]:
            return [word.partition("=")[0].rpartition(".")[2] for word in rest if "=" in word]
        case ["dvc", command, *rest]:
            return [command, *rest]
        case ["python", "-m", module, *_]:
            return [module.rpartition(".")[2]]
    return [span.partition(":")[0].partition("=")[0].rpartition(".")[2].strip()]
