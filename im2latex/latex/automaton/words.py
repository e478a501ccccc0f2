r"""The part of the automaton of `nesting` for the symbols of tokens that are spelled: text, raw words, lengths.

A token such as `\raisebox{2pt}{if~$x$}` has arguments of its own, `l` and `t` here, each a place: a closing bracket
with the last mark ends the token, one without it leads to the next argument. Mathematics between `$` is a row like any
other, with `spelled` set. Text takes what LaTeX takes there: no scripts, no symbols of mathematics.
"""

import re

from im2latex.latex.automaton.numbers import in_integer, in_length, in_vertical, may_end
from im2latex.latex.automaton.stack import Place, Sort
from im2latex.latex.parser.quantities import REGISTERS, WRITTEN_UNIT
from im2latex.latex.parser.signatures import (
    COMMANDS,
    ENVIRONMENTS,
    FONT_SWITCHES,
    MATH_IN_TEXT,
    SPACES,
    STYLE_SWITCHES,
    TEXT_ONLY,
    TEXT_SWITCHES,
)
from im2latex.latex.parser.symbols import known
from im2latex.latex.tokens import split

BARE = "n"
"""Of a first symbol that opens no bracket."""

_CLOSERS = {"{": "}", "[": "]"}
_CONTENT = dict.fromkeys("tvx", "text") | dict.fromkeys("rb", "raw") | dict.fromkeys("m@", "group")
_CONTENT |= {"l": "length", "y": "keyword", "q": "vertical", "o": "bracket"}
_CONTENT |= {"p": "placement", "P": "placement or width", "C": "column letters"}
"""The place of an argument by its kind: as in signatures; `@` for what stands between two columns, `P` and `C` for the
options of environments that take something else than `p`."""
_OPTIONS = dict.fromkeys(["multlined"], "PP")
_OPTIONS |= {f"{kind}{size}matrix*": "C" for kind in ("", *"pbBvV") for size in ("", "small")}
_OPTIONAL = "bypPC"
_IN_TOKEN = "bryqo"
"""Kinds of a command that is no text whose arguments may be part of its token."""
COLUMN_KINDS = dict.fromkeys("wW", "rl") | dict.fromkeys("@!><", "@")
_UNIT = re.compile(WRITTEN_UNIT)
_FILL = re.compile("fil{1,3}")
_NAME = re.compile(r"\\(?:[A-Za-z]+|.)")
_ENVIRONMENT = re.compile(r"\\begin\{([A-Za-z]+\*?)\}")

_CHARACTERS = {".": "point", ",": "point", "+": "sign", "-": "hyphen", "$": "$", "[": "bracket", "]": "bracket"}
_CHARACTERS |= {'"': "quote", "'": "apostrophe"} | dict.fromkeys("ABCDEF", "hexadecimal")
_CHARACTERS |= dict.fromkeys("01234567", "digit") | dict.fromkeys("89", "large digit")
_CHARACTERS |= dict.fromkeys("tbc", "placement")
_CHARACTERS |= dict.fromkeys("{}^_&#%\\", "")
_TEXT_SYMBOLS = (
    TEXT_ONLY
    | FONT_SWITCHES.keys()
    | TEXT_SWITCHES
    | frozenset(
        split(r"\{ \} \$ \% \& \# \_ \ldots \dots \unboldmath \relax \protect \null \vrule \slash \dag \ddag \S \P")
    )
)
"""What stands for itself in text, sizes and fonts for the rest of it included."""
_WORDS = {"plus": "plus", "minus": "minus", "\\kern": "kern", "\\vskip": "skip", "\\penalty": "penalty"}
_WORDS |= {"\\\\": "break", "\\\\*": "break"}
_WORDS |= dict.fromkeys(split(r"\hrule \smallskip \medskip \bigskip \nobreak"), "vertical")
_WORDS |= dict.fromkeys(STYLE_SWITCHES, "style") | dict.fromkeys(REGISTERS, "register")
_WORDS |= dict.fromkeys(MATH_IN_TEXT, "mathematics")
_FOR_WORDS = TEXT_ONLY | frozenset(split(r"' # % \vskip \hrule \penalty"))
_ACCENTS = {*"'`\"^~=."}
_WORD_ACCENTS = {*"cdbtHkruv"}
_TEXT_KINDS = frozenset("lngirtvby")
_TEXT_IN_TEXT = frozenset(
    split(
        r"""\textcolor \MakeUppercase \MakeLowercase \uppercase \lowercase \underline \phantom \hphantom \vphantom
        \smash"""
    )
)
"""Commands whose `m` is text in text."""
LETTERS = frozenset(["letter", "placement", "hexadecimal"])
_RAW = LETTERS | frozenset(
    [
        "digit",
        "large digit",
        "point",
        "sign",
        "hyphen",
        "unit",
        "fill",
        "plus",
        "minus",
        "quote",
        "apostrophe",
        "character",
    ]
)
_IN_TEXT = _RAW | {"space", "bracket", "text"}
"""What leaves everything as it is, in a raw word and in text."""


