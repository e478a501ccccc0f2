r"""Simpler spellings of a formula: without commands that change only the font, color, size or place of something.

A model writes `\boldsymbol { E }` or `\textcolor{red} { 2 }` where it is unsure of the weight or the color, `\tfrac`
for a fraction in a line of text, and `\mbox{$\mu$}`, `\left ( a \right )` or `x ^ { }` for what looks nearly the same
without. Whoever compares renderings can decide which of them the image shows.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from im2latex.errors import LatexError
from im2latex.latex.normalizer import Normalizer

_WRAPPERS = frozenset(
    rf"\{name}"
    for name in (
        *("boldsymbol", "pmb", "mathbf", "mathrm", "mathit", "mathsf", "mathtt", "mathcal", "mathnormal"),
        *("operatorname", "mathop", "mathord", "MakeUppercase", "emph"),
    )
)
_UNSIZED = {r"\tfrac": r"\frac", r"\dfrac": r"\frac", r"\tbinom": r"\binom", r"\dbinom": r"\binom"}
_UNPRINTED = frozenset([r"\phantom", r"\hspace", r"\vphantom", r"\hphantom"])
_COLOR = re.compile(r"\\(?:text)?color\{[^{}]*\}")
_BOX = re.compile(r"\\(?:mbox|text|textrm|hbox)\{(?:\\boldmath)?\$(.*)\$\}")
_MAX_SIMPLER = 12
"""Spellings of one formula that are tried; longer formulas hold more wrappers than that, most of them right."""


def simpler_spellings(latex: str) -> list[str]:
    """The formula, its tokens separated by one space, with one wrapper less each, and with none; in normal form."""
    normalizer = Normalizer()
    tokens = latex.split(" ")
    found: list[str] = []
    for spelling in islice(_without_wrappers(tokens), _MAX_SIMPLER):
        try:
            simple = normalizer.normalize(" ".join(spelling))
        except LatexError:
            continue
        if len(simple.split(" ")) <= len(tokens) or _BOX.search(latex):  # a box is one token, whatever it holds
            found.append(simple)
    return list(dict.fromkeys(one for one in found if one != latex))


def _without_wrappers(tokens: Sequence[str]) -> Iterator[list[str]]:
    """The tokens without any wrapper, then with one less each."""
    bare = list(tokens)
    while True:
        step = next(_single_steps(bare), None)
        if step is None:
            break
        bare = step
    if bare != list(tokens):
        yield bare
    yield from _single_steps(tokens)


def _single_steps(tokens: Sequence[str]) -> Iterator[list[str]]:
    """The tokens with one wrapper less, for each wrapper."""
    for place, token in enumerate(tokens):
        before, after = [*tokens[:place]], [*tokens[place + 1 :]]
        if box := _BOX.fullmatch(token):
            yield [*before, "{", box[1], "}", *after]
        elif _COLOR.fullmatch(token) or (token in _WRAPPERS and after[:1] == ["{"]):
            yield [*before, *after]
        elif token in _UNSIZED:
            yield [*before, _UNSIZED[token], *after]
        elif token in "^_" and after[:2] == ["{", "}"]:
            yield [*before, *after[2:]]
        elif token in _UNPRINTED and after[:1] == ["{"]:
            yield [*before, *after[_group_length(after) :]]
        elif token == r"\left":
            yield from _without_fence(tokens, place)


def _group_length(tokens: Sequence[str]) -> int:
    """Number of tokens of the group in braces at the beginning of the tokens."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token == "{") - (token == "}")
        if depth == 0:
            return place + 1
    return len(tokens)


def _without_fence(tokens: Sequence[str], place: int) -> Iterator[list[str]]:
    r"""The tokens without the `\left` at a place and its `\right`."""
    depth = 0
    for other in range(place, len(tokens)):
        depth += (tokens[other] == r"\left") - (tokens[other] == r"\right")
        if depth == 0:
            ends = (tokens[place + 1], tokens[other + 1] if other + 1 < len(tokens) else ".")
            if "." not in ends:
                yield [*tokens[:place], *tokens[place + 1 : other], *tokens[other + 1 :]]
            return
