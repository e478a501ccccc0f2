"""Code blocks of the documentation, with the comments before them.

<!-- not run: REASON -->    the block is checked for names, but not run
<!-- slow -->               run by `make test-all` only
<!-- tex -->                needs TeX
<!-- pipeline -->           slow, and runs the stages of a small project
<!-- params: SECTION -->    a YAML block is a part of that section of params.yaml
<!-- fixture: NAME -->      the test makes the input files of that name first
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.generate.committed import ROOT, pages

_BLOCK = re.compile(r"((?:^<!-- [^\n]* -->\n)*)^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"<!-- ([\w ]+?)(?:: (.*?))? -->")
RUN = ("bash", "python")
CHECKED = ("bash", "python", "yaml", "text", "")
PAGES = pages()


@dataclass(frozen=True)
class Block:
    """A fenced block; `marks` are the comments before it, name to value."""

    page: Path
    line: int
    language: str
    text: str
    marks: dict[str, str]

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether it is meant to be run by a test."""
        return self.language in RUN and "not run" not in self.marks

    @property
    def kind(self) -> str | None:
        """What decides which test runs it: slow, pipeline, tex, or None."""
        return next((mark for mark in ("slow", "pipeline", "tex") if mark in self.marks), None)

    def commands(self) -> Iterator[str]:
        """The commands of a shell block, each in one line."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield line.strip()


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        marks = {name: value or "" for name, value in _MARK.findall(match[1])}
        line = text.count("\n", 0, match.start(2)) + 1
        found.append(Block(page, line, match[3], match[4], marks))
    return found


def spans(page: Path) -> list[tuple[int, str]]:
    """Line and text of every inline code span outside of fenced blocks and generated parts."""
    text = _BLOCK.sub(_blank, hand_written(page))
    if page.parent.name == "coming-from":  # the first cell of a row holds names of another project
        text = re.sub(r"^\|[^|\n]*\|", "|", text, flags=re.MULTILINE)
    return [(text.count("\n", 0, match.start()) + 1, match[1]) for match in re.finditer(r"`([^`\n]+)`", text)]


def hand_written(page: Path) -> str:
    """The text of a page with its generated parts made blank."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"<!-- generated: .*?<!-- end generated -->", _blank, text, flags=re.DOTALL)


def _blank(match: "re.Match[str]") -> str:
    return "\n" * match[0].count("\n")


def words(command: str) -> list[str]:
    """The words of one command, without comment; empty where it is no shell."""
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return []
