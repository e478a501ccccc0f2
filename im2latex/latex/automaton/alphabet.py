r"""Input alphabet (token classes) and stack alphabet of the automaton.

`classify` maps a token, or one symbol of a spelled token (`im2latex.latex.spelling`), to the properties that the
transitions depend on. Neighboring tokens do not matter.
"""

import re
from typing import NamedTuple

from im2latex.latex.parser.quantities import LENGTH, REGISTERS
from im2latex.latex.parser.signatures import (
    BORDERED,
    COMMANDS,
    DELIMITERS,
    ENVIRONMENTS,
    FONT_SWITCHES,
    MATH_IN_TEXT,
    SPACES,
    STYLE_SWITCHES,
    SUBARRAYS,
    TEXT_ONLY,
    TEXT_SWITCHES,
    WRITTEN_UNIT,
)
from im2latex.latex.parser.symbols import known_symbols
from im2latex.latex.spelling import is_first, is_last
from im2latex.latex.tokens import split

BARE = "n"
"""Opens no bracket: `word` of a first symbol without an opener."""

_CLOSERS = {"{": "}", "[": "]"}
_OPTIONS = dict.fromkeys(["multlined"], "PP")
_OPTIONS |= {f"{kind}{size}matrix*": "C" for kind in ("", *"pbBvV") for size in ("", "small")}
OPTIONAL_KINDS = "bypPC"
_KINDS_IN_TOKEN = "bryqo"
"""Kinds whose arguments may be part of the token of a command without text."""
COLUMN_KINDS = dict.fromkeys("wW", "rl") | dict.fromkeys("@!><", "@")
_UNIT = re.compile(WRITTEN_UNIT)
_FILL = re.compile("fil{1,3}")
_COMMAND_NAME = re.compile(r"\\(?:[A-Za-z]+|.)")
_BEGIN = re.compile(r"\\begin\{([A-Za-z]+\*?)\}")

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
"""Symbols that print themselves in text, including switches of size and font."""
_WORDS = {"plus": "plus", "minus": "minus", "\\kern": "kern", "\\vskip": "skip", "\\penalty": "penalty"}
_WORDS |= {"\\\\": "break", "\\\\*": "break"}
_WORDS |= dict.fromkeys(split(r"\hrule \smallskip \medskip \bigskip \nobreak"), "vertical")
_WORDS |= dict.fromkeys(STYLE_SWITCHES, "style") | dict.fromkeys(REGISTERS, "register")
_WORDS |= dict.fromkeys(MATH_IN_TEXT, "mathematics")
_TEXT_ONLY = TEXT_ONLY | frozenset(split(r"' # % \vskip \hrule \penalty"))
_ACCENTS = {*"'`\"^~=."}
_WORD_ACCENTS = {*"cdbtHkruv"}
_TEXT_KINDS = frozenset("lngirtvby")
_TEXT_IN_TEXT = frozenset(
    split(
        r"""\textcolor \MakeUppercase \MakeLowercase \uppercase \lowercase \underline \phantom \hphantom \vphantom
        \smash"""
    )
)
"""Commands whose argument of kind `m` is text when they are in text."""
_OWN_ROLE = {"$", "{", "}", "[", "]", "_", "^", "&", "*", "\\left", "\\right", "\\middle", "\\hline", "\\cr"}
_SPANNING = re.compile(r"\\(?:multicolumn|hdotsfor)(?:\[[^]]*\])?\{(\d+)\}")
_NAME = re.compile(r"\\(?:[A-Za-z]+\*?|.)")
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([A-Za-z]+\*?)\}(\{[a-z]\})?")
_INTEGER = re.compile(r"[-+]*(?:\"[0-9A-F]+|'[0-7]+|`.|\d+)")
_UNIT_ROLES = frozenset(["unit", "fill", "plus", "minus"])
_SKIPPED_KINDS = frozenset("*brtpky")
"""Kinds that are part of the name's token, or are not written."""
KEYWORDS = re.compile(rf"(?:(?:width|height|depth)[-+]*[\d.]+{WRITTEN_UNIT})+")
r"""Keywords of `\vrule` with their lengths."""

COUNTED_COLUMNS = 12
"""Widest array whose cells are counted, since every width needs stack symbols of its own."""


class TokenClass(NamedTuple):
    """Class of a token or symbol: all that the transitions depend on.

    `kinds` are the arguments that must follow (letters of `signatures.KINDS`), without those inside the token itself.
    """

    role: str
    kinds: str = ""
    name: str = ""
    delimiter: bool = False
    cells: int | None = None
    """Cells per row that the token adds to a table as part of a column specification; None where it is no column."""
    text_role: str = ""
    """Role inside a spelled token, outside of mathematics; see `text_role`."""
    word: str = ""
    """For the first symbol of a spelled token: the bracket that closes its argument, then the kinds from there on."""


class StackSymbol(NamedTuple):
    """A symbol of the stack alphabet: an open row, or an argument that must follow.

    `after` is the preceding token of a row, where it decides what may follow.
    """

    kind: str
    after: str = ""
    name: str = ""
    used_cells: int = 0
    max_cells: int | None = None
    """Cells used in the present row of a table, and their limit; None for no limit."""
    spelled: bool = False
    """Whether the row or argument is inside a spelled token, which no other token interrupts before its last symbol."""
    rest: str | None = None
    """Kinds of the spelled token's arguments after this one; None where this is none of the token's own arguments."""
    inner: bool = False
    """Whether `rest` belongs to a command inside the spelled token, which continues after that command."""


