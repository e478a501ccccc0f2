"""Numbers, dimensions and glue as TeX's primitives read them (The TeXbook, chapter 24; tex.web, 440 to 461).

A number is its digits and one following space; digits after that space are other tokens. The patterns expect text in
which every run of spaces is one space.
"""

import re
from typing import NamedTuple

from im2latex.latex.parser.signatures import UNITS
from im2latex.latex.tokens import split

REGISTERS = frozenset(
    split(r"""\jot \arraycolsep \arrayrulewidth \baselineskip \normalbaselineskip \lineskip \normallineskip \columnwidth
    \doublerulesep \fboxrule \fboxsep \hsize \linewidth \medskipamount \bigskipamount \smallskipamount \parindent
    \parskip \tabcolsep \textheight \textwidth \abovedisplayskip \belowdisplayskip \abovedisplayshortskip
    \belowdisplayshortskip \topskip \nulldelimiterspace \scriptspace \delimitershortfall \mathsurround
    \thinmuskip \medmuskip \thickmuskip""")
)
"""Named lengths of TeX, LaTeX and amsmath; they may replace a unit, and have no plus and minus here."""
UNIT = rf"(?:true ?)?(?:{UNITS})"
_FACTOR = r"[-+ ]*(?:\d+[.,]?\d*|[.,]\d+)"
_NAMED = "|".join(re.escape(name) for name in sorted(REGISTERS))
_REGISTER = rf"(?:[-+ ]*|{_FACTOR} ?)(?:{_NAMED})(?![A-Za-z])(?! ?(?:plus|minus))"
_DIMENSION = rf"{_FACTOR} ?{UNIT}"
_STRETCH = rf"(?:{_FACTOR} ?fil(?: ?l){{0,2}}|{_DIMENSION})"
_GLUE = rf"{_DIMENSION}(?: ?plus ?{_STRETCH})?(?: ?minus ?{_STRETCH})?"
_RULE = rf"(?:(?:width|height|depth) ?{_DIMENSION} ?)*"
_NUMBER = r"[-+ ]*(?:\"[0-9A-F]+|'[0-7]+|\d+|`\\?.)"


class Quantity(NamedTuple):
    """A kind of argument without braces: its pattern, and the reason of the error where it is missing."""

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
"""A length as an argument of LaTeX's commands."""


def canonical_quantity(kind: str, found: str) -> str:
    """Write a quantity without spaces; a character code becomes a number."""
    if kind == "i":
        before, mark, character = found.partition("`")
        return before.replace(" ", "") + (str(ord(character[-1])) if mark else character.replace(" ", ""))
    return found.replace(" ", "").replace(",", ".").lower()


def character_of_code(number: str) -> str:
    """Return the letter or digit with the character code, or the empty string."""
    if not number.isdecimal():
        return ""
    character = chr(min(int(number), 127))
    return character if character.isalnum() else ""
