r"""Transitions inside arguments of text, words, lengths and numbers.

A spelled token such as `\raisebox{2pt}{if~$x$}` has arguments of its own (here of the kinds `l` and `t`), each with
a stack symbol: a closing bracket with the last mark ends the token, one without it leads to the next argument.
Mathematics between `$` is a row like any other, with `spelled` set. Text accepts what LaTeX accepts in text: no
scripts and no mathematical symbols.
"""

from im2latex.latex.automaton.alphabet import BARE, OPTIONAL_KINDS, StackSymbol, TokenClass

_DIGITS = ("digit", "large digit")
_IN_NUMBER = {"quote": frozenset([*_DIGITS, "hexadecimal"]), "apostrophe": frozenset(["digit"])}
"""Digits by the preceding mark: hexadecimal and octal ones."""
_STAGES = ("", "plus ", "minus ")
"""Prefixes of the states of a length, and of its parts after `plus` and `minus`."""


def _numbers() -> dict[str, dict[str, str]]:
    found = {}
    for stage in _STAGES:
        sign = dict.fromkeys(["sign", "hyphen"], f"{stage}sign")
        number = dict.fromkeys(_DIGITS, f"{stage}whole") | {"point": f"{stage}point"}
        unit = {"unit": f"{stage}unit", **({"fill": f"{stage}unit"} if stage else {"register": "register"})}
        found[stage] = found[f"{stage}sign"] = sign | number | ({} if stage else {"register": "register"})
        found[f"{stage}whole"] = unit | number | {"point": f"{stage}part"}
        found[f"{stage}point"] = dict.fromkeys(_DIGITS, f"{stage}part")
        found[f"{stage}part"] = unit | dict.fromkeys(_DIGITS, f"{stage}part")
    stretch = {"plus": "plus ", "minus": "minus "}
    return found | {"unit": stretch, "plus unit": {"minus": "minus "}, "minus unit": {}, "register": {}}


_NUMBERS = _numbers()
"""Transitions of a length: state and role to the next state (`quantities.LENGTH`)."""
_ENDS = frozenset(["unit", "plus unit", "minus unit", "register"])
_SIGNS = ("sign", "hyphen")
_PENALTY = ("penalty", "penalty sign", "penalty number")
_LENGTH = "="
"""Prefix of the states of a length in vertical space."""
_ITEMS = {"skip": _LENGTH, "kern": _LENGTH, "penalty": "penalty", "vertical": "vertical"}


def may_end(top: StackSymbol) -> bool:
    """Whether the argument may end in its present state."""
    if top.kind == "length":
        return top.after in _ENDS
    if top.kind == "placement or width":
        return top.after in ("", "placement") or top.after in _ENDS
    if top.kind in ("placement", "column letters"):
        return bool(top.after)
    if top.kind != "vertical":
        return True
    return top.after in ("vertical", "penalty number") or top.after[1:] in _ENDS


