r"""Rows of a display with text between them: `\intertext` of amsmath, `\shortintertext` of mathtools.

The text stands outside of the formulas (amsmath's manual, "The \intertext command"), so that the rows before and behind
it are formulas of their own, and so are the inline formulas in it.
"""

from im2latex.errors import LatexError
from im2latex.latex.papers.displays import WITH_TEXTS

INTERTEXT_COMMANDS = frozenset(["\\intertext", "\\shortintertext"])


def split_at_intertext(parts: list[str], env: str) -> list[tuple[str, list[str]]]:
    r"""The rows between the texts and the inline formulas in these, each with its environment, in their order.

    Raises `LatexError` where a text stands in an inner environment or group, whose rows cannot be taken apart.
    """
    pieces: list[tuple[str, list[str]]] = []
    rows: list[str] = []
    columns = _columns(parts) if "alignat" in env else []
    depth = position = 0
    while position < len(parts):
        token = parts[position]
        position += 1
        depth += (token in ("{", "\\begin")) - (token in ("}", "\\end"))
        if token not in INTERTEXT_COMMANDS:
            rows.append(token)
            continue
        if depth or env not in WITH_TEXTS:
            raise LatexError("text_between_rows", f"{token} stands where no rows can be taken apart")
        inside, position = _argument(parts, position)
        pieces += [(env, rows), *(("inline", formula) for formula in _inline(inside))]
        rows = list(columns)
    pieces.append((env, rows))
    if len(pieces) == 1:
        return pieces
    return [piece for piece in pieces if set(piece[1]) - {" ", "\\\\"} and piece[1] != columns]


def _columns(parts: list[str]) -> list[str]:
    """The number of columns of an `alignat`, with its braces."""
    start = next((index for index, token in enumerate(parts) if token != " "), len(parts))
    return parts[start : _argument(parts, start)[1]]


def _argument(parts: list[str], position: int) -> tuple[list[str], int]:
    """The inside of the group that comes next, and the place behind it."""
    while parts[position : position + 1] == [" "]:
        position += 1
    depth = 0
    for index in range(position, len(parts)):
        depth += (parts[index] == "{") - (parts[index] == "}")
        if depth <= 0:
            return parts[position + 1 : index] or parts[position : index + 1], index + 1
    raise LatexError("macro_argument", "a text between rows is never closed")


def _inline(text: list[str]) -> list[list[str]]:
    """The inline formulas of a text."""
    found: list[list[str]] = []
    inside: list[str] | None = None
    depth = 0
    for token in text:
        depth += (token == "{") - (token == "}")
        if inside is None:
            if token in ("$", "\\("):
                inside, opened = [], depth
        elif token in ("$", "\\)") and depth == opened:
            found.append(inside)
            inside = None
        else:
            inside.append(token)
    return found
