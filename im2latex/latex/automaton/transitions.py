r"""What may follow in a normalized formula, token by token: a pushdown automaton over the language of `tokens`.

A formula is read with a stack of places, the innermost last: rows of mathematics (the formula itself, a group, the
inside of `\left ... \right`, a table) and things that are due (an argument, a delimiter). Every token replaces the
innermost place by none, one or several. What is read to its end, with the stack back at the formula itself, has its
groups, environments and fences balanced, its arguments present, no double script, and no more cells in a row than its
table has: so it parses.

It is the language that `write` emits, where every argument and script stands in braces, and not all of LaTeX. Pure
functions on small tuples; `learning.constraints` compiles them to tables.
"""

import re

from im2latex.latex.automaton.columns import COUNTED_COLUMNS, KEYWORDS, MOST_CELLS, in_columns, rule_part
from im2latex.latex.automaton.stack import Place, Sort
from im2latex.latex.automaton.words import (
    BARE,
    COLUMN_KINDS,
    DUE,
    closed,
    due_inside,
    inner_kinds,
    inside,
    is_for_words,
    may_hold_bracket,
    opened,
    options,
    own_arguments,
    step_in_word,
)
from im2latex.latex.parser.quantities import LENGTH
from im2latex.latex.parser.signatures import (
    BORDERED,
    BRACKET_AFTER_SPACE,
    COMMANDS,
    DELIMITERS,
    ENVIRONMENTS,
    SUBARRAYS,
)
from im2latex.latex.spelling import is_first, is_last

END = Sort("end of formula")
START = Place("formula", "start")

_ROWS = frozenset(["formula", "group", "lines", "fence", "bracket", "table", "inline"])
_WORDS = frozenset(
    ["text", "raw", "length", "integer", "vertical", "keyword", "placement", "placement or width", "column letters"]
) | {"argument", "accent"}
_OWN_ROLE = {"$", "{", "}", "[", "]", "_", "^", "&", "*", "\\left", "\\right", "\\middle", "\\hline", "\\cr"}
_SPANNING = re.compile(r"\\(?:multicolumn|hdotsfor)(?:\[[^]]*\])?\{(\d+)\}")
_NAME = re.compile(r"\\(?:[A-Za-z]+\*?|.)")
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([A-Za-z]+\*?)\}(\{[a-z]\})?")
_INTEGER = re.compile(r"[-+]*(?:\"[0-9A-F]+|'[0-7]+|`.|\d+)")
_FOR_WORDS = frozenset(["unit", "fill", "plus", "minus"])
_IN_TOKEN = frozenset("*brtpky")
"""Kinds that are written as part of the name's token, or stand for nothing."""


def sort(token: str) -> Sort:
    """Look at one token, or symbol of one that is spelled; its neighbours play no part.

    The first symbol does what the whole token would do, and opens the token's own arguments.
    """
    if is_first(token):
        opener = token[1:]
        if not opener:
            return Sort("length", word=BARE)
        word = own_arguments(opener)
        return _sort_whole(opener + word[0])._replace(word=word)
    if is_last(token):
        return Sort("last", name=token[0] if token[0] in "]}" else inside(token[:-1]))
    if is_for_words(token):
        return Sort("word", inner_kinds(token), inside=inside(token))
    what = inside(token)
    if what in _FOR_WORDS:
        return Sort("unit", inside=what)
    found = _sort_whole(token)._replace(inside=what)
    kinds = inner_kinds(token) if token in COMMANDS and found.role == "symbol" else ""
    return found._replace(kinds=kinds) if any(kind in kinds for kind in "by") else found