def classify(token: str) -> TokenClass:
    """Return the class of one token, or of one symbol of a spelled token.

    The first symbol of a spelled token has the role of the whole token, and opens the token's own arguments.
    """
    if is_first(token):
        opener = token[1:]
        if not opener:
            return TokenClass("length", word=BARE)
        word = own_arguments(opener)
        return _classify_whole(opener + word[0])._replace(word=word)
    if is_last(token):
        return TokenClass("last", name=token[0] if token[0] in "]}" else text_role(token[:-1]))
    if is_for_words(token):
        return TokenClass("word", inner_kinds(token), text_role=text_role(token))
    what = text_role(token)
    if what in _UNIT_ROLES:
        return TokenClass("unit", text_role=what)
    found = _classify_whole(token)._replace(text_role=what)
    kinds = inner_kinds(token) if token in COMMANDS and found.role == "symbol" else ""
    return found._replace(kinds=kinds) if any(kind in kinds for kind in "by") else found


def _classify_whole(token: str) -> TokenClass:
    delimiter = token in DELIMITERS
    if token in _OWN_ROLE:
        return TokenClass(token, delimiter=delimiter)
    if token.startswith("\\\\"):
        return TokenClass("\\\\")
    if environment := _ENVIRONMENT.match(token):
        kinds = ENVIRONMENTS.get(environment[2], "").replace("w", "" if environment[3] else "r")
        return TokenClass(f"\\{environment[1]}", kinds if environment[1] == "begin" else "", environment[2])
    if LENGTH.fullmatch(token):
        return TokenClass("length")
    if token.startswith("\\noalign{"):
        return TokenClass("\\hline")
    if token[0] != "\\":
        cells = 1 if token[0] in "lcrwW" else 0 if token[0] in "|@!><" else None
        if len(token) == 1:
            column = token if token in COLUMN_KINDS else ""
            return TokenClass("symbol", "", column, delimiter, cells if token in "lcr|" else None)
        if KEYWORDS.fullmatch(token):
            return TokenClass("symbol")
        if part := rule_part(token):
            return TokenClass("raw", name=part, cells=0)
        if _INTEGER.fullmatch(token):
            return TokenClass("integer")
        return TokenClass("raw", cells=cells if "{" in token else None)
    if spanning := _SPANNING.match(token):
        return TokenClass("span", "cm" if token.startswith("\\m") else "", cells=min(int(spanning[1]), COUNTED_COLUMNS))
    name = _NAME.match(token)
    kinds = COMMANDS.get(name[0], COMMANDS.get(name[0].rstrip("*"), "")) if name else ""
    if token in SUBARRAYS:
        kinds = "s"
    if token == BORDERED:
        return TokenClass(BORDERED)
    due = "" if kinds.endswith(("t", "v", "x", "q")) else "".join(k for k in kinds if k not in _SKIPPED_KINDS)
    if name and token.startswith(f"{name[0]}["):
        due = due.replace("o", "")
    return TokenClass("symbol", due, "", delimiter)


def rule_part(token: str) -> str:
    r"""Position in a column of several tokens, as with the keywords of `\vrule`: first, between, last; else empty."""
    behind, before = bool(KEYWORDS.match(token)), token.endswith("\\vrule")
    return "between" if behind and before else "last" if behind else "first" if before else ""


def text_role(symbol: str) -> str:
    """Return the role of a symbol outside of mathematics, such as "digit"; empty where it may not occur."""
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
    r"""Whether the symbol is a text symbol such as `\textbackslash`."""
    return symbol.startswith("\\text") and symbol[1:].isalpha() and symbol not in _WORDS


def inner_kinds(name: str) -> str:
    """Return the kinds of the arguments that follow a command inside a spelled token."""
    return COMMANDS.get(name, COMMANDS.get(name.rstrip("*"), "")).replace("*", "").rstrip(OPTIONAL_KINDS)


def is_for_words(symbol: str) -> bool:
    r"""Whether the symbol occurs only inside spelled tokens: `\text` without its text, an accent."""
    if symbol in known_symbols():
        return False
    if symbol in COMMANDS:
        return any(kind in COMMANDS[symbol] for kind in "rtv")
    return symbol in _TEXT_ONLY or _is_text_symbol(symbol)


def own_arguments(opener: str) -> str:
    """Return the closing bracket of the argument that an opener begins, then the kinds from this argument on."""
    closer = _CLOSERS[opener[-1]]
    if environment := _BEGIN.match(opener):
        kinds = options(environment[1])
    elif opener.startswith("\\\\"):
        kinds = "l"
    elif opener[0] != "\\":
        kinds = COLUMN_KINDS.get(opener[0], "t")
    else:
        name = _COMMAND_NAME.match(opener)
        kinds = COMMANDS.get(name[0], "") if name else ""
        kinds = (
            kinds.lstrip("*")
            if kinds.endswith(("t", "v"))
            else "".join(kind for kind in kinds if kind in _KINDS_IN_TOKEN)
        )
    if closer == "}":
        kinds = kinds.lstrip(OPTIONAL_KINDS)
    return closer + (kinds or ("t" if closer == "}" else "b"))


def options(environment: str) -> str:
    """Return the kinds of an environment's options."""
    kinds = ENVIRONMENTS.get(environment, "")
    return _OPTIONS.get(environment, "p") if kinds.startswith("p") else ""


def may_hold_bracket(word: str) -> bool:
    """Whether a closing bracket may occur outside of braces, where it would end an optional argument around it."""
    return word[0] == "]" or any(kind in OPTIONAL_KINDS for kind in word[1:])
