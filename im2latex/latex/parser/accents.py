"""Accents and letters outside ASCII, as the LaTeX commands that print them in text.

These are the characters that the input encoding utf8 declares for the font encoding OT1 (ot1enc.dfu of LaTeX 2022);
LaTeX prints no other ones, and none of them outside of text. The letter is the argument of the accent.
"""

import unicodedata
from functools import cache

ACCENTS = {
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
def unicode_commands() -> dict[str, tuple[str, ...]]:
    """Map each character to its characters and commands, an accent before its letter."""
    commands = {mark: command for command, mark in ACCENTS.items()}
    found: dict[str, tuple[str, ...]] = {"\u00a0": ("~",), "\u00ad": ("\\-",)}
    for letter in _LETTERS:
        base, mark = tuple(unicodedata.normalize("NFD", letter))
        found[letter] = (commands[mark], DOTLESS.get(base, base))
    for entry in filter(None, (part.strip() for part in _OTHERS.replace("\n", "   ").split("   "))):
        letter, *spelling = entry.split(" ")
        found[letter] = tuple(spelling)
    return found
