r"""Tokens of normalized formulas: their definition, and conversion to a line and back.

A normalized formula is one line of tokens with one space between them, and that line is valid LaTeX. A token holds no
whitespace and is one of

- a character of mathematics: `x`, `1`, `+`, `{`, `}`, `^`, `_`, `&`, `~` (every explicit word space is `~`);
- a control sequence: `\alpha`, `\{`, `\\`, `\operatorname*`, or a row break with its gap, `\\[2pt]`;
- the begin or end of an environment: `\begin{array}`, `\begin{aligned}[t]`, `\end{array}`;
- a length `1.5cm`, a color name or another argument that is not mathematics and cannot be split;
- a column of an array: `c`, `|`, `p{2cm}`, `@{\,}`;
- a text that mathematics cannot set with the same image, spaces as `~`: `\text{if}`, `\mbox{a-b}`.

Most text becomes mathematics (`rules.fonts.text_letters`); the rest is one token, since spaces would print inside it.
"""

import re
from collections.abc import Iterable, Sequence

LEXEME = re.compile(r"\\(?:[A-Za-z]+|.)|\S|\xa0", re.DOTALL)
CONTROL_WORD = re.compile(r"\\[A-Za-z]+")


def split(normalized: str) -> list[str]:
    """Split a normalized formula into its tokens, at whitespace."""
    return normalized.split()


def join(tokens: Iterable[str]) -> str:
    """Join tokens to one line; the inverse of `split`."""
    return " ".join(tokens)


def matching_braces(tokens: Sequence[str]) -> dict[int, int]:
    """Map the position of each token `{` to that of the `}` that closes it, if any does."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for place, token in enumerate(tokens):
        if token == "{":
            opened.append(place)
        elif token == "}" and opened:
            found[opened.pop()] = place
    return found


def lexemes(source: str) -> frozenset[str]:
    """Return all control sequences and all other visible characters in LaTeX source."""
    return frozenset(LEXEME.findall(source))


def squeeze(source: str) -> str:
    r"""Remove the whitespace from LaTeX source, for one token.

    A space that ends a control word before a letter becomes `{}`, which prints nothing: `\in A` becomes `\in{}A`.
    Before a keyword of several letters it stays: `\vrule width2pt`.
    """
    pieces: list[str] = []
    for piece in source.split():
        if pieces and piece[0].isalpha() and ends_in_control_word(pieces[-1]):
            pieces.append("{}" if len(piece) == 1 else " ")
        pieces.append(piece)
    return "".join(pieces)


def one_word(tokens: list[str]) -> str:
    r"""Join tokens without whitespace; `\relax` separates a bracket from the preceding row break, as a space did."""
    parted = zip(tokens, ["", *tokens], strict=False)
    return squeeze(join("\\relax[" if token == "[" and left.startswith("\\\\") else token for token, left in parted))


def ends_in_control_word(piece: str) -> bool:
    """Whether a letter after the piece would become part of a control word."""
    return bool(re.search(r"(?<!\\)(?:\\\\)*\\[A-Za-z]+$", piece))