def _sort_whole(token: str) -> Sort:
    delimiter = token in DELIMITERS
    if token in _OWN_ROLE:
        return Sort(token, delimiter=delimiter)
    if token.startswith("\\\\"):
        return Sort("\\\\")
    if environment := _ENVIRONMENT.match(token):
        kinds = ENVIRONMENTS.get(environment[2], "").replace("w", "" if environment[3] else "r")
        return Sort(f"\\{environment[1]}", kinds if environment[1] == "begin" else "", environment[2])
    if LENGTH.fullmatch(token):
        return Sort("length")
    if token.startswith("\\noalign{"):
        return Sort("\\hline")
    if token[0] != "\\":
        cells = 1 if token[0] in "lcrwW" else 0 if token[0] in "|@!><" else None
        if len(token) == 1:
            column = token if token in COLUMN_KINDS else ""
            return Sort("symbol", "", column, delimiter, cells if token in "lcr|" else None)
        if KEYWORDS.fullmatch(token):
            return Sort("symbol")
        if part := rule_part(token):
            return Sort("raw", name=part, cells=0)
        if _INTEGER.fullmatch(token):
            return Sort("integer")
        return Sort("raw", cells=cells if "{" in token else None)
    if spanning := _SPANNING.match(token):
        return Sort("span", "cm" if token.startswith("\\m") else "", cells=min(int(spanning[1]), COUNTED_COLUMNS))
    name = _NAME.match(token)
    kinds = COMMANDS.get(name[0], COMMANDS.get(name[0].rstrip("*"), "")) if name else ""
    if token in SUBARRAYS:
        kinds = "s"
    if token == BORDERED:
        return Sort(BORDERED)
    due = "" if kinds.endswith(("t", "v", "x", "q")) else "".join(k for k in kinds if k not in _IN_TOKEN)
    if name and token.startswith(f"{name[0]}["):
        due = due.replace("o", "")
    return Sort("symbol", due, "", delimiter)


def step(place: Place, token: Sort) -> tuple[Place, ...] | None:
    """What takes the innermost place when a token is read there, innermost last; None where it may not stand."""
    if token.word and (place.spelled or (place.kind == "bracket" and may_hold_bracket(token.word))):
        return None
    if place.kind == "i" and token.word == BARE:
        return (Place("integer", spelled=True, rest=""),)
    found = _whole_step(place, token)
    if found is None or not (place.spelled or token.word):
        return found
    if token.word:
        return (*found, opened(token.word))
    return tuple(one if one.spelled else one._replace(spelled=True) for one in found)


def _whole_step(place: Place, token: Sort) -> tuple[Place, ...] | None:
    if place.kind in _WORDS:
        return step_in_word(place, token)
    if place.kind in _ROWS and place.rest is not None and token.role in (place.name, "last"):
        return closed(place, token)
    if place.kind in _ROWS:
        return _in_row(place, token)
    if place.kind == "columns":
        return in_columns(place, token)
    if place.spelled and place.kind in DUE:
        return step_in_word(place, token)
    if token.role in _OPENED.get(place.kind, {}):
        return _OPENED[place.kind][token.role]
    if place.kind == "array" and token.role == "{":
        return (Place("columns", name=place.name),)
    if place.kind == "array" and token.role == "[" and place.spelled and not place.after:
        return (place._replace(after="["), opened("]p", inner=True))
    fits = {
        "d": token.delimiter,
        "n": token.role == "length",
        "g": token.role == "length",
        "i": token.role == "integer",
        "f": token.role in ("symbol", "[", "*") and not token.kinds.rstrip("by"),
        "u": token.role == "symbol" and not token.kinds.rstrip("by"),
        "word": token.role == "symbol" and not token.kinds,
        "}": token.role == "}",
    }
    return () if fits.get(place.kind, False) else None


_GROUP = (Place("group"),)
_OPENED: dict[str, dict[str, tuple[Place, ...]]] = {
    "m": {"{": _GROUP},
    "f": {"{": _GROUP},
    "h": {"{": _GROUP},
    "u": {"{": _GROUP},
    BORDERED: {"{": (Place("table", "\\begin", BORDERED),)},
    "s": {"{": (Place("lines"),)},
    "o": {"{": _GROUP, "[": (Place("m"), Place("bracket"))},
    "l": {"{": (Place("}"), Place("n"))},
    "r": {"{": (Place("}"), Place("word"))},
    "c": {"{": (Place("columns"),)},
}
r"""What is due: an argument (f, u: or one symbol without braces), one that may have lines, one with an optional one
before it, a length, a word, columns, the rows of a command."""


