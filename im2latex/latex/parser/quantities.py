r"""Numbers and lengths as TeX's primitives read them (The TeXbook, chapter 24, and tex.web, sections 440 to 461).

A number is its digits and one space behind them; digits behind that space are other tokens. The patterns are for text
in which every run of spaces is one space.
"""

import re
from typing import NamedTuple

from im2latex.latex.tokens import split

REGISTERS = frozenset(
    split(r"""\jot \arraycolsep \arrayrulewidth \baselineskip \normalbaselineskip \lineskip \normallineskip \columnwidth
    \doublerulesep \fboxrule \fboxsep \hsize \linewidth \medskipamount \bigskipamount \smallskipamount \parindent
    \parskip \tabcolsep \textheight \textwidth \abovedisplayskip \belowdisplayskip \abovedisplayshortskip
    \belowdisplayshortskip \topskip \nulldelimiterspace \scriptspace \delimitershortfall \mathsurround
    \thinmuskip \medmuskip \thickmuskip""")
)
"""Lengths of TeX, LaTeX and amsmath that have names; they may stand for a unit, and take no plus and minus here."""
UNITS = "pt|mm|cm|in|ex|em|bp|pc|dd|cc|sp|px|mu"
UNIT = rf"(?:true ?)?(?:{UNITS})"
WRITTEN_UNIT = rf"(?:true)?(?:{UNITS})"
"""As `written` leaves it."""
_FACTOR = r"[-+ ]*(?:\d+[.,]?\d*|[.,]\d+)"
_NAMED = "|".join(re.escape(name) for name in sorted(REGISTERS))
_REGISTER = rf"(?:[-+ ]*|{_FACTOR} ?)(?:{_NAMED})(?![A-Za-z])(?! ?(?:plus|minus))"
_DIMENSION = rf"{_FACTOR} ?{UNIT}"
_STRETCH = rf"(?:{_FACTOR} ?fil(?: ?l){{0,2}}|{_DIMENSION})"
_GLUE = rf"{_DIMENSION}(?: ?plus ?{_STRETCH})?(?: ?minus ?{_STRETCH})?"
_RULE = rf"(?:(?:width|height|depth) ?{_DIMENSION} ?)*"
_NUMBER = r"[-+ ]*(?:\"[0-9A-F]+|'[0-7]+|\d+|`\\?.)"


class Quantity(NamedTuple):
    """A kind of argument without braces: how it is found, and the name of the refusal where there is none."""

    pattern: re.Pattern[str]
    reason: str
    example: str


_A_LENGTH = ("bad_length", "a length such as 2pt")
QUANTITIES = {
    "n": Quantity(re.compile(rf" ?=? ?({_DIMENSION}|{_REGISTER}) ?", re.IGNORECASE), *_A_LENGTH),
    "g": Quantity(re.compile(rf" ?=? ?({_GLUE}|{_REGISTER}) ?", re.IGNORECASE), *_A_LENGTH),
    "k": Quantity(re.compile(rf" ?({_RULE})", re.IGNORECASE), "bad_length", "lengths such as width 2pt"),
    "i": Quantity(re.compile(rf" ?=? ?({_NUMBER}) ?"), "bad_number", "a number"),
}
"""By their letter in `signatures.KINDS`."""

LENGTH = re.compile(rf"(?:{_GLUE}|{_REGISTER})", re.IGNORECASE)
"""A length as LaTeX's commands take it."""


def canonical_quantity(kind: str, found: str) -> str:
    """A quantity without spaces; a character that stands for its code becomes the number."""
    if kind == "i":
        before, mark, character = found.partition("`")
        return before.replace(" ", "") + (str(ord(character[-1])) if mark else character.replace(" ", ""))
    return found.replace(" ", "").replace(",", ".").lower()


def character_of_code(number: str) -> str:
    """The letter or digit that has the code, or nothing."""
    if not number.isdecimal():
        return ""
    character = chr(min(int(number), 127))
    return character if character.isalnum() else ""
