r"""The part of the automaton of `nesting` for the symbols of tokens that are spelled: text, raw words, lengths.

A token such as `\raisebox{2pt}{if~$x$}` has arguments of its own, `l` and `t` here, each a place: a closing bracket
with the last mark ends the token, one without it leads to the next argument. Mathematics between `$` is a row like any
other, with `spelled` set. Text takes what LaTeX takes there: no scripts, no symbols of mathematics.
"""

import re

from im2latex.latex.places import Place, Sort
from im2latex.latex.signatures import COMMANDS, ENVIRONMENTS, FONT_SWITCHES, SPACES, TEXT_ONLY, UNIT
from im2latex.latex.tokens import split

BARE = "n"
"""Of a first symbol that opens no bracket."""

_CLOSERS = {"{": "}", "[": "]"}
_CONTENT = {"t": "text", "l": "length", "r": "raw", "b": "raw", "p": "placement", "@": "gap"}
"""The place of an argument by its kind, as in signatures, and `@` for what stands between two columns."""
_OPTIONAL = "bp"
_COLUMN_KINDS = dict.fromkeys("pmb", "l") | dict.fromkeys("wW", "rl") | dict.fromkeys("@!><", "@")
_UNIT = re.compile(UNIT)
_NAME = re.compile(r"\\(?:[A-Za-z]+|.)")
_ENVIRONMENT = re.compile(r"\\begin\{([A-Za-z]+\*?)\}")

_CHARACTERS = {".": "point", ",": "point", "+": "sign", "-": "sign", "$": "$", "[": "bracket", "]": "bracket"}
_CHARACTERS |= {'"': "quote"} | dict.fromkeys("ABCDEF", "hexadecimal")
_CHARACTERS |= dict.fromkeys("0123456789", "digit") | dict.fromkeys("tbc", "placement")
_CHARACTERS |= dict.fromkeys("{}^_&#%\\", "")
_NOT_IN_MATHEMATICS = {"'", "#", "%"}
_TEXT_SYMBOLS = (
    TEXT_ONLY
    | FONT_SWITCHES.keys()
    | frozenset(
        split(r"""\{ \} \$ \% \& \# \_ \ldots \tiny \scriptsize \footnotesize \small \normalsize \large \Large \LARGE
        \huge \Huge \boldmath \unboldmath \normalfont""")
    )
)
"""What stands for itself in text, sizes and fonts for the rest of it included."""
_ACCENTS = {*"'`\"^~=."}
_WORD_ACCENTS = {*"cdbtHkruv"}
_TEXT_KINDS = frozenset("lnrt")
_COLOURED = "rm"
r"""What `\textcolor` takes, whose `m` is text in text."""
_NUMBER = {
    "": {"sign": "sign", "digit": "whole", "point": "point"},
    "sign": {"digit": "whole", "point": "point"},
    "whole": {"digit": "whole", "point": "part", "unit": "unit"},
    "point": {"digit": "part"},
    "part": {"digit": "part", "unit": "unit"},
    "unit": {},
}
"""What may follow in a length, by what it has so far."""
_LETTERS = frozenset(["letter", "placement", "hexadecimal"])
_RAW = _LETTERS | frozenset(["digit", "point", "sign", "unit", "quote", "character"])
_ALLOWED = {"raw": _RAW, "gap": _RAW | {"space"}, "text": _RAW | {"space", "bracket", "text"}}
"""What leaves everything as it is, by place."""


def inside(symbol: str) -> str:
    """What a symbol is where there is no mathematics; nothing where it may not stand there."""
    if len(symbol) == 1:
        return _CHARACTERS.get(symbol, "letter" if symbol.isalpha() else "character")
    if _UNIT.fullmatch(symbol):
        return "unit"
    if symbol[1:] in _ACCENTS:
        return "accent"
    if symbol[1:] in _WORD_ACCENTS:
        return "word accent"
    if symbol in _TEXT_SYMBOLS or symbol in SPACES:
        return "space" if symbol in SPACES else "text"
    kinds = inner_kinds(symbol)
    return "command" if kinds == _COLOURED or (kinds and _TEXT_KINDS.issuperset(kinds)) else ""


def inner_kinds(name: str) -> str:
    """The arguments that a command takes behind its bare name, optional words left out."""
    return "".join(kind for kind in COMMANDS.get(name, COMMANDS.get(name.rstrip("*"), "")) if kind not in "*bp")


