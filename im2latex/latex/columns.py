r"""The column specification of an array: the argument of `\begin{array}`, cut into columns."""

from im2latex.errors import LatexError
from im2latex.latex.tokens import squeeze

_ARGUMENTS = dict.fromkeys("pmb@!><", 1) | dict.fromkeys("wW", 2)
_MOST_COLUMNS = 500


def columns(specification: str) -> list[str]:
    r"""Cut a column specification: `l@{\,}p{2cm}*{2}{c}` is `l`, `@{\,}`, `p{2cm}`, `c`, `c`."""
    found: list[str] = []
    rest = specification
    while rest := rest.lstrip():
        head, rest = rest[0], rest[1:].lstrip()
        if head == "*":
            count, rest = _braced(rest)
            repeated, rest = _braced(rest)
            repeats = int(count) if count.isdecimal() and len(count) < 5 else 1
            once = columns(repeated)
            if len(found) + repeats * len(once) > _MOST_COLUMNS:
                raise LatexError("bad_columns", f"more than {_MOST_COLUMNS} columns")
            found += once * repeats
        elif head in _ARGUMENTS:
            column = head
            for _ in range(_ARGUMENTS[head]):
                inside, rest = _braced(rest)
                column += f"{{{squeeze(inside)}}}"
            found.append(column)
        elif head in "lcr|":
            found.append(head)
        else:
            raise LatexError("bad_columns", f"{head} in {{{specification}}} is no column")
    return found


def _braced(text: str) -> tuple[str, str]:
    """The inside of the argument that leads the text (a brace group, or one character), and what follows it."""
    if not text:
        raise LatexError("bad_columns", "a column lacks its argument")
    if not text.startswith("{"):
        return text[0], text[1:].lstrip()
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[1:index], text[index + 1 :].lstrip()
    return text[1:], ""
