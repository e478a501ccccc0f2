"""Entry point of the parser: LaTeX source to a tree, or an error with a reason.

pylatexenc's walker finds control sequences, brace groups, environments, comments and mathematics in the source;
`RowParser` reads arguments, scripts, fences and tables from its nodes.
"""

import re
from collections.abc import Mapping

from pylatexenc.latexwalker import LatexMathNode, LatexWalkerParseError

from im2latex.errors import LatexError
from im2latex.latex import allowed_commands
from im2latex.latex.parser.accents import unicode_commands
from im2latex.latex.parser.cursor import COMMENT, Item, items, walk
from im2latex.latex.parser.depth import check_depth, limit_recursion
from im2latex.latex.parser.row_parser import RowParser
from im2latex.latex.parser.signatures import COMMANDS
from im2latex.latex.parser.tree import Row

_END_COMMAND = re.compile(r"\\end((?:[pbBvV]|small)?matrix|cases|aligned|gathered|split|array)(?![A-Za-z])")
_SHIFT = re.compile(r"\\.|%[^\n]*|[{}$]", re.DOTALL)
_FOREIGN = re.compile(r"[^\x20-\x7e\t\n\r]")


@limit_recursion
def parse(source: str, commands: Mapping[str, str] = COMMANDS) -> Row:
    """Parse one formula; `commands` maps names to argument kinds. Raises only `LatexError`."""
    _check_characters(source)
    allowed_commands.check(source, commands)
    if (len(source) - len(source.rstrip("\\"))) % 2:
        source += " "  # a backslash at the end of a line is TeX's control space
    source = _with_environments(_without_empty_formulas(source))
    check_depth(source)
    try:
        return RowParser(source, _without_shifts(items(walk(source))), commands).row()
    except LatexWalkerParseError as error:
        raise _translated(error) from None


def _without_empty_formulas(source: str) -> str:
    r"""Replace `$$` in a text by `\@`: it is an empty formula there, as no display begins (The TeXbook, chapter 25)."""
    if "$$" not in source:
        return source
    pieces: list[str] = []
    in_formula = [False]
    at = 0
    while match := _SHIFT.search(source, at):
        pieces.append(source[at : match.start()])
        at = match.end()
        piece = match[0]
        if piece == "{":
            in_formula.append(False)
        elif piece == "}" and len(in_formula) > 1:
            in_formula.pop()
        elif piece == "$" and len(in_formula) > 1:
            if not in_formula[-1] and source.startswith("$", at):
                piece, at = "\\@", at + 1
            else:
                in_formula[-1] = not in_formula[-1]
        pieces.append(piece)
    return "".join(pieces) + source[at:]


def _with_environments(source: str) -> str:
    r"""Replace AmSTeX's pairs of commands, `\matrix ... \endmatrix`, by LaTeX's environments of the same names."""
    for name in set(_END_COMMAND.findall(source)):
        source = re.sub(rf"\\end{name}(?![A-Za-z])", rf"\\end{{{name}}}", source)
        source = re.sub(rf"\\{name}(?![A-Za-z])", rf"\\begin{{{name}}}", source)
    return source


def _without_shifts(inside: list[Item]) -> list[Item]:
    r"""Remove one `$`, `$$`, `\(` or `\[` around the whole formula."""
    while len(inside) == 1 and isinstance(inside[0][1], LatexMathNode):
        inside = items(inside[0][1].nodelist)
    return inside


def _check_characters(source: str) -> None:
    if _FOREIGN.search(source) is None:
        return
    for foreign in _FOREIGN.finditer(COMMENT.sub(lambda match: " " * len(match[0]), source)):
        if foreign[0] not in unicode_commands():
            reason = "non_ascii" if ord(foreign[0]) > 0x9F else "control_character"
            raise LatexError(reason, f"U+{ord(foreign[0]):04X}", foreign.start())


def _translated(error: LatexWalkerParseError) -> LatexError:
    """Convert an error of the walker."""
    message = str(error.msg)
    lowered = message.lower()
    if "environment" in lowered or "expecting \\end" in lowered:
        reason = "unbalanced_environment"
    elif "math mode" in lowered or "mathmode" in lowered:
        reason = "math_shift"
    else:
        reason = "unbalanced_group"
    return LatexError(reason, " ".join(message.split()), error.pos)