def inside(symbol: str) -> str:
    """What a symbol is where there is no mathematics; nothing where it may not stand there."""
    if len(symbol) == 1:
        return _CHARACTERS.get(symbol, "letter" if symbol.isalpha() else "character")
    if symbol in _WORDS:
        return _WORDS[symbol]
    if _UNIT.fullmatch(symbol):
        return "unit"
    if _FILL.fullmatch(symbol):
        return "fill"
    if symbol[1:] in _ACCENTS:
        return "accent"
    if symbol[1:] in _WORD_ACCENTS:
        return "word accent"
    if symbol in _TEXT_SYMBOLS or symbol in SPACES:
        return "space" if symbol in SPACES else "text"
    kinds = inner_kinds(symbol)
    if not kinds and _is_text_symbol(symbol):
        return "text"
    in_text = symbol in _TEXT_IN_TEXT or (kinds == "d" and symbol != "\\middle")
    return "command" if in_text or (kinds and _TEXT_KINDS.issuperset(kinds)) else ""


def _is_text_symbol(symbol: str) -> bool:
    r"""Whether it is named as `\textbackslash` is."""
    return symbol.startswith("\\text") and symbol[1:].isalpha() and symbol not in _WORDS


def inner_kinds(name: str) -> str:
    """The arguments that a command takes behind its bare name."""
    return COMMANDS.get(name, COMMANDS.get(name.rstrip("*"), "")).replace("*", "").rstrip(_OPTIONAL)


def is_for_words(symbol: str) -> bool:
    r"""Whether the symbol has no place outside of tokens that are spelled: `\text` without its text, an accent."""
    if symbol in known():
        return False
    if symbol in COMMANDS:
        return any(kind in COMMANDS[symbol] for kind in "rtv")
    return symbol in _FOR_WORDS or _is_text_symbol(symbol)


def own_arguments(opener: str) -> str:
    """The closing bracket of the argument that an opener begins, and the kinds of this argument and those behind it."""
    closer = _CLOSERS[opener[-1]]
    if environment := _ENVIRONMENT.match(opener):
        kinds = options(environment[1])
    elif opener.startswith("\\\\"):
        kinds = "l"
    elif opener[0] != "\\":
        kinds = COLUMN_KINDS.get(opener[0], "t")
    else:
        name = _NAME.match(opener)
        kinds = COMMANDS.get(name[0], "") if name else ""
        kinds = (
            kinds.lstrip("*") if kinds.endswith(("t", "v")) else "".join(kind for kind in kinds if kind in _IN_TOKEN)
        )
    if closer == "}":
        kinds = kinds.lstrip(_OPTIONAL)
    return closer + (kinds or ("t" if closer == "}" else "b"))


def options(environment: str) -> str:
    """The kinds of an environment's options."""
    kinds = ENVIRONMENTS.get(environment, "")
    return _OPTIONS.get(environment, "p") if kinds.startswith("p") else ""


def may_hold_bracket(word: str) -> bool:
    """Whether a closing bracket may stand outside of braces, where it would end an optional argument around it."""
    return word[0] == "]" or any(kind in _OPTIONAL for kind in word[1:])


def opened(word: str, inner: bool = False) -> Place:
    """The place that a first symbol opens, or, of a command inside the token, a bracket."""
    if word == BARE:
        return Place("length", spelled=True, rest="")
    return Place(_CONTENT[word[1]], name=word[0], spelled=True, rest=word[2:], inner=inner)


