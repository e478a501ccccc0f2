r"""Which files of a paper stand on their own, and which one an `\input` means; no name leads out of the paper."""

import posixpath
import re
from collections.abc import Mapping

FILE = re.compile(r"\s*(?:\[[^]]*\])?\s*(?:\{([^{}]*)\}|([^\s{}\\]+))")
r"""The argument of `\input` and `\usepackage`: in braces, behind an option, or bare."""


def main_files(files: Mapping[str, str]) -> list[str]:
    r"""The .tex files with `\documentclass`, or else those that no other one inputs."""
    sources = sorted(path for path in files if path.endswith(".tex"))
    main = [path for path in sources if re.search(r"^[^%\n]*\\document(?:class|style)", files[path], re.MULTILINE)]
    if main:
        return main
    wanted = {
        resolve(match[1] or match[2], path, files)
        for path in sources
        for match in re.finditer(r"\\(?:input|include|subfile)" + FILE.pattern, files[path])
    }
    return [path for path in sources if path not in wanted] or sources


def resolve(name: str, beside: str, files: Mapping[str, str], endings: tuple[str, ...] = ("", ".tex")) -> str | None:
    """The path of an input among the paper's own files, or None; no file from outside of it is among them."""
    for folder in (posixpath.dirname(beside), ""):
        path = posixpath.normpath(posixpath.join(folder, name.strip()))
        for ending in endings:
            if path + ending in files:
                return path + ending
    return None
