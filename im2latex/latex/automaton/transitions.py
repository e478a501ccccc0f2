r"""Transition function of the pushdown automaton for normalized formulas.

The stack holds rows of mathematics (the formula itself, a group, the inside of `\left ... \right`, a table) and
arguments that must follow. A transition pops the top of the stack and pushes zero or more stack symbols. A formula is
accepted if it ends with the stack back at the formula itself: then its groups, environments and fences are balanced,
its arguments complete, its scripts single, and its rows no wider than their table; so it parses.

The language is that of the serializer, where every argument and script is in braces, not all of LaTeX. The functions
are pure; `decoding.grammar_constraint` compiles them to tables.
"""

from im2latex.latex.automaton.alphabet import (
    BARE,
    COLUMN_KINDS,
    COUNTED_COLUMNS,
    StackSymbol,
    TokenClass,
    classify,
    may_hold_bracket,
    options,
)
from im2latex.latex.automaton.argument_transitions import (
    ARGUMENT_KINDS,
    argument_transition,
    closed,
    due_inside,
    opened,
)
from im2latex.latex.parser.signatures import BORDERED, BRACKET_AFTER_SPACE

END = TokenClass("end of formula")
START = StackSymbol("formula", "start")

_ROWS = frozenset(["formula", "group", "lines", "fence", "bracket", "table", "inline"])
_WORDS = frozenset(
    ["text", "raw", "length", "integer", "vertical", "keyword", "placement", "placement or width", "column letters"]
) | {"argument", "accent"}


def transition(top: StackSymbol, token: TokenClass) -> tuple[StackSymbol, ...] | None:
    """Return the symbols that replace `top` when the token is read, the last one on top; None where it is invalid."""
    if token.word and (top.spelled or (top.kind == "bracket" and may_hold_bracket(token.word))):
        return None
    if top.kind == "i" and token.word == BARE:
        return (StackSymbol("integer", spelled=True, rest=""),)
    found = _whole_step(top, token)
    if found is None or not (top.spelled or token.word):
        return found
    if token.word:
        return (*found, opened(token.word))
    return tuple(one if one.spelled else one._replace(spelled=True) for one in found)


def _whole_step(top: StackSymbol, token: TokenClass) -> tuple[StackSymbol, ...] | None:
    if top.kind in _WORDS:
        return argument_transition(top, token)
    if top.kind in _ROWS and top.rest is not None and token.role in (top.name, "last"):
        return closed(top, token)
    if top.kind in _ROWS:
        return _in_row(top, token)
    if top.kind == "columns":
        return in_columns(top, token)
    if top.spelled and top.kind in ARGUMENT_KINDS:
        return argument_transition(top, token)
    if token.role in _OPENED.get(top.kind, {}):
        return _OPENED[top.kind][token.role]
    if top.kind == "array" and token.role == "{":
        return (StackSymbol("columns", name=top.name),)
    if top.kind == "array" and token.role == "[" and top.spelled and not top.after:
        return (top._replace(after="["), opened("]p", inner=True))
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
    return () if fits.get(top.kind, False) else None


_GROUP = (StackSymbol("group"),)
_OPENED: dict[str, dict[str, tuple[StackSymbol, ...]]] = {
    "m": {"{": _GROUP},
    "f": {"{": _GROUP},
    "h": {"{": _GROUP},
    "u": {"{": _GROUP},
    BORDERED: {"{": (StackSymbol("table", "\\begin", BORDERED),)},
    "s": {"{": (StackSymbol("lines"),)},
    "o": {"{": _GROUP, "[": (StackSymbol("m"), StackSymbol("bracket"))},
    "l": {"{": (StackSymbol("}"), StackSymbol("n"))},
    "r": {"{": (StackSymbol("}"), StackSymbol("word"))},
    "c": {"{": (StackSymbol("columns"),)},
}
"""Transitions from an argument that must follow, by the role of the token.

m, h: a group. f, u: a group or one symbol. s: a group with lines. o: an optional argument before a group. l: a length,
r: a word, c: columns, and the rows of a command.
"""


