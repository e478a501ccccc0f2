r"""What a token is, and how tokens become a line and back.

A normalized formula is one line of tokens with one space between them, and that line is LaTeX as it stands: TeX may
typeset it without any repair. A token never holds whitespace and is one of

- a character of mathematics: `x`, `1`, `+`, `{`, `}`, `^`, `_`, `&`, `~` (every explicit word space is `~`);
- a control sequence: `\alpha`, `\{`, `\\`, `\operatorname*`, or a row break with its gap, `\\[2pt]`;
- an environment's begin or end: `\begin{array}`, `\begin{aligned}[t]`, `\end{array}`;
- a length `1.5cm`, a colour name or another argument that is no mathematics and cannot be cut;
- a column of an array: `c`, `|`, `p{2cm}`, `@{\,}`;
- a text whose letters cannot be set as mathematics with the same image, spaces as `~`: `\text{if}`, `\mbox{a-b}`.

Spaces would show inside a text, hence the last kind. Most text is not of it: see `im2latex.latex.rules.text`.
"""

import re
from collections.abc import Iterable

LEXEME = re.compile(r"\\(?:[A-Za-z]+|.)|\S|\xa0", re.DOTALL)
CONTROL_WORD = re.compile(r"\\[A-Za-z]+")


def split(normalized: str) -> list[str]:
    """Cut a normalized formula into its tokens; whitespace is the only separator."""
    return normalized.split()


def join(tokens: Iterable[str]) -> str:
    """Write tokens as one line; the inverse of `split`."""
    return " ".join(tokens)


def lexemes(source: str) -> frozenset[str]:
    """Every control sequence and every other visible character that occurs in LaTeX source."""
    return frozenset(LEXEME.findall(source))


def squeeze(source: str) -> str:
    r"""Write LaTeX without whitespace, for one token.

    A space that ends a control word before a letter becomes `{}`, which is invisible: `\in A` becomes `\in{}A`. Before
    a keyword, of several letters, it has to stay: `\vrule width2pt`.
    """
    pieces: list[str] = []
    for piece in source.split():
        if pieces and piece[0].isalpha() and ends_in_control_word(pieces[-1]):
            pieces.append("{}" if len(piece) == 1 else " ")
        pieces.append(piece)
    return "".join(pieces)


def one_word(tokens: list[str]) -> str:
    r"""Write tokens without whitespace; `\relax` parts a bracket from the row break before it, as a space did."""
    parted = zip(tokens, ["", *tokens], strict=False)
    return squeeze(join("\\relax[" if token == "[" and left.startswith("\\\\") else token for token, left in parted))


def ends_in_control_word(piece: str) -> bool:
    """Whether a letter behind the piece would be read as part of a control word."""
    return bool(re.search(r"(?<!\\)(?:\\\\)*\\[A-Za-z]+$", piece))
