"""Symbols: commands without arguments by atom class, and the accents and letters of text with their commands.

`symbol_classes` reads symbols.txt beside this file. The letters outside ASCII are the characters that the input
encoding utf8 declares for the font encoding OT1 (ot1enc.dfu of LaTeX 2022); LaTeX prints no other ones, and none of
them outside of text.
"""

import unicodedata
from functools import cache
from importlib.resources import files

_ORDINARY_CHARACTERS = frozenset("./|@")

TEXT_ACCENTS = {
    "\\`": "\u0300",
    "\\'": "\u0301",
    "\\^": "\u0302",
    "\\~": "\u0303",
    "\\=": "\u0304",
    "\\u": "\u0306",
    "\\.": "\u0307",
    '\\"': "\u0308",
    "\\r": "\u030a",
    "\\H": "\u030b",
    "\\v": "\u030c",
    "\\d": "\u0323",
    "\\c": "\u0327",
    "\\b": "\u0331",
}
"""Accent commands of text, each with the combining character of Unicode."""
_LETTERS = (
    "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöùúûüýÿĀāĂăĆćĈĉĊċČčĎďĒēĔĕĖėĚěĜĝĞğĠġĢģĤĥĨĩĪīĬĭİĴĵĶķĹĺĻļĽľŃńŅņŇňŌōŎŏŐő"
    "ŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŴŵŶŷŸŹźŻżŽžǍǎǏǐǑǒǓǔǦǧǨǩǰǴǵȲȳḂḃḍḞḟḠḡḥḰḱḷṃṅṇṛṣṭẎẏẐẑỲỳ"
)
_OTHERS = r"""
    ¡ ! `   ¿ ? `   Æ \AE   Ø \O   ß \ss   æ \ae   ø \o   ı \i   ȷ \j   Ł \L   ł \l   Œ \OE   œ \oe   ẞ S S
    Ĳ \IJ   ĳ \ij   Ǆ D \v Z   ǅ D \v z   ǆ d \v z   Ǉ L J   ǈ L j   ǉ l j   Ǌ N J   ǋ N j   ǌ n j
    Ǣ \= \AE   ǣ \= \ae   ‐ -   – - -   — - - -   ― - - -   ‘ `   ’ '   “ ` `   ” \textquotedblright   … \dots
    ﬀ f f   ﬁ f i   ﬂ f l   ﬃ f f i   ﬄ f f l
"""
DOTLESS = {"i": "\\i", "j": "\\j"}
COMPOSED_WITH_I = frozenset(["\\`", "\\'", "\\^", '\\"'])
r"""Accents that OT1 sets on the dotless letter by itself: `\'i` is `\'\i` (ot1enc.def, \DeclareTextComposite)."""


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


@cache
def unicode_commands() -> dict[str, tuple[str, ...]]:
    """Map each character outside ASCII to its characters and commands, an accent before the letter, its argument."""
    commands = {mark: command for command, mark in TEXT_ACCENTS.items()}
    found: dict[str, tuple[str, ...]] = {"\u00a0": ("~",), "\u00ad": ("\\-",)}
    for letter in _LETTERS:
        base, mark = tuple(unicodedata.normalize("NFD", letter))
        found[letter] = (commands[mark], DOTLESS.get(base, base))
    for entry in filter(None, (part.strip() for part in _OTHERS.replace("\n", "   ").split("   "))):
        letter, *spelling = entry.split(" ")
        found[letter] = tuple(spelling)
    return found
