"""The part of the automaton of `nesting` for the symbols of numbers, lengths and vertical space in spelled tokens."""

from im2latex.latex.automaton.stack import Place, Sort

_DIGITS = ("digit", "large digit")
_IN_NUMBER = {"quote": frozenset([*_DIGITS, "hexadecimal"]), "apostrophe": frozenset(["digit"])}
"""Digits by the mark before them: hexadecimal ones and octal ones."""
_STAGES = ("", "plus ", "minus ")
"""A length, and what it has behind `plus` and `minus`."""


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
"""What may follow in a length, by what it has so far (`quantities.LENGTH`)."""
_ENDS = frozenset(["unit", "plus unit", "minus unit", "register"])
_SIGNS = ("sign", "hyphen")
_PENALTY = ("penalty", "penalty sign", "penalty number")
_LENGTH = "="
"""Before what a length has so far, in vertical space."""
_ITEMS = {"skip": _LENGTH, "kern": _LENGTH, "penalty": "penalty", "vertical": "vertical"}


def may_end(place: Place) -> bool:
    """Whether the argument is complete as far as it was read."""
    if place.kind == "length":
        return place.after in _ENDS
    if place.kind == "placement or width":
        return place.after in ("", "placement") or place.after in _ENDS
    if place.kind in ("placement", "column letters"):
        return bool(place.after)
    if place.kind != "vertical":
        return True
    return place.after in ("vertical", "penalty number") or place.after[1:] in _ENDS


def in_length(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    """A length, which ends at a bracket, with the last mark, or, inside another token, at its unit."""
    is_last = symbol.role == "last"
    after = _NUMBERS.get(place.after, {}).get(symbol.name if is_last else symbol.inside)
    on = None if after is None else (place._replace(after=after),)
    if place.name or after not in _ENDS:
        return None if is_last else on
    if place.rest is None:
        return None if is_last else ()
    return () if is_last else on if _NUMBERS[after] else None


def in_integer(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    """A number, which ends with the last mark; inside another token it ends at a digit, behind which more may stand."""
    is_last = symbol.role == "last"
    what = symbol.name if is_last else symbol.inside
    if place.after in ("", "sign") and not is_last:
        if what in _SIGNS:
            return (place._replace(after="sign"),)
        if what in _IN_NUMBER:
            return (place._replace(after=what),)
    if what not in _IN_NUMBER.get(place.after, _DIGITS):
        return None
    if is_last or place.rest is None:
        return () if is_last == (place.rest is not None) else None
    return (place if place.after in _IN_NUMBER else place._replace(after="digit"),)


def in_vertical(place: Place, symbol: Sort) -> tuple[Place, ...] | None:
    r"""What `\noalign` takes: space, rules and penalties."""
    what, before = symbol.inside, place.after
    if before in _PENALTY and what in _DIGITS:
        after = "penalty number"
    elif before == "penalty" and what == "hyphen":
        after = "penalty sign"
    elif before[:1] == _LENGTH and what in _NUMBERS[before[1:]]:
        after = _LENGTH + _NUMBERS[before[1:]][what]
    elif what in _ITEMS and (not before or may_end(place)):
        after = _ITEMS[what]
    else:
        return None
    return (place._replace(after=after),)
