"""Commands that input other files of the paper: read in place, or inserted into the surrounding formula."""

import posixpath
from typing import Protocol

from im2latex.errors import LatexError
from im2latex.latex.papers.formula_collector import FormulaCollector
from im2latex.latex.papers.input_files import FILE, file_name
from im2latex.latex.papers.lexer import group_end, read_argument
from im2latex.latex.papers.source_text import SourceText

MAX_FORMULA_CHARACTERS = 20_000
"""Longest formula; a longer one counts as unclosed."""


class PaperFiles(Protocol):
    """The other files of the paper."""

    def read_input(self, command: str, name: str, beside: str, /) -> str | None:
        """Read the file that a command in the file `beside` inputs; returns a reason where that fails."""

    def load_text(self, name: str, beside: str, /) -> str | None:
        """Return the text of a file that is input inside a formula."""


class InputCommands:
    """Processes the input commands of one file."""

    def __init__(self, path: str, text: SourceText, collector: FormulaCollector, files: PaperFiles) -> None:
        self._path = path
        self._text = text
        self._collector = collector
        self._files = files

    def input(self, command: str) -> None:
        r"""`\input` and its variants."""
        match = FILE.match(self._text.text, self._text.position)
        if match is not None:
            self._text.position = match.end()
            self._follow(command, file_name(match))

    def input_text(self, position: int) -> tuple[str, int] | None:
        """Return the text of an input inside a formula, and the end position of its name."""
        match = FILE.match(self._text.text, position)
        text = self._files.load_text(file_name(match), self._path) if match else None
        return (text, match.end()) if match and text is not None and len(text) <= MAX_FORMULA_CHARACTERS else None

    def import_(self, command: str) -> None:
        r"""`\import{folder/}{file}` of the package import."""
        try:
            folder, here = read_argument(self._text.text, self._text.position)
            name, self._text.position = read_argument(self._text.text, here)
        except LatexError:
            return
        self._follow(command, posixpath.join(folder.strip(), name.strip()))

    def _follow(self, command: str, name: str) -> None:
        if reason := self._files.read_input(command, name, self._path):
            self._collector.count(reason)

    def input_if_exists(self, start: int) -> None:
        r"""`\InputIfFileExists`: read the file and select the argument for whether it exists."""
        try:
            name, position = read_argument(self._text.text, self._text.position)
            ends = [position]
            for _ in range(2):
                ends.append(group_end(self._text.text, self._text.text.index("{", ends[-1])))
        except (LatexError, ValueError):
            return
        found = self._files.read_input("\\InputIfFileExists", name, self._path) is None
        chosen = self._text.text[ends[0] : ends[1]] if found else self._text.text[ends[1] : ends[2]]
        self._text.replace(start, ends[2], chosen.strip()[1:-1])

    def packages(self, command: str) -> None:
        """Read packages and classes that are files of the paper."""
        match = FILE.match(self._text.text, self._text.position)
        if match is None:
            return
        self._text.position = match.end()
        for package in file_name(match).split(","):
            self._files.read_input(command, package, self._path)
