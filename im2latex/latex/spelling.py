r"""Words of a normalized formula as sequences of symbols, and back.

A word is what stands between two spaces: a token of `im2latex.latex.tokens`. A text box or a length is one word however
long it is, so that new wordings never end. `spell` cuts a word into symbols that recur:

    \text{if~$x$}    «\text{  i  f  ~  $  x  $  }»
    -0.5em           «  -  0  .  5  em»
    \\[2pt]          «\\[  2  pt  ]»

- The first symbol is the opener, which is a control sequence, an environment or a column type with the bracket behind
  it. A word without an opener begins with `«` alone.
- The others are control sequences, environments, cells that span others with their number, units of length behind a
  digit, and single characters. So mathematics in a text box has the symbols that it has outside, `$` on both sides.
- `«` marks the first symbol and `»` the last; neither occurs in a normalized formula, which is ASCII.
- `{}` that ends a control word before a letter is no symbol, since `join` writes it as `tokens.squeeze` does.

A word that is one symbol, `\frac` or `x`, is spelled as itself. `join` gives back every word exactly. The regular
expressions are also those of tokenizer.json: no look-behind of variable length, nothing of Python's own.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from im2latex.latex.parser.quantities import UNITS, WRITTEN_UNIT
from im2latex.latex.parser.signatures import COMMANDS, ENVIRONMENTS
from im2latex.latex.tokens import CONTROL_WORD

FIRST_MARK, LAST_MARK = "«", "»"

_KEYWORD_BEHIND = "|".join(sorted(name for name, kinds in ENVIRONMENTS.items() if kinds == "w"))
_ENVIRONMENT = rf"\\begin\{{(?:{_KEYWORD_BEHIND})\}}\{{[a-z]\}}|\\(?:begin|end)\{{[A-Za-z]+\*?\}}"
_SPANNING = r"\\(?:multicolumn|hdotsfor)(?:\[[^]]*\])?\{[0-9]+\}"
_STARRED = "|".join(sorted(name[1:] for name, kinds in COMMANDS.items() if kinds.startswith("*")))
_GLUE = rf"(?<=[0-9.])fil{{1,3}}|(?<={UNITS}|il|ll)(?:plus|minus)(?=[-+.0-9])"
SYMBOL = rf"{_ENVIRONMENT}|{_SPANNING}|\\(?:{_STARRED}|\\)\*|\\[A-Za-z]+|\\\S|(?<=[0-9.]){WRITTEN_UNIT}|{_GLUE}|\S"
"""One symbol that is no opener; longest first."""
OPENER = rf"(?:{_ENVIRONMENT})\[|(?!{_ENVIRONMENT}|{_SPANNING})\\(?:[A-Za-z]+|\S)\*?[\[{{]|[^\\\s][\[{{]"
"""The symbol that may begin a word: up to and including a bracket."""
WHOLE = r"(?:width|height|depth)[-+.0-9][^ ]*|[^ ]+\\vrule"
r"""A word that stays whole: the keywords of `\vrule`, before which a word ends even inside an argument."""

_SYMBOL, _OPENER, _WHOLE = (re.compile(pattern, re.DOTALL) for pattern in (SYMBOL, OPENER, WHOLE))


@lru_cache(maxsize=1 << 16)
def spell(word: str) -> tuple[str, ...]:
    """The symbols of a word, from left to right; the word itself where it is one symbol."""
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
    """The symbols without the `{}` that `squeeze` puts between a control word and a letter."""
    place = 0
    while place < len(symbols):
        symbol = symbols[place]
        yield symbol
        place += 1
        ends = symbols[place : place + 2] == ["{", "}"] and symbols[place + 2 : place + 3]
        if ends and ends[0][0].isalpha() and CONTROL_WORD.fullmatch(symbol):
            place += 2


def is_first(symbol: str) -> bool:
    """Whether the symbol begins a word that has more than one."""
    return symbol.startswith(FIRST_MARK)


def is_last(symbol: str) -> bool:
    """Whether the symbol ends such a word."""
    return len(symbol) > 1 and symbol.endswith(LAST_MARK)


def join(symbols: Iterable[str]) -> list[str]:
    """The words that symbols spell: `join(symbol for word in words for symbol in spell(word)) == words`."""
    symbols = list(symbols)
    text = "".join(symbols)
    if FIRST_MARK not in text and LAST_MARK not in text:  # the common case
        return symbols
    return [word for word, _ in joined(symbols) if word]


def joined(symbols: Iterable[str]) -> Iterator[tuple[str, range]]:
    """The words that symbols spell, each with the places of its symbols.

    Any sequence is read, as a model may write one: a word that is not ended ends where the next one or the formula
    does, and the mark of a last symbol alone is left out.
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
    """The word, with `{}` between a control word and a letter as `squeeze` writes it."""
    written = before = ""
    for symbol in symbols:
        written += "{}" + symbol if symbol[:1].isalpha() and CONTROL_WORD.fullmatch(before) else symbol
        before = symbol
    return written