def due_inside(kinds: str) -> tuple[Place, ...]:
    """The arguments of a command inside a token, the first one innermost."""
    if any(kind in _OPTIONAL for kind in kinds):
        return (Place("argument", rest=kinds, inner=True),)
    return tuple(map(Place, reversed(kinds.replace("om", "o"))))


def step_in_word(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    """As `nesting.step`, for the places of this module."""
    if place.kind in DUE or place.kind == "argument" or place.kind == "accent":
        return _begun(place, symbol)
    if place.kind == "integer":
        return in_integer(place, symbol)
    ended = closed(place, symbol) if place.name and may_end(place) else None
    return _INSIDE[place.kind](place, symbol) if ended is None else ended


def closed(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    """What is left where the symbol ends the argument; None where it does not."""
    if symbol.role == place.name:
        if place.rest is None:
            return ()
        rest = place.rest.rstrip(_OPTIONAL) if place.inner else place.rest
        return (Place("argument", rest=rest, inner=place.inner),) if rest else () if place.inner else None
    last = symbol.role == "last" and symbol.name == place.name and not place.inner
    return () if last and place.rest is not None and not place.rest.strip(_OPTIONAL) else None


DUE = frozenset("lrtvngi")
"""Arguments of commands inside tokens that are no mathematics."""
_TEXT_GROUP = Place("text", name="}", spelled=True)
_GAP = Place("length", name="]", spelled=True)


def _begun(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    """The first symbol of what is due."""
    if place.kind == "argument":
        rest = place.rest or ""
        if symbol.role == "[":
            return (opened("]" + rest, place.inner),) if rest[0] in _OPTIONAL else None
        kinds = rest.lstrip(_OPTIONAL)
        return (opened("}" + kinds, place.inner),) if kinds and symbol.role == "{" else None
    if place.kind == "accent":
        return (_TEXT_GROUP,) if symbol.role == "{" else () if symbol.inside in LETTERS else None
    if place.kind in "ng":
        return in_length(Place("length"), symbol)
    if place.kind == "i":
        return in_integer(Place("integer"), symbol)
    return (Place(_CONTENT[place.kind], name="}"),) if symbol.role == "{" else None


def _in_raw(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    accent = symbol.role == "symbol" and symbol.kinds == "m"  # which \skew takes
    if symbol.inside == "bracket" or accent:
        return (place,) if place.name == "}" else None
    return (place,) if symbol.inside in _RAW or symbol.inside == "register" or symbol.delimiter else None


def _in_option(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    """A keyword, a placement or the like, one or several symbols long."""
    if place.after in ("style", "placement"):
        return None
    if place.kind == "keyword":
        found = symbol.inside in LETTERS or (symbol.inside == "style" and not place.after)
        after = "style" if symbol.inside == "style" else "letter"
    elif place.kind == "column letters":
        found, after = symbol.cells is not None and symbol.role == "symbol", "letter"
    else:
        found, after = symbol.inside == "placement" and not place.after, "placement"
    return (place._replace(after=after),) if found else None


def _in_placement_or_width(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    found = _in_option(place, symbol)
    return in_length(place, symbol) if found is None and place.after != "placement" else found


def _in_text(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    what, on = symbol.inside, place._replace(after="") if place.after else place
    if what == "bracket" and place.after == "\\\\" and symbol.role == "[":
        return (on, _GAP)
    if what in _IN_TEXT:
        return (on,)
    if what == "$":
        return (on, Place("inline", "start"))
    if symbol.role == "{":
        return (on, _TEXT_GROUP)
    if what == "break":
        return (place._replace(after="\\\\"),)
    due = {"accent": "accent", "word accent": "t", "mathematics": "m"}.get(what)
    if due:
        return (on, Place(due))
    return (on, *due_inside(symbol.kinds.replace("m", "t"))) if what in ("command", "kern") else None


_INSIDE = {
    "length": in_length,
    "vertical": in_vertical,
    "raw": _in_raw,
    "text": _in_text,
    "keyword": _in_option,
    "placement": _in_option,
    "column letters": _in_option,
    "placement or width": _in_placement_or_width,
}