def _in_row(top: StackSymbol, token: TokenClass) -> tuple[StackSymbol, ...] | None:
    role, on = token.role, top._replace(after="") if top.after else top
    table = top.kind == "table"
    found: tuple[StackSymbol, ...] | None = None
    if role == "symbol":
        with_options = top.spelled and top.kind != "bracket"  # in an optional argument, a bracket would end it
        found = (on, *(due_inside if with_options else _due)(token.kinds))
    elif role == "word" or role == "unit":
        found = (on, *due_inside(token.kinds)) if top.spelled and (token.kinds or role == "unit") else None
    elif role == "$":
        found = () if top.kind == "inline" and top.after != "start" else None
    elif role == "{":
        found = (on, *_GROUP)
    elif role == "}":
        found = () if top.kind in ("group", "lines") or top.name == BORDERED else None
    elif role == "_" or role == "^":
        double = top.after == "^" or top.after == role
        found = None if double else (top._replace(after=role), StackSymbol("m"))
    elif role == "]":
        found = () if top.kind == "bracket" else (on,)
    elif role == "[" and top.spelled and top.after in _OPTION_BEHIND:
        found = _option(top)
    elif role == "[" or role == "*":  # would belong to the preceding row break
        found = None if _takes(top, role) else (on,)
    elif role == "&":
        found = (top._replace(after="&", used_cells=_counted(top, 1)),) if table and _has_room(top, 1) else None
    elif role == BORDERED:
        found = (on, StackSymbol(BORDERED))
    elif role == "\\cr":
        rows_end = top.name == BORDERED
        found = (top._replace(after="\\\\"),) if rows_end else (on,) if top.kind == "formula" else None
    elif role == "\\\\":
        lines = table or top.kind in ("lines", "formula")
        found = (top._replace(after="\\\\", used_cells=min(top.used_cells, 1)),) if lines else None
    elif role == "\\left":  # a bracket in an optional argument would end it
        found = None if top.kind == "bracket" else (on, StackSymbol("fence"), StackSymbol("d"))
    elif role == "\\right":
        found = (StackSymbol("d"),) if top.kind == "fence" else None
    elif role == "\\middle":
        found = (on, StackSymbol("d")) if top.kind == "fence" else None
    elif role == "\\begin":
        found = (on, *_opened(token, top.spelled))
    elif role == "\\end":
        found = () if table and top.name == token.name else None
    elif role == "\\hline":
        found = (top,) if table and top.after in ("\\\\", "\\begin") else None
    elif role == "span":
        more = (token.cells or 1) - 1
        fits = table and top.after.startswith(("&", "\\")) and _has_room(top, more)
        found = (on._replace(used_cells=_counted(top, more)), *_due(token.kinds)) if fits else None
    elif token == END:
        found = (top,) if top.kind == "formula" and top.after != "start" else None
    return found


def _due(kinds: str) -> tuple[StackSymbol, ...]:
    """Return the symbols for arguments that must follow, the first on top; an optional one is joined with the next."""
    return tuple(StackSymbol(kind) for kind in reversed(kinds.replace("om", "o")) if kind not in "by")


_OPTION_BEHIND = ("\\\\", "\\begin")


def _option(top: StackSymbol) -> tuple[StackSymbol, ...] | None:
    """Transition at the gap of a row break or the option of an environment, where no space separates the bracket."""
    if top.after == "\\\\":
        return (top._replace(after=""), opened("]l", inner=True))
    kinds = options(top.name)
    return (top, opened(f"]{kinds}", inner=True)) if kinds else (top._replace(after=""),)


def _opened(token: TokenClass, spelled: bool) -> tuple[StackSymbol, ...]:
    """Return the symbols of an environment: its rows, and on top its arguments."""
    if "c" in token.kinds:
        return (StackSymbol("array", name=token.name),)
    most = MAX_CELLS.get(token.name)
    rows = StackSymbol("table", "\\begin", token.name, used_cells=1 if most else 0, max_cells=most)
    if spelled:
        return (rows, *due_inside(token.kinds.rstrip("p")))
    return (rows, *(StackSymbol(kind) for kind in token.kinds if kind in "rl"))


def _takes(top: StackSymbol, mark: str) -> bool:
    """Whether the preceding token would take a bracket or a star as its own; spaces may separate a bracket."""
    if top.spelled:
        return top.after == "\\\\"
    spaced = top.kind != "formula" and top.name not in BRACKET_AFTER_SPACE
    return top.after == "\\\\" and (mark == "*" or not spaced)


def _has_room(top: StackSymbol, cells: int) -> bool:
    return top.max_cells is None or top.used_cells + cells <= top.max_cells


def _counted(top: StackSymbol, cells: int) -> int:
    """Add used cells, where they are counted."""
    return top.used_cells if top.max_cells is None else top.used_cells + cells


def accepts(tokens: list[str]) -> bool:
    """Whether the automaton accepts the tokens."""
    stack = [START]
    for token in [*map(classify, tokens), END]:
        found = transition(stack.pop(), token) if stack else None
        if found is None:
            return False
        stack += found
    return len(stack) == 1


MAX_CELLS = dict.fromkeys(["cases", "dcases", "rcases", "drcases", "split"], 2)
MAX_CELLS |= dict.fromkeys(["gathered", "multlined", "lgathered", "rgathered", "subarray", "crampedsubarray"], 1)
MAX_CELLS |= {f"{kind}matrix{star}": 10 for kind in ("", *"pbBvV") for star in ("", "*")}
"""Largest number of cells per row in amsmath's and mathtools' tables; ten is amsmath's MaxMatrixCols (user guide, 4.1).
"""


def in_columns(top: StackSymbol, token: TokenClass) -> tuple[StackSymbol, ...] | None:
    """Transition in a column specification; its end opens the rows of the array."""
    if top.spelled and token.name in COLUMN_KINDS:
        cells = 0 if COLUMN_KINDS[token.name] == "@" else 1
        on = top._replace(used_cells=min(top.used_cells + cells, COUNTED_COLUMNS + 1))
        return (on, *due_inside(COLUMN_KINDS[token.name].replace("@", "m")))
    if token.cells is not None and token.role in ("symbol", "raw"):
        if (top.after == "first") != (token.name in ("between", "last")) or (top.spelled and token.name):
            return None
        after = "first" if token.name in ("first", "between") else ""
        return (top._replace(after=after, used_cells=min(top.used_cells + token.cells, COUNTED_COLUMNS + 1)),)
    if token.role != "}" or not top.used_cells or top.after:
        return None
    if not top.name:
        return ()
    counted = top.used_cells <= COUNTED_COLUMNS
    most = MAX_CELLS.get(top.name, top.used_cells) if counted else None
    return (StackSymbol("table", "\\begin", top.name, used_cells=1 if counted else 0, max_cells=most),)
