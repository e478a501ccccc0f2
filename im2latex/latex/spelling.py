r"""Spelling: tokens of a normalized formula as sequences of symbols, and back.

A text box or a length is one token however long it is, so new ones never end. `spell` splits a token into recurring
symbols:

    \text{if~$x$}    «\text{  i  f  ~  $  x  $  }»
    -0.5em           «  -  0  .  5  em»
    \\[2pt]          «\\[  2  pt  ]»

- The first symbol is the opener: a control sequence, an environment or a column type with the bracket after it. A
  token without an opener begins with `«` alone.
- The others are control sequences, environments, spanning cells with their number, units of length after a digit, and
  single characters. So mathematics in a text box has the same symbols as outside, with `$` on both sides.
- `«` marks the first symbol and `»` the last; neither occurs in a normalized formula, which is ASCII.
- `{}` that ends a control word before a letter is no symbol, since `join` writes it as `tokens.squeeze` does.

A token that is one symbol, `\frac` or `x`, is spelled as itself. `join` restores every token exactly. The regular
expressions are also those of tokenizer.json: without variable-length look-behind or features of Python only.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from im2latex.latex.parser.signatures import COMMANDS, ENVIRONMENTS, UNITS, WRITTEN_UNIT
from im2latex.latex.tokens import CONTROL_WORD

FIRST_MARK, LAST_MARK = "«", "»"

_KEYWORD_BEHIND = "|".join(sorted(name for name, kinds in ENVIRONMENTS.items() if kinds == "w"))
_ENVIRONMENT = rf"\\begin\{{(?:{_KEYWORD_BEHIND})\}}\{{[a-z]\}}|\\(?:begin|end)\{{[A-Za-z]+\*?\}}"
_SPANNING = r"\\(?:multicolumn|hdotsfor)(?:\[[^]]*\])?\{[0-9]+\}"
_STARRED = "|".join(sorted(name[1:] for name, kinds in COMMANDS.items() if kinds.startswith("*")))
_GLUE = rf"(?<=[0-9.])fil{{1,3}}|(?<={UNITS}|il|ll)(?:plus|minus)(?=[-+.0-9])"
SYMBOL = rf"{_ENVIRONMENT}|{_SPANNING}|\\(?:{_STARRED}|\\)\*|\\[A-Za-z]+|\\\S|(?<=[0-9.]){WRITTEN_UNIT}|{_GLUE}|\S"
"""One symbol that is no opener; alternatives by falling length."""
OPENER = rf"(?:{_ENVIRONMENT})\[|(?!{_ENVIRONMENT}|{_SPANNING})\\(?:[A-Za-z]+|\S)\*?[\[{{]|[^\\\s][\[{{]"
"""The symbol that may begin a token: up to and including a bracket."""
WHOLE = r"(?:width|height|depth)[-+.0-9][^ ]*|[^ ]+\\vrule"
r"""A token that is not split: keywords of `\vrule`, before which a token ends even inside an argument."""

_SYMBOL, _OPENER, _WHOLE = (re.compile(pattern, re.DOTALL) for pattern in (SYMBOL, OPENER, WHOLE))


@lru_cache(maxsize=1 << 16)
def spell(word: str) -> tuple[str, ...]:
    """Return the symbols of a token from left to right; the token itself where it is one symbol."""
    if _WHOLE.fullmatch(word):
        return (word,)
    opener = _OPENER.match(word)
    start = opener.end() if opener else 0
    symbols = list(_visible([found[0] for found in _SYMBOL.finditer(word, start)]))
    if len(symbols) < (1 if opener else 2):
        return (word,)
    symbols[-1] += LAST_MARK
    return (FIRST_MARK + word[:start], *symbols)


def _visible(symbols: list[str]) -> Iterator[str]:
    """Yield the symbols without the `{}` that `squeeze` puts between a control word and a letter."""
    place = 0
    while place < len(symbols):
        symbol = symbols[place]
        yield symbol
        place += 1
        ends = symbols[place : place + 2] == ["{", "}"] and symbols[place + 2 : place + 3]
        if ends and ends[0][0].isalpha() and CONTROL_WORD.fullmatch(symbol):
            place += 2


def is_first(symbol: str) -> bool:
    """Whether the symbol is the first of a spelled token."""
    return symbol.startswith(FIRST_MARK)


def is_last(symbol: str) -> bool:
    """Whether the symbol is the last of a spelled token."""
    return len(symbol) > 1 and symbol.endswith(LAST_MARK)


def join(symbols: Iterable[str]) -> list[str]:
    """Join symbols to tokens: `join(symbol for token in tokens for symbol in spell(token)) == tokens`."""
    symbols = list(symbols)
    text = "".join(symbols)
    if FIRST_MARK not in text and LAST_MARK not in text:  # the common case
        return symbols
    return [word for word, _ in joined(symbols) if word]


def joined(symbols: Iterable[str]) -> Iterator[tuple[str, range]]:
    """Yield the tokens that symbols spell, each with the positions of its symbols.

    Accepts any sequence, as a model may write it: an unfinished token ends where the next one or the formula does, and
    a last symbol that is only the mark is dropped.
    """
    word: list[str] = []
    start = 0
    for place, symbol in enumerate(symbols):
        first, last = is_first(symbol), is_last(symbol)
        if first and word:
            yield _written(word), range(start, place)
            word = []
        if not word:
            start = place
        word.append(symbol[first : len(symbol) - last])
        if last or not (first or len(word) > 1):
            yield _written(word), range(start, place + 1)
            word = []
    if word:
        yield _written(word), range(start, start + len(word))


def _written(symbols: Iterable[str]) -> str:
    """Write a token, with `{}` between a control word and a letter as `squeeze` does."""
    written = before = ""
    for symbol in symbols:
        written += "{}" + symbol if symbol[:1].isalpha() and CONTROL_WORD.fullmatch(before) else symbol
        before = symbol
    return written
