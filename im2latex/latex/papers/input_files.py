"""Main files of a paper, and resolution of input names among its files; no name resolves to a file outside of it."""

import posixpath
import re
from collections.abc import Mapping

from im2latex.latex.papers.verbatim import STANDARD_COMMENTS, normalize_line_ends

INPUTS = frozenset(["\\input", "\\include", "\\subfile", "\\subfileinclude", "\\includestandalone", "\\@input"])
IMPORTS = frozenset(["\\import", "\\subimport", "\\inputfrom", "\\includefrom", "\\subimportfrom"])
PACKAGES = frozenset(
    ["\\usepackage", "\\RequirePackage", "\\documentclass", "\\LoadClass", "\\RequirePackageWithOptions"]
)

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
