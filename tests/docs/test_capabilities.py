"""Each capability of the earlier projects has a command or a setting here, and a test that runs it in miniature."""

import re
from functools import cache

import pytest

from docs.generate.committed import ROOT
from tests.docs.blocks import PAGES, blocks
from tests.docs.closures import calls, closure, has_word
from tests.docs.test_code_blocks import KINDS

PAGE = ROOT / "docs" / "coming-from" / "capabilities.md"
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| capability |")
]
MIN_ROWS = 103
_SPAN = re.compile(r"`([^`]+)`")
_FILE = re.compile(r"\.(parquet|yaml|json|lst|txt|ipynb|sh|lock)$")
_PROGRAMS = ("im2latex", "make", "dvc", "python", "kill")


def test_the_list_is_complete() -> None:
    assert len(ROWS) >= MIN_ROWS
    assert all(len(row) == 3 for row in ROWS)
    names = [row[0] for row in ROWS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:50])
def test_a_test_runs_what_the_row_names(row: list[str]) -> None:
    tests = [span.split("::") for span in _SPAN.findall(row[2])]
    assert tests, "names no test"
    spans = _SPAN.findall(row[1])
    assert spans, "names no command and no setting"
    assert [span for span in spans if not any(_runs(path, name, span) for path, name in tests)] == []


def _runs(path: str, name: str, span: str) -> bool:
    """Whether a test has all words of a command in one call, or the last part of a setting in its code."""
    if span.split()[0] in _PROGRAMS:
        return any(all(has_word(call, word) for word in words(span)) for call in _calls(path, name))
    return all(has_word(closure(path, name), word) for word in words(span))


@cache
def _calls(path: str, name: str) -> tuple[str, ...]:
    """The calls of a test; of the tests of the documentation, the commands that they run."""
    if path != "tests/docs/test_code_blocks.py":
        return calls(path, name)
    found = [block for page in PAGES for block in blocks(page) if block.runs and block.kind in KINDS[name]]
    return tuple(command for block in found for command in block.commands())


def words(span: str) -> list[str]:
    """The words of a command or setting that its test must have."""
    match span.split():
        case ["im2latex", command, *rest]:
            return [command, *_options(rest)]
        case ["make", target, *_]:
            return [target]
        case ["dvc", "exp", "run", *rest]:
            return ["exp", "run", *_options(rest)]
        case ["dvc", command, *rest]:
            return [command, *rest]
        case ["python", "-m", module, *_]:
            return [module.rpartition(".")[2]]
        case ["kill", *_]:
            return [span]
    name = re.split("[:=]", span)[0].strip()
    return [name.rpartition("/" if _FILE.search(name) else ".")[2]]


def _options(arguments: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in arguments if word.startswith("-")]
