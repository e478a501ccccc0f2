"""Commands without arguments, by atom class; reads symbols.txt beside this file."""

from functools import cache
from importlib.resources import files

_ORDINARY_CHARACTERS = frozenset("./|@")


@cache
def symbol_classes() -> dict[str, frozenset[str]]:
    """Map a class (ord, alpha, op, bin, rel, open, close, punct, function, other) to its commands."""
    found: dict[str, set[str]] = {}
    members: set[str] = set()
    text = files("im2latex.latex.parser").joinpath("symbols.txt").read_text(encoding="ascii")
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0] != " ":
            members = found.setdefault(line.strip(), set())
        else:
            members.update(line.split())
    return {name: frozenset(commands) for name, commands in found.items()}


@cache
def known_symbols() -> frozenset[str]:
    """Return all commands without arguments."""
    return frozenset().union(*symbol_classes().values())


@cache
def ordinary_symbols() -> frozenset[str]:
    """Return the symbols that are one ordinary atom: letters, digits, and commands of class `ord` or `alpha`."""
    return symbol_classes()["ord"] | font_dependent()


def is_ordinary_symbol(text: str) -> bool:
    """Whether the character or command is one ordinary atom."""
    return text in ordinary_symbols() or text in _ORDINARY_CHARACTERS


@cache
def font_dependent() -> frozenset[str]:
    r"""Return the symbols of TeX's class 7, which `\mathrm` and other fonts change: letters, digits, capital Greek."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return symbol_classes()["alpha"] | frozenset(letters) | frozenset(letters.upper()) | frozenset("0123456789")
