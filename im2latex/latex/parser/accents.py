r"""Letters and marks outside ASCII that LaTeX prints in text, each as the commands that print it.

They are those that the input encoding utf8 declares for the font encoding OT1 (ot1enc.dfu of LaTeX 2022); all others
print nothing there, and no formula has any of them outside of text. An accent takes its letter in an argument.
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
"""LaTeX's accents of text, by the character that Unicode combines with a letter."""
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
    """From a character to its characters and commands, an accent before its letter."""
    commands = {mark: command for command, mark in ACCENTS.items()}
    found: dict[str, tuple[str, ...]] = {"\u00a0": ("~",), "\u00ad": ("\\-",)}
    for letter in _LETTERS:
        base, mark = tuple(unicodedata.normalize("NFD", letter))
        found[letter] = (commands[mark], DOTLESS.get(base, base))
    for entry in filter(None, (part.strip() for part in _OTHERS.replace("\n", "   ").split("   "))):
        letter, *spelling = entry.split(" ")
        found[letter] = tuple(spelling)
    return found
