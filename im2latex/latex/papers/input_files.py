"""Input files of a paper: its main files, resolution of input names, and the commands that input a file.

No name resolves to a file outside of the paper. A file is read in place, or inserted into the surrounding formula.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Protocol

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import SourceText, group_end, read_argument
from im2latex.latex.papers.verbatim import STANDARD_COMMENTS, normalize_line_ends

INPUTS = frozenset(["\\input", "\\include", "\\subfile", "\\subfileinclude", "\\includestandalone", "\\@input"])
IMPORTS = frozenset(["\\import", "\\subimport", "\\inputfrom", "\\includefrom", "\\subimportfrom"])
PACKAGES = frozenset(
    ["\\usepackage", "\\RequirePackage", "\\documentclass", "\\LoadClass", "\\RequirePackageWithOptions"]
)
MAX_FORMULA_CHARACTERS = 20_000
"""Longest formula; a longer one counts as unclosed."""
FILE = re.compile(
    r"""[\s\1]*(?:\[[^]]*\])?[\s\1]*(?:\{(?P<braced>[^{}]*)\}|"(?P<quoted>[^"\n]*)"|(?P<bare>[^\s{}\\\1]+))"""
)
r"""Argument of `\input` and `\usepackage`: in braces, after an option, in quotes, or bare."""
_DOCUMENT = re.compile(r"\\document(?:class|style)(?![A-Za-z])")
_INPUT = re.compile(
    r"\\(?:input|include|subfile|subfileinclude|includestandalone|InputIfFileExists)(?![A-Za-z])" + FILE.pattern
)
_INCLUDE_ONLY = re.compile(r"\\includeonly\s*\{([^{}]*)\}")


def file_name(match: re.Match[str]) -> str:
    """Return the name in a match of `FILE`."""
    return (match["braced"] or match["quoted"] or match["bare"] or "").strip().strip('"')


def is_document(text: str) -> bool:
    """Whether a source, without comments, has a document class."""
    return _DOCUMENT.search(text) is not None


def included(text: str) -> frozenset[str] | None:
    r"""Return the files in `\includeonly`; None where all are included."""
    match = _INCLUDE_ONLY.search(text)
    return frozenset(name.strip() for name in match[1].split(",")) if match else None


def main_files(files: Mapping[str, str]) -> list[str]:
    r"""List the .tex files that no other one inputs: those with `\documentclass`, or else all."""
    sources = sorted(path for path in files if path.endswith(".tex"))
    texts = {path: STANDARD_COMMENTS.sub("", normalize_line_ends(files[path])) for path in sources}
    wanted = {
        target
        for path, text in texts.items()
        for match in _INPUT.finditer(text)
        if (target := resolve(file_name(match), path, files)) != path
    }
    documents = [path for path in sources if is_document(texts[path])]
    return (
        [path for path in documents if path not in wanted]
        or documents
        or [path for path in sources if path not in wanted]
        or sources
    )


def resolve(name: str, beside: str, files: Mapping[str, str], endings: tuple[str, ...] = ("", ".tex")) -> str | None:
    """Resolve an input to a path among the paper's files, or None."""
    for folder in (posixpath.dirname(beside), ""):
        path = posixpath.normpath(posixpath.join(folder, name.strip()))
        for ending in endings:
            if path + ending in files:
                return path + ending
    return None


class PaperFiles(Protocol):
    """The other files of the paper."""

    def read_input(self, command: str, name: str, beside: str, /) -> str | None:
        """Read the file that a command in the file `beside` inputs; returns a reason where that fails."""

    def load_text(self, name: str, beside: str, /) -> str | None:
        """Return the text of a file that is input inside a formula."""


class InputCommands:
    """Processes the input commands of one file; `count` counts the inputs that fail, by reason."""

    def __init__(self, path: str, text: SourceText, files: PaperFiles, count: Callable[[str], None]) -> None:
        self._path = path
        self._text = text
        self._files = files
        self._count = count

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
            self._count(reason)

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