def in_length(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    """Transition in a length, which ends at a bracket, with the last mark, or, inside another token, at its unit."""
    is_last = symbol.role == "last"
    after = _NUMBERS.get(top.after, {}).get(symbol.name if is_last else symbol.text_role)
    on = None if after is None else (top._replace(after=after),)
    if top.name or after not in _ENDS:
        return None if is_last else on
    if top.rest is None:
        return None if is_last else ()
    return () if is_last else on if _NUMBERS[after] else None


def in_integer(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    """Transition in an integer, which ends with the last mark; inside another token it may end at every digit."""
    is_last = symbol.role == "last"
    what = symbol.name if is_last else symbol.text_role
    if top.after in ("", "sign") and not is_last:
        if what in _SIGNS:
            return (top._replace(after="sign"),)
        if what in _IN_NUMBER:
            return (top._replace(after=what),)
    if what not in _IN_NUMBER.get(top.after, _DIGITS):
        return None
    if is_last or top.rest is None:
        return () if is_last == (top.rest is not None) else None
    return (top if top.after in _IN_NUMBER else top._replace(after="digit"),)


def in_vertical(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    r"""Transition in the argument of `\noalign`: space, rules and penalties."""
    what, before = symbol.text_role, top.after
    if before in _PENALTY and what in _DIGITS:
        after = "penalty number"
    elif before == "penalty" and what == "hyphen":
        after = "penalty sign"
    elif before[:1] == _LENGTH and what in _NUMBERS[before[1:]]:
        after = _LENGTH + _NUMBERS[before[1:]][what]
    elif what in _ITEMS and (not before or may_end(top)):
        after = _ITEMS[what]
    else:
        return None
    return (top._replace(after=after),)


_CONTENT = dict.fromkeys("tvx", "text") | dict.fromkeys("rb", "raw") | dict.fromkeys("m@", "group")
_CONTENT |= {"l": "length", "y": "keyword", "q": "vertical", "o": "bracket"}
_CONTENT |= {"p": "placement", "P": "placement or width", "C": "column letters"}
"""Kind of the stack symbol by the kind of the argument.

Kinds as in signatures; `@` is the content between two columns, `P` and `C` are options of environments other than `p`.
"""
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
"""Roles that leave the stack unchanged, in a raw word and in text."""


def opened(word: str, inner: bool = False) -> StackSymbol:
    """Return the stack symbol for an argument that a first symbol, or a bracket inside the token, opens."""
    if word == BARE:
        return StackSymbol("length", spelled=True, rest="")
    return StackSymbol(_CONTENT[word[1]], name=word[0], spelled=True, rest=word[2:], inner=inner)


def due_inside(kinds: str) -> tuple[StackSymbol, ...]:
    """Return the stack symbols for the arguments of a command inside a token, the first argument on top."""
    if any(kind in OPTIONAL_KINDS for kind in kinds):
        return (StackSymbol("argument", rest=kinds, inner=True),)
    return tuple(map(StackSymbol, reversed(kinds.replace("om", "o"))))


def argument_transition(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    """Apply the transition function to the stack symbols of this module; see `transitions.transition`."""
    if top.kind in ARGUMENT_KINDS or top.kind == "argument" or top.kind == "accent":
        return _begun(top, symbol)
    if top.kind == "integer":
        return in_integer(top, symbol)
    ended = closed(top, symbol) if top.name and may_end(top) else None
    return _INSIDE[top.kind](top, symbol) if ended is None else ended


def closed(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    """Return the stack symbols that remain where the symbol ends the argument; None where it does not."""
    if symbol.role == top.name:
        if top.rest is None:
            return ()
        rest = top.rest.rstrip(OPTIONAL_KINDS) if top.inner else top.rest
        return (StackSymbol("argument", rest=rest, inner=top.inner),) if rest else () if top.inner else None
    last = symbol.role == "last" and symbol.name == top.name and not top.inner
    return () if last and top.rest is not None and not top.rest.strip(OPTIONAL_KINDS) else None


ARGUMENT_KINDS = frozenset("lrtvngi")
"""Kinds of arguments inside spelled tokens that are not mathematics."""
_TEXT_GROUP = StackSymbol("text", name="}", spelled=True)
_GAP = StackSymbol("length", name="]", spelled=True)


def _begun(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    """Transition at the first symbol of an argument."""
    if top.kind == "argument":
        rest = top.rest or ""
        if symbol.role == "[":
            return (opened("]" + rest, top.inner),) if rest[0] in OPTIONAL_KINDS else None
        kinds = rest.lstrip(OPTIONAL_KINDS)
        return (opened("}" + kinds, top.inner),) if kinds and symbol.role == "{" else None
    if top.kind == "accent":
        return (_TEXT_GROUP,) if symbol.role == "{" else () if symbol.text_role in LETTERS else None
    if top.kind in "ng":
        return in_length(StackSymbol("length"), symbol)
    if top.kind == "i":
        return in_integer(StackSymbol("integer"), symbol)
    return (StackSymbol(_CONTENT[top.kind], name="}"),) if symbol.role == "{" else None


def _in_raw(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    accent = symbol.role == "symbol" and symbol.kinds == "m"  # \skew takes an accent
    if symbol.text_role == "bracket" or accent:
        return (top,) if top.name == "}" else None
    return (top,) if symbol.text_role in _RAW or symbol.text_role == "register" or symbol.delimiter else None


def _in_option(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    """Transition in a keyword, a placement or column letters."""
    if top.after in ("style", "placement"):
        return None
    if top.kind == "keyword":
        found = symbol.text_role in LETTERS or (symbol.text_role == "style" and not top.after)
        after = "style" if symbol.text_role == "style" else "letter"
    elif top.kind == "column letters":
        found, after = symbol.cells is not None and symbol.role == "symbol", "letter"
    else:
        found, after = symbol.text_role == "placement" and not top.after, "placement"
    return (top._replace(after=after),) if found else None


def _in_placement_or_width(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    found = _in_option(top, symbol)
    return in_length(top, symbol) if found is None and top.after != "placement" else found


def _in_text(top: StackSymbol, symbol: TokenClass) -> tuple[StackSymbol, ...] | None:
    what, on = symbol.text_role, top._replace(after="") if top.after else top
    if what == "bracket" and top.after == "\\\\" and symbol.role == "[":
        return (on, _GAP)
    if what in _IN_TEXT:
        return (on,)
    if what == "$":
        return (on, StackSymbol("inline", "start"))
    if symbol.role == "{":
        return (on, _TEXT_GROUP)
    if what == "break":
        return (top._replace(after="\\\\"),)
    due = {"accent": "accent", "word accent": "t", "mathematics": "m"}.get(what)
    if due:
        return (on, StackSymbol(due))
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
