r"""Conversion of display environments to formulas with the same rows: `align` to `aligned`, `gather` to `gathered`.

A display is first split at the text between its rows (`\intertext` of amsmath, `\shortintertext` of mathtools). The
text is outside of the formulas (amsmath's manual, "The \intertext command"): the rows before and after it are separate
formulas, and so are the inline formulas in it.
"""

import re

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import untokenize
from im2latex.latex.tokens import split

_INNER = {
    "align": "aligned",
    "flalign": "aligned",
    "alignat": "alignedat",
    "xalignat": "alignedat",
    "xxalignat": "alignedat",
    "gather": "gathered",
    "multline": "multlined",
}
WITH_TEXTS = frozenset(name + star for name in _INNER for star in ("", "*"))
r"""Environments of amsmath that may contain `\intertext`."""
_BARE = ("equation", "displaymath", "math", "dmath")
_ARRAYS = ("eqnarray", "IEEEeqnarray")
_CASES = ("numcases", "subnumcases")
DISPLAYS = frozenset(name + star for name in (*_INNER, *_BARE, *_ARRAYS, *_CASES, "empheq") for star in ("", "*"))
"""Display environments; `equation` and its variants hold one formula, the others rows."""
INTERTEXT_COMMANDS = frozenset(["\\intertext", "\\shortintertext"])
_EMPHEQ_SIDE = re.compile(r"(left|right)\s*=\s*(\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|[^,]*)")
_EMPHEQ_BRACES = {"\\empheqlbrace": "\\left\\{", "\\empheqrbrace": "\\right\\}"}
_UNPRINTED_WITH_ARGUMENT = frozenset(["\\label", "\\tag"])
_UNPRINTED = frozenset(
    split(
        r"""
        \nonumber \notag \displaybreak \allowdisplaybreaks \qedhere
        \IEEEeqnarraynumspace \IEEEyesnumber \IEEEyessubnumber \IEEEnonumber \IEEEnosubnumber
        """
    )
)
_LAST = frozenset(["\\eqno", "\\leqno"])
_NUMBERING = _UNPRINTED_WITH_ARGUMENT | _UNPRINTED | _LAST
_INFIX = frozenset(["\\over", "\\atop", "\\choose", "\\brack", "\\brace", "\\above"])


def split_at_intertext(parts: list[str], env: str) -> list[tuple[str, list[str]]]:
    """Return the rows between the texts and the inline formulas in the texts, each with its environment, in order.

    Raises `LatexError` where a text is in a nested environment or group, whose rows cannot be split.
    """
    pieces: list[tuple[str, list[str]]] = []
    rows: list[str] = []
    columns = _column_count(parts) if "alignat" in env else []
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
        inside, position = _read_group(parts, position)
        pieces += [(env, rows), *(("inline", formula) for formula in _inline_formulas(inside))]
        rows = list(columns)
    pieces.append((env, rows))
    if len(pieces) == 1:
        return pieces
    return [piece for piece in pieces if set(piece[1]) - {" ", "\\\\"} and piece[1] != columns]


def _column_count(parts: list[str]) -> list[str]:
    """Return the number of columns of an `alignat`, with its braces."""
    start = next((index for index, token in enumerate(parts) if token != " "), len(parts))
    return parts[start : _read_group(parts, start)[1]]


def _read_group(parts: list[str], position: int) -> tuple[list[str], int]:
    """Return the inside of the next group, and its end position."""
    while parts[position : position + 1] == [" "]:
        position += 1
    depth = 0
    for index in range(position, len(parts)):
        depth += (parts[index] == "{") - (parts[index] == "}")
        if depth <= 0:
            return parts[position + 1 : index] or parts[position : index + 1], index + 1
    raise LatexError("macro_argument", "a text between rows is not closed")


def _inline_formulas(text: list[str]) -> list[list[str]]:
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


def display_to_formula(parts: list[str], env: str) -> str:
    r"""Convert the expanded tokens of a display to one formula that prints the same inside `$\displaystyle ...$`."""
    parts = _without_numbering(parts)
    name = env.rstrip("*")
    if name == "empheq":
        return _empheq(parts)
    if name in _CASES:
        return _numbered_cases(parts)
    if name == "dmath":
        parts = _option(parts)[1]
    if name in _INNER:
        argument, rows = _argument(parts) if _INNER[name] == "alignedat" else ("", parts)
        inner = _INNER[name]
        written = _rows(rows)
        return f"\\begin{{{inner}}}{argument} {written} \\end{{{inner}}}" if written else ""
    if name in _ARRAYS:
        columns, rows = _columns(parts) if name == "IEEEeqnarray" else ("rcl", parts)
        written = _rows(rows)
        return f"\\begin{{array}}{{{columns}}} {written} \\end{{array}}" if written else ""
    formula = untokenize(parts).strip()
    # in a display the style before a fraction is not part of its numerator
    return f"{{{formula}}}" if _has_open_fraction(parts) else formula


