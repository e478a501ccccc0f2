r"""Words in the paste-ready spelling: `\mathrm { f o r ~ a l l }` and `~ \text{if} ~` as `\text{ if }`.

The normalizer sets words of text as mathematics where the image is equal (`rules.fonts.text_letters`). Here they become
text again: those beside a word space, and long ones that stand alone. Normalization restores the tokens.
"""

import re
from collections.abc import Mapping, Sequence

from im2latex.latex.parser.signatures import COMMANDS

_NOT_BEHIND = ("\\text{", "\\mathrm{", "\\raise", "\\lower")
"""Begins of atoms that words directly after them would join, or that set only a box."""
_TEXT_TOKEN = re.compile(r"\\text\{([A-Za-z0-9]+)\}")
_WORD = re.compile(r"[A-Za-z0-9]+(?:~[A-Za-z0-9]+)*")
_TEXT = re.compile(r"(?=.*[A-Za-z]{2})[A-Za-z0-9~]+")
_LONG_WORD = re.compile(r"[a-z]{3,}")
"""A word that is text without a word space beside it, where it stands alone."""
_BOUNDARIES = ("&", ",", ";", "\\\\", "\\quad", "\\qquad", "\\begin{", "\\end{")
CORRECTED = frozenset("fgvwyVWY")
r"""Letters with an italic correction in Computer Modern's upright fonts, which only mathematics adds to the last one of
a word: such a word stays in `\text` when it is normalized."""
_WIDE_SPACE = "\\space{}"
_SIMPLE_TEXT = re.compile(r"(\\[A-Za-z]+)\{(.*)\}")
_PIECE = re.compile(r"\\space\{\}|\\[A-Za-z]+|\\.|.")
_USUAL = re.compile(r"[A-Za-z0-9,$]")
"""What a space of the usual width follows."""
_SENTENCE = re.compile(r"[a-z0-9)][.?!:]")
"""What a wide space follows."""


def read_words(tokens: Sequence[str], ends: Mapping[int, int], at: int, end: int, before: str) -> tuple[str, int]:
    r"""Read words that are text, from `at` on, and return them as one `\text` and the position behind them.

    Returns no text where there are no such words. `ends` maps each brace to the one that closes it; `before` is the
    atom before the words.
    """
    if not tokens[at].startswith(("~", "\\text{", "\\mathrm")) or before.startswith(_NOT_BEHIND):
        return "", at
    text, place, font = "", at, ""
    while place < end and (unit := _read_unit(tokens, ends, place, end)):
        word, own_font, behind = unit
        is_space = word == "~"
        if (text and (text[-1] == "~") == is_space) or own_font == font == "\\mathrm":
            break
        text, place, font = text + word, behind, own_font or font
    if text.endswith("~") and place < end and _read_unit(tokens, ends, place, end):
        text, place = text[:-1], place - 1  # the space is between these words and others that stay as they are
    is_measure = font == "\\mathrm" and "~" not in text[1:] and before[-1:].isdigit()
    is_text = _TEXT.fullmatch(text) if "~" in text else _LONG_WORD.fullmatch(text) and _is_alone(tokens, at, place, end)
    if is_measure or not is_text:
        return "", at
    return f"\\text{{{text.replace('~', ' ')}}}", place


def _is_alone(tokens: Sequence[str], start: int, stop: int, end: int) -> bool:
    """Whether words from `start` to `stop` are a whole cell or formula, or the part between commas or wide spaces."""
    left, right = tokens[start - 1] if start else "&", tokens[stop] if stop < end else "&"
    return left.startswith(_BOUNDARIES) and right.startswith(_BOUNDARIES)


def _read_unit(tokens: Sequence[str], ends: Mapping[int, int], at: int, end: int) -> tuple[str, str, int] | None:
    r"""A word space, `\text{if}` or `\mathrm { a n d }`: its letters, its command, and the position behind it."""
    token = tokens[at]
    if token == "~":
        return "~", "", at + 1
    if found := _TEXT_TOKEN.fullmatch(token):
        word, font, behind = found[1], "\\text", at + 1
    elif token == "\\mathrm" and (close := ends.get(at + 1, end)) < end:
        word, font, behind = "".join(tokens[at + 2 : close]), token, close + 1
        if any(part[-1:] in CORRECTED for part in word.split("~")):
            return None
    else:
        return None
    has_script = behind < end and tokens[behind] in ("^", "_")
    return None if has_script or not _WORD.fullmatch(word) else (word, font, behind)


def spaced_text(token: str) -> str:
    r"""Write `~` and `\space{}` in a text token as spaces where the normalizer reads them so: `\text{if $x$, then}`.

    The width of a space depends on what is before it; see `serializer.TextWriter`.
    """
    found = _SIMPLE_TEXT.fullmatch(token)
    if found is None or COMMANDS.get(found[1]) != "t":
        return token
    pieces: list[str] = _PIECE.findall(found[2])
    depth, is_math = 0, False
    for place, piece in enumerate(pieces):
        before, behind = pieces[max(place - 2, 0) : place], pieces[place + 1 : place + 2]
        depth += (piece == "{") - (piece == "}")
        is_math ^= piece == "$" and not depth
        if is_math or depth or behind in (["~"], [_WIDE_SPACE]):
            continue
        is_usual = piece == "~" and (not before or _USUAL.fullmatch(before[-1]))
        if is_usual or (piece == _WIDE_SPACE and _SENTENCE.fullmatch("".join(before))):
            pieces[place] = " "
    return f"{found[1]}{{{''.join(pieces)}}}"
