r"""Reader of one paper: its formulas in text order, expanded with the definitions in force at each position.

The text is read once from its main files on: definitions take effect in order, `\input` is followed inside the paper,
and abbreviations of displays (`\be ... \ee`, user environments) are expanded in place, so that the displays are found.
Every formula that is found but rejected has a reason.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from im2latex.latex.papers.file_reader import FileReader
from im2latex.latex.papers.formula_collector import ExtractedFormula, FormulaCollector
from im2latex.latex.papers.input_files import PACKAGES, included, is_document, main_files, resolve
from im2latex.latex.papers.macro_expander import MacroExpander
from im2latex.latex.papers.verbatim import STANDARD_COMMENTS, find_verbatim, normalize_line_ends
from im2latex.latex.tokens import split

_MAX_FILES = 200
_END_OF_INPUT = re.compile(r"\\endinput(?![A-Za-z@])")
_MAX_INSIDE = 10
"""Limit on the formulas that input the same file: one that inputs itself would never end."""


class PaperReader:
    """Reads one paper; `files` maps paths to sources, `reasons` counts events that belong to no formula."""

    def __init__(self, files: Mapping[str, str], min_inline: int | None, macros: MacroExpander) -> None:
        self.files = files
        self._macros = macros
        self._min_inline = min_inline
        self._verbatim = find_verbatim(files.values())
        macros.undefined = switches(files.values())
        self._visible: dict[str, str] = {}
        self._open: list[str] = []
        self._read = 0
        self._inside: Counter[str | None] = Counter()
        self._included: frozenset[str] | None = None
        self._collector = FormulaCollector(min_inline, macros)
        self.found: list[ExtractedFormula] = []
        self.reasons: dict[str, int] = {}

    def paper(self) -> list[ExtractedFormula]:
        """Read all main files, each document with its own definitions; returns the formulas."""
        shared = self._macros.copy()
        for path in main_files(self.files):
            text = self._text(path)
            document = is_document(text)
            self._included = included(text)
            self._collector = FormulaCollector(
                self._min_inline, self._macros.copy() if document else shared, self.found, self.reasons
            )
            self._file(path, False)
        return self.found

    def _text(self, path: str) -> str:
        if path not in self._visible:
            self._visible[path] = self._verbatim.remove(self.files[path])
        return self._visible[path]

    def _file(self, path: str, part: bool) -> str | None:
        """Read one file; returns a reason where it is being read already or exceeds the limit."""
        self._read += 1
        if path in self._open or self._read > _MAX_FILES:
            return "input_cycle" if path in self._open else "too_many_files"
        self._open.append(path)
        FileReader(path, self._text(path), self._collector, self, part).read()
        self._open.pop()
        return None

    def read_input(self, command: str, name: str, beside: str) -> str | None:
        """Read the file that a command of another file inputs; returns a reason where that fails."""
        if command in PACKAGES:
            target = resolve(name, beside, self.files, (".sty", ".cls"))
            return self._file(target, False) if target else None
        if command == "\\include" and self._included is not None and name.strip() not in self._included:
            return None
        target = resolve(name, beside, self.files)
        if target is None:
            return "missing_input"
        return self._file(target, is_document(self._text(target)))

    def load_text(self, name: str, beside: str) -> str | None:
        """Return the text of a file that is input inside a formula; None where it is missing or over the limit."""
        target = resolve(name, beside, self.files)
        self._inside[target] += 1
        if target is None or target in self._open or self._inside[target] > _MAX_INSIDE:
            return None
        return _END_OF_INPUT.split(self._text(target), maxsplit=1)[0]


def read_definitions(source: str) -> MacroExpander:
    """Return the definitions in force at the end of a source; invalid definitions are skipped."""
    macros = MacroExpander()
    FileReader("definitions.sty", source, FormulaCollector(None, macros), _NoFiles()).read()
    return macros.copy()


class _NoFiles:
    """Files of a source without inputs."""

    def read_input(self, _command: str, _name: str, _beside: str) -> str | None:
        return "missing_input"

    def load_text(self, _name: str, _beside: str) -> str | None:
        return None


_NAME = r"([A-Za-z@]+)"
_CONTROL = re.compile(
    rf"\\ifdefined\s*\\{_NAME}|\\ifx\s*\\{_NAME}\s*\\@?undefined(?![A-Za-z@])|\\ifx\s*\\@?undefined\s*\\{_NAME}"
    rf"|\\if(?:un)?def\s*\{{?\s*\\{_NAME}"
)
_WRITTEN = re.compile(rf"\\(?:ifcsname\s*{_NAME}\s*\\endcsname|(?:@ifundefined|ifcs(?:un)?def)\s*\{{\s*{_NAME}\s*\}})")
_DEFINED = re.compile(
    rf"\\(?:[gex]?def|let|(?:re)?newcommand\*?|providecommand\*?|DeclareRobustCommand\*?)\s*\{{?\s*\\{_NAME}"
)
_OTHERS = frozenset(
    split(
        r"""
        pdfoutput pdftexversion pdfmatch pdfstrcmp pdfsuppresswarningpagegroup pdfminorversion pdfpagewidth
        XeTeXversion XeTeXrevision directlua luatexversion Umathchar eTeXversion HCode chapter part frontmatter
        documentclass documentstyle proof theorem abstract maketitle keywords hypersetup texorpdfstring href url
        includegraphics bibliographystyle citet citep theoremstyle textcolor color
        """
    )
)
"""Names that engines, classes and packages define and that papers test for."""


def switches(sources: Iterable[str]) -> frozenset[str]:
    r"""Return the control sequences that a paper only tests or defines, such as `\draft` in `\ifdefined\draft`.

    They are undefined where the paper does not define them. A name that the paper also uses may come from a package,
    and so may one of the list above.
    """
    text = STANDARD_COMMENTS.sub("", "\n".join(map(normalize_line_ends, sources)))
    tested = Counter(_names(_CONTROL, text))
    candidates = {*tested, *_names(_WRITTEN, text)} - _OTHERS
    known = tested + Counter(_names(_DEFINED, text)) if candidates else tested
    return frozenset(f"\\{name}" for name in candidates if _uses(name, text) <= known[name])


def _names(pattern: re.Pattern[str], text: str) -> list[str]:
    return [next(filter(None, match.groups())) for match in pattern.finditer(text)]


def _uses(name: str, text: str) -> int:
    return len(re.findall(rf"\\{name}(?![A-Za-z@])|\\begin\s*\{{{name}\}}", text))
