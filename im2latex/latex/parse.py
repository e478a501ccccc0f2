r"""LaTeX source to a tree, with a named reason for whatever is no formula.

pylatexenc's walker finds control sequences, brace groups, environments, comments and mathematics in the source;
`reader` reads arguments, scripts, fences and tables from its nodes.
"""

import re
from collections.abc import Mapping

from pylatexenc.latexwalker import LatexMathNode, LatexWalkerParseError

from im2latex.errors import LatexError
from im2latex.latex.cursor import Item, items, walk
from im2latex.latex.reader import Reader
from im2latex.latex.signatures import COMMANDS
from im2latex.latex.tree import Row

MAX_DEPTH = 40
"""Deepest nesting of braces, environments and fences that is read."""

_NEST = re.compile(r"\\\\|\\(?:begin|left)(?![A-Za-z])|\\(?:end|right)(?![A-Za-z])|\\.|[{}]", re.DOTALL)
_END_COMMAND = re.compile(r"\\end((?:[pbBvV]|small)?matrix|cases|aligned|gathered|split|array)(?![A-Za-z])")
_FOREIGN = re.compile(r"[^\x20-\x7e\t\n\r]")


def parse(source: str, commands: Mapping[str, str] = COMMANDS) -> Row:
    """Read one formula; `commands` maps names to the kinds they take; raises `LatexError` and nothing else."""
    _check_characters(source)
    if (len(source) - len(source.rstrip("\\"))) % 2:
        source += " "  # a backslash at the end of a line is TeX's control space
    source = _with_environments(source)
    _check_nesting(source)
    try:
        return Reader(source, _without_shifts(items(walk(source))), commands).row()
    except LatexWalkerParseError as error:
        raise _translated(error) from None
    except RecursionError:
        raise LatexError("too_deep", "the formula is nested too deeply") from None


def _with_environments(source: str) -> str:
    r"""AmSTeX's pairs of commands, `\matrix ... \endmatrix`, as the environments that LaTeX has of the same names."""
    for name in set(_END_COMMAND.findall(source)):
        source = re.sub(rf"\\end{name}(?![A-Za-z])", rf"\\end{{{name}}}", source)
        source = re.sub(rf"\\{name}(?![A-Za-z])", rf"\\begin{{{name}}}", source)
    return source


def _without_shifts(inside: list[Item]) -> list[Item]:
    r"""One `$`, `$$`, `\(` or `\[` around the whole formula is no part of it."""
    while len(inside) == 1 and isinstance(inside[0][1], LatexMathNode):
        inside = items(inside[0][1].nodelist)
    return inside


def _check_characters(source: str) -> None:
    foreign = _FOREIGN.search(source)
    if foreign is None:
        return
    reason = "non_ascii" if ord(foreign[0]) > 0x9F else "control_character"
    raise LatexError(reason, f"U+{ord(foreign[0]):04X}", foreign.start())


def _check_nesting(source: str) -> None:
    """Refuse what would exhaust the stack of a recursive reader."""
    depth = 0
    for match in _NEST.finditer(source):
        if match[0] in ("{", "\\begin", "\\left"):
            depth += 1
        elif match[0] in ("}", "\\end", "\\right"):
            depth -= 1
        if depth > MAX_DEPTH:
            raise LatexError("too_deep", f"more than {MAX_DEPTH} levels", match.start())


def _translated(error: LatexWalkerParseError) -> LatexError:
    """The parser's finding under the project's names."""
    message = str(error.msg)
    lowered = message.lower()
    if "environment" in lowered or "expecting \\end" in lowered:
        reason = "unbalanced_environment"
    elif "math mode" in lowered or "mathmode" in lowered:
        reason = "math_shift"
    else:
        reason = "unbalanced_group"
    return LatexError(reason, " ".join(message.split()), error.pos)