def _in_row(place: Place, token: Sort) -> tuple[Place, ...] | None:
    role, on = token.role, place._replace(after="") if place.after else place
    table = place.kind == "table"
    found: tuple[Place, ...] | None = None
    if role == "symbol":
        with_options = place.spelled and place.kind != "bracket"  # in one, a bracket would end it
        found = (on, *(due_inside if with_options else _due)(token.kinds))
    elif role == "word" or role == "unit":
        found = (on, *due_inside(token.kinds)) if place.spelled and (token.kinds or role == "unit") else None
    elif role == "$":
        found = () if place.kind == "inline" and place.after != "start" else None
    elif role == "{":
        found = (on, *_GROUP)
    elif role == "}":
        found = () if place.kind in ("group", "lines") or place.name == BORDERED else None
    elif role == "_" or role == "^":
        double = place.after == "^" or place.after == role
        found = None if double else (place._replace(after=role), Place("m"))
    elif role == "]":
        found = () if place.kind == "bracket" else (on,)
    elif role == "[" and place.spelled and place.after in _OPTION_BEHIND:
        found = _option(place)
    elif role == "[" or role == "*":  # would belong to the row break before it
        found = None if _takes(place, role) else (on,)
    elif role == "&":
        found = (place._replace(after="&", used=_counted(place, 1)),) if table and _has_room(place, 1) else None
    elif role == BORDERED:
        found = (on, Place(BORDERED))
    elif role == "\\cr":
        rows_end = place.name == BORDERED
        found = (place._replace(after="\\\\"),) if rows_end else (on,) if place.kind == "formula" else None
    elif role == "\\\\":
        lines = table or place.kind in ("lines", "formula")
        found = (place._replace(after="\\\\", used=min(place.used, 1)),) if lines else None
    elif role == "\\left":  # a bracket in an optional argument would end it
        found = None if place.kind == "bracket" else (on, Place("fence"), Place("d"))
    elif role == "\\right":
        found = (Place("d"),) if place.kind == "fence" else None
    elif role == "\\middle":
        found = (on, Place("d")) if place.kind == "fence" else None
    elif role == "\\begin":
        found = (on, *_opened(token, place.spelled))
    elif role == "\\end":
        found = () if table and place.name == token.name else None
    elif role == "\\hline":
        found = (place,) if table and place.after in ("\\\\", "\\begin") else None
    elif role == "span":
        more = (token.cells or 1) - 1
        fits = table and place.after.startswith(("&", "\\")) and _has_room(place, more)
        found = (on._replace(used=_counted(place, more)), *_due(token.kinds)) if fits else None
    elif token == END:
        found = (place,) if place.kind == "formula" and place.after != "start" else None
    return found


def _due(kinds: str) -> tuple[Place, ...]:
    """Arguments that are due, the first one innermost; an optional one stands with the one behind it."""
    return tuple(Place(kind) for kind in reversed(kinds.replace("om", "o")) if kind not in "by")


_OPTION_BEHIND = ("\\\\", "\\begin")


def _option(place: Place) -> tuple[Place, ...] | None:
    """The gap of a row break or the option of an environment, where no space keeps a bracket apart."""
    if place.after == "\\\\":
        return (place._replace(after=""), opened("]l", inner=True))
    kinds = options(place.name)
    return (place, opened(f"]{kinds}", inner=True)) if kinds else (place._replace(after=""),)


def _opened(token: Sort, spelled: bool) -> tuple[Place, ...]:
    """An environment's rows, and before them its arguments."""
    if "c" in token.kinds:
        return (Place("array", name=token.name),)
    most = MOST_CELLS.get(token.name)
    rows = Place("table", "\\begin", token.name, used=1 if most else 0, most=most)
    if spelled:
        return (rows, *due_inside(token.kinds.rstrip("p")))
    return (rows, *(Place(kind) for kind in token.kinds if kind in "rl"))


def _takes(place: Place, mark: str) -> bool:
    """Whether what stands before takes a bracket or a star as its own; spaces keep the bracket apart at times."""
    if place.spelled:
        return place.after == "\\\\"
    spaced = place.kind != "formula" and place.name not in BRACKET_AFTER_SPACE
    return place.after == "\\\\" and (mark == "*" or not spaced)


def _has_room(place: Place, cells: int) -> bool:
    return place.most is None or place.used + cells <= place.most


def _counted(place: Place, cells: int) -> int:
    """Cells used, where they are counted at all."""
    return place.used if place.most is None else place.used + cells


def balanced(tokens: list[str]) -> bool:
    """Whether the automaton reads the tokens to their end."""
    stack = [START]
    for token in [*map(sort, tokens), END]:
        found = step(stack.pop(), token) if stack else None
        if found is None:
            return False
        stack += found
    return len(stack) == 1
