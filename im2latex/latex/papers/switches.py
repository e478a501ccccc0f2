r"""Names that a paper tests for a definition and never uses, as `\ifdefined\draft`: undefined where it defines none.

A name that the paper also uses may come from a package, and one of the engine or of a class is not the paper's.
"""

import re
from collections import Counter
from collections.abc import Iterable

from im2latex.latex.papers.verbatim import STANDARD_COMMENTS, line_ends
from im2latex.latex.tokens import split

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
"""Names that engines, classes and packages define and that papers are known to test for."""


def switches(sources: Iterable[str]) -> frozenset[str]:
    """The control sequences that these files of a paper only define and test."""
    text = STANDARD_COMMENTS.sub("", "\n".join(map(line_ends, sources)))
    tested = Counter(_names(_CONTROL, text))
    candidates = {*tested, *_names(_WRITTEN, text)} - _OTHERS
    known = tested + Counter(_names(_DEFINED, text)) if candidates else tested
    return frozenset(f"\\{name}" for name in candidates if _uses(name, text) <= known[name])


def _names(pattern: re.Pattern[str], text: str) -> list[str]:
    return [next(filter(None, match.groups())) for match in pattern.finditer(text)]


def _uses(name: str, text: str) -> int:
    return len(re.findall(rf"\\{name}(?![A-Za-z@])|\\begin\s*\{{{name}\}}", text))
