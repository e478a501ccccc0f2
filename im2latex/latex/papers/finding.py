r"""Formulas of one paper, in the order of the text, macros expanded with the definitions in force where they stand.

The text is read once from its main files on: definitions are taken as they come, `\input` is followed inside the
paper, and shorthands for displays (`\be ... \ee`, environments of the paper's own) are expanded where they stand, so
that the displays themselves can be found. Whatever was found and cannot be kept has a reason.
"""

import re
from collections import Counter
from collections.abc import Mapping

from im2latex.latex.papers.collecting import Collection, Found
from im2latex.latex.papers.file_reader import FileReader
from im2latex.latex.papers.inputs import PACKAGES, included, is_document, main_files, resolve
from im2latex.latex.papers.macros import Macros
from im2latex.latex.papers.switches import switches
from im2latex.latex.papers.verbatim import verbatim_of

_MOST_FILES = 200
_END_OF_INPUT = re.compile(r"\\endinput(?![A-Za-z@])")
_MOST_INSIDE = 10
"""Formulas that may input the same file: one that inputs itself would never end."""


class Walk:
    """One reading of a paper. `files` maps paths to sources; `reasons` counts what else went wrong."""

    def __init__(self, files: Mapping[str, str], min_inline: int | None, macros: Macros) -> None:
        self.files = files
        self._macros = macros
        self._min_inline = min_inline
        self._verbatim = verbatim_of(files.values())
        macros.undefined = switches(files.values())
        self._visible: dict[str, str] = {}
        self._open: list[str] = []
        self._read = 0
        self._inside: Counter[str | None] = Counter()
        self._included: frozenset[str] | None = None
        self._collection = Collection(min_inline, macros)
        self.found: list[Found] = []
        self.reasons: dict[str, int] = {}

    def paper(self) -> list[Found]:
        """Read all main files, each document with definitions of its own; returns what was found."""
        shared = self._macros.copy()
        for path in main_files(self.files):
            text = self._text(path)
            document = is_document(text)
            self._included = included(text)
            self._collection = Collection(
                self._min_inline, self._macros.copy() if document else shared, self.found, self.reasons
            )
            self._file(path, False)
        return self.found

    def _text(self, path: str) -> str:
        if path not in self._visible:
            self._visible[path] = self._verbatim.visible(self.files[path])
        return self._visible[path]

    def _file(self, path: str, part: bool) -> str | None:
        """Read one file; one that is being read already, or one too many, is skipped, with its reason."""
        self._read += 1
        if path in self._open or self._read > _MOST_FILES:
            return "input_cycle" if path in self._open else "too_many_files"
        self._open.append(path)
        FileReader(path, self._text(path), self._collection, self, part).read()
        self._open.pop()
        return None

    def follow(self, command: str, name: str, beside: str) -> str | None:
        """Read the file that a command of another one means; the reason where that cannot be."""
        if command in PACKAGES:
            target = resolve(name, beside, self.files, (".sty", ".cls"))
            return self._file(target, False) if target else None
        if command == "\\include" and self._included is not None and name.strip() not in self._included:
            return None
        target = resolve(name, beside, self.files)
        if target is None:
            return "missing_input"
        return self._file(target, is_document(self._text(target)))

    def text_of(self, name: str, beside: str) -> str | None:
        """The text of a file that stands inside a formula; None where it is missing, being read or one too many."""
        target = resolve(name, beside, self.files)
        self._inside[target] += 1
        if target is None or target in self._open or self._inside[target] > _MOST_INSIDE:
            return None
        return _END_OF_INPUT.split(self._text(target), maxsplit=1)[0]