def is_for_words(symbol: str) -> bool:
    r"""Whether the symbol has no place outside of tokens that are spelled: `\text` without its text, an accent."""
    kinds = COMMANDS.get(symbol, "")
    return symbol in TEXT_ONLY or symbol in _NOT_IN_MATHEMATICS or "r" in kinds or "t" in kinds


def own_arguments(opener: str) -> str:
    """The closing bracket of the argument that an opener begins, and the kinds of this argument and those behind it."""
    closer = _CLOSERS[opener[-1]]
    if environment := _ENVIRONMENT.match(opener):
        kinds = "".join(kind for kind in ENVIRONMENTS.get(environment[1], "") if kind in _OPTIONAL)
    elif opener.startswith("\\\\"):
        kinds = "l"
    elif opener[0] != "\\":
        kinds = _COLUMN_KINDS.get(opener[0], "t")
    else:
        name = _NAME.match(opener)
        kinds = COMMANDS.get(name[0], "") if name else ""
        kinds = kinds.lstrip("*") if kinds.endswith("t") else "".join(kind for kind in kinds if kind in "br")
    if closer == "}":
        kinds = kinds.lstrip(_OPTIONAL)
    return closer + (kinds or ("t" if closer == "}" else "b"))


def may_hold_bracket(word: str) -> bool:
    """Whether a closing bracket may stand outside of braces, where it would end an optional argument around it."""
    return word[0] == "]" or any(kind in _OPTIONAL for kind in word[1:])


def opened(word: str) -> Place:
    """The place that a first symbol opens."""
    if word == BARE:
        return Place("length", spelled=True, rest="")
    return Place(_CONTENT[word[1]], name=word[0], spelled=True, rest=word[2:])


def step_in_word(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    """As `nesting.step`, for the places of this module."""
    what = symbol.inside
    if place.kind == "argument":
        rest = place.rest or ""
        if symbol.role == "[":
            return (opened("]" + rest),) if rest[0] in _OPTIONAL else None
        kinds = rest.lstrip(_OPTIONAL)
        return (opened("}" + kinds),) if kinds and symbol.role == "{" else None
    if place.kind == "accent":
        return (_TEXT_GROUP,) if symbol.role == "{" else () if what in _LETTERS else None
    if place.kind == "length":
        after = _NUMBER[place.after].get("unit" if symbol == _LAST_UNIT else what)
        if after is None:
            return _closed(place, symbol) if place.after == "unit" else None
        if after == "unit" and not place.name:
            return () if (symbol == _LAST_UNIT) == (place.rest is not None) else None
        return (place._replace(after=after),) if symbol != _LAST_UNIT else None
    if place.kind == "placement":
        first = not place.after and what == "placement"
        return (place._replace(after=what),) if first else _closed(place, symbol) if place.after else None
    if place.kind == "integer":
        return _in_integer(place, symbol)
    ended = _closed(place, symbol)
    if ended is None and what in _ALLOWED[place.kind]:
        return (place._replace(after=""),)
    return _in_text(place, symbol) if ended is None and place.kind == "text" else ended


_LAST_UNIT = Sort("last", name="unit")
_TEXT_GROUP = Place("text", name="}", spelled=True)


def _in_integer(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    """A number in digits, or in hexadecimal ones behind a quote."""
    if symbol.inside == "quote" and not place.after:
        return (place._replace(after="quote"),)
    digits = ("digit", "hexadecimal") if place.after == "quote" else ("digit",)
    if symbol.name in digits:  # the last one
        return ()
    return (place._replace(after=place.after or "digit"),) if symbol.inside in digits else None


def _closed(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    """What is left where the symbol ends the argument; None where it does not."""
    if symbol.role == place.name:
        return () if place.rest is None else (Place("argument", rest=place.rest),) if place.rest else None
    last = symbol.role == "last" and symbol.name == place.name
    return () if last and place.rest is not None and not place.rest.strip(_OPTIONAL) else None


def _in_text(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    what, on = symbol.inside, place._replace(after="")
    if what == "$":  # two of them would begin a display
        return None if place.after else (place._replace(after="$"), Place("inline", "start"))
    if symbol.role == "{":
        return (on, _TEXT_GROUP)
    due = {"accent": "accent", "word accent": "t"}.get(what)
    if due:
        return (on, Place(due))
    return (on, *map(Place, reversed(symbol.kinds.replace("m", "t")))) if what == "command" else None
