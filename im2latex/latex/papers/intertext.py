r"""Splitting of displays at text between their rows: `\intertext` of amsmath, `\shortintertext` of mathtools.

The text is outside of the formulas (amsmath's manual, "The \intertext command"), so the rows before and after it are
separate formulas, and so are the inline formulas in it.
"""

from im2latex.errors import LatexError
from im2latex.latex.papers.displays import WITH_TEXTS

INTERTEXT_COMMANDS = frozenset(["\\intertext", "\\shortintertext"])


def split_at_intertext(parts: list[str], env: str) -> list[tuple[str, list[str]]]:
    """Return the rows between the texts and the inline formulas in the texts, each with its environment, in order.

    Raises `LatexError` where a text is in a nested environment or group, whose rows cannot be split.
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
            raise LatexError("text_between_rows", f"{token} is in a group or environment whose rows cannot be split")
        inside, position = _argument(parts, position)
        pieces += [(env, rows), *(("inline", formula) for formula in _inline(inside))]
        rows = list(columns)
    pieces.append((env, rows))
    if len(pieces) == 1:
        return pieces
    return [piece for piece in pieces if set(piece[1]) - {" ", "\\\\"} and piece[1] != columns]


def _columns(parts: list[str]) -> list[str]:
    """Return the number of columns of an `alignat`, with its braces."""
    start = next((index for index, token in enumerate(parts) if token != " "), len(parts))
    return parts[start : _argument(parts, start)[1]]


def _argument(parts: list[str], position: int) -> tuple[list[str], int]:
    """Return the inside of the next group, and its end position."""
    while parts[position : position + 1] == [" "]:
        position += 1
    depth = 0
    for index in range(position, len(parts)):
        depth += (parts[index] == "{") - (parts[index] == "}")
        if depth <= 0:
            return parts[position + 1 : index] or parts[position : index + 1], index + 1
    raise LatexError("macro_argument", "a text between rows is not closed")


def _inline(text: list[str]) -> list[list[str]]:
    """Return the inline formulas of a text."""
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
