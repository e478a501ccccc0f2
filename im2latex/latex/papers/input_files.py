r"""Which files of a paper stand on their own, and which one an `\input` means; no name leads out of the paper."""

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
r"""The argument of `\input` and `\usepackage`: in braces, behind an option, in quotes, or bare."""
_DOCUMENT = re.compile(r"\\document(?:class|style)(?![A-Za-z])")
_INPUT = re.compile(
    r"\\(?:input|include|subfile|subfileinclude|includestandalone|InputIfFileExists)(?![A-Za-z])" + FILE.pattern
)
_INCLUDE_ONLY = re.compile(r"\\includeonly\s*\{([^{}]*)\}")


def file_name(match: re.Match[str]) -> str:
    """The name that `FILE` found."""
    return (match["braced"] or match["quoted"] or match["bare"] or "").strip().strip('"')


def is_document(text: str) -> bool:
    """Whether a source without comments is a document of its own."""
    return _DOCUMENT.search(text) is not None


def included(text: str) -> frozenset[str] | None:
    r"""What `\includeonly` names; None where all is included."""
    match = _INCLUDE_ONLY.search(text)
    return frozenset(name.strip() for name in match[1].split(",")) if match else None


def main_files(files: Mapping[str, str]) -> list[str]:
    r"""The .tex files with `\documentclass` that no other one inputs, or else those that no other one inputs."""
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
    """The path of an input among the paper's own files, or None; no file from outside of it is among them."""
    for folder in (posixpath.dirname(beside), ""):
        path = posixpath.normpath(posixpath.join(folder, name.strip()))
        for ending in endings:
            if path + ending in files:
                return path + ending
    return None