def _without_numbering(parts: list[str]) -> list[str]:
    r"""Remove numbering, labels and everything after `\eqno`."""
    if _NUMBERING.isdisjoint(parts):
        return parts
    kept: list[str] = []
    position = 0
    while position < len(parts):
        token = parts[position]
        position += 1
        if token in _LAST:
            break
        if token in _UNPRINTED_WITH_ARGUMENT:
            position = _behind_argument(parts, position)
        elif token not in _UNPRINTED:
            kept.append(token)
    return kept


def _behind_argument(parts: list[str], position: int) -> int:
    while position < len(parts) and parts[position] in (" ", "*"):
        position += 1
    if position >= len(parts) or parts[position] != "{":
        return position
    depth = 0
    for index in range(position, len(parts)):
        depth += (parts[index] == "{") - (parts[index] == "}")
        if depth == 0:
            return index + 1
    raise LatexError("unbalanced_group", "a label is not closed")


def _rows(parts: list[str]) -> str:
    """Write rows without the break after the last one."""
    text = untokenize(parts).strip()
    while text.endswith("\\\\") and not text.endswith("\\\\\\\\"):
        text = text[:-2].rstrip()
    return text


def _argument(parts: list[str]) -> tuple[str, list[str]]:
    """Split off the first group, with its braces."""
    parts = parts[next((i for i, token in enumerate(parts) if token != " "), 0) :]
    end = _behind_argument(parts, 0)
    return untokenize(parts[:end]), parts[end:]


def _numbered_cases(parts: list[str]) -> str:
    """cases.sty: a formula before the brace, then rows of a formula and a condition, which is text."""
    front, rows = _argument(parts)
    written = []
    for row in _split(rows, "\\\\"):
        cells = _split(row, "&")
        condition = untokenize(part for cell in cells[1:] for part in cell).strip()
        formula = untokenize(cells[0]).strip()
        if formula or condition:
            written.append(f"{formula} & \\text{{{condition}}}" if condition else formula)
    between = " \\\\ ".join(written)
    return f"{front[1:-1].strip()} \\begin{{dcases}} {between} \\end{{dcases}}".strip() if written else ""


def _split(parts: list[str], mark: str) -> list[list[str]]:
    """Split at marks outside of groups and nested environments."""
    pieces: list[list[str]] = [[]]
    depth = 0
    for token in parts:
        depth += (token in ("{", "\\begin")) - (token in ("}", "\\end"))
        if token == mark and depth == 0:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces


def _empheq(parts: list[str]) -> str:
    """empheq: `[left=..., box=...]{align}`; the sides are part of the formula, a box around it is not."""
    option, parts = _option(parts)
    inner, rows = _argument(parts)
    name, _, columns = inner[1:-1].strip().partition("=")
    body = display_to_formula([*(("{", *columns, "}") if columns else ()), *rows], name.strip())
    if name.strip() not in DISPLAYS or not body:
        return body
    sides = {}
    for match in _EMPHEQ_SIDE.finditer(option):
        text = match[2].strip()
        text = text[1:-1] if text.startswith("{") else text
        for command, delimiter in _EMPHEQ_BRACES.items():
            text = text.replace(command, delimiter)
        sides[match[1]] = text.strip()
    left, right = sides.get("left", ""), sides.get("right", "")
    left += "\\left." if "\\right" in right and "\\left" not in left else ""
    right = ("\\right." if "\\left" in left and "\\right" not in right else "") + right
    return " ".join(filter(None, (left, body, right)))


def _option(parts: list[str]) -> tuple[str, list[str]]:
    """Split off the inside of leading brackets."""
    position = next((i for i, token in enumerate(parts) if token != " "), len(parts))
    if parts[position : position + 1] != ["["]:
        return "", parts
    depth = 0
    for index in range(position + 1, len(parts)):
        depth += (parts[index] == "{") - (parts[index] == "}")
        if parts[index] == "]" and depth == 0:
            return untokenize(parts[position + 1 : index]), parts[index + 1 :]
    raise LatexError("unbalanced_group", "the option of a display is not closed")


def _columns(parts: list[str]) -> tuple[str, list[str]]:
    """Convert the columns of an IEEEeqnarray to those of an array."""
    argument, rows = _argument(_option(parts)[1])
    return "".join(letter.lower() for letter in argument if letter in "lcrLCR") or "rcl", rows


def _has_open_fraction(parts: list[str]) -> bool:
    if _INFIX.isdisjoint(parts):
        return False
    depth = 0
    for token in parts:
        depth += (token in ("{", "\\left")) - (token in ("}", "\\right"))
        if depth == 0 and token in _INFIX:
            return True
    return False
