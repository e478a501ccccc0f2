r"""What a formula is made of, told from its tokens: which kinds of formula a model reads well, and which not.

Strings in, names out; a formula has any number of features. `fraction_depth_2` is a fraction in a fraction, a
binomial counts as a fraction; `plain` is a formula with none of the other features.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from im2latex.latex.parser.signatures import COMMANDS, ENVIRONMENTS, FONT_SWITCHES
from im2latex.latex.rules.atoms import ACCENTS
from im2latex.latex.tokens import split

DEEPEST = 3
"""Fractions nested deeper than this count as this deep."""

_BEGIN = "\\begin{"
_FRACTIONS = frozenset(
    ("\\frac", "\\dfrac", "\\tfrac", "\\cfrac", "\\binom", "\\dbinom", "\\tbinom", "\\genfrac", "\\nicefrac")
)
_TABLES = frozenset(name for name in ENVIRONMENTS if "matrix" in name or "cases" in name) | {"array", "subarray"}
_FONTS = frozenset(name for name in COMMANDS if name.startswith("\\math") and COMMANDS[name] == "m") - frozenset(
    f"\\math{kind}" for kind in ("ord", "op", "bin", "rel", "open", "close", "punct", "inner", "clap", "llap", "rlap")
) - ACCENTS | frozenset(("\\boldsymbol", "\\bm", "\\pmb", *FONT_SWITCHES))
_TEXT = tuple(f"{name}{{" for name, kinds in COMMANDS.items() if kinds == "t")
_SIZED = frozenset(("\\left", "\\middle")) | frozenset(name for name, kinds in COMMANDS.items() if kinds == "d")
_OPERATORS = frozenset(
    split(r"\sum \prod \coprod \int \oint \iint \iiint \bigcup \bigcap \bigoplus \bigotimes \bigvee \bigwedge")
)


def _environment(token: str) -> str | None:
    return token[len(_BEGIN) :].partition("}")[0] if token.startswith(_BEGIN) else None


_FEATURES: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "matrix": lambda token: _environment(token) in _TABLES,
        "several_lines": lambda token: token.startswith(_BEGIN) and _environment(token) not in _TABLES,
        "accent": lambda token: token in ACCENTS,
        "font": lambda token: token in _FONTS,
        "text": lambda token: token.startswith(_TEXT) or token + "{" in _TEXT,
        "root": lambda token: token == "\\sqrt",
        "large_operator": lambda token: token in _OPERATORS,
        "sized_delimiter": lambda token: token in _SIZED,
        "script": lambda token: token in ("^", "_"),
    }
)

PLAIN = "plain"
FEATURES = (*(f"fraction_depth_{depth}" for depth in range(1, DEEPEST + 1)), *_FEATURES, PLAIN)
"""All names, in the order in which they are listed."""


def features(formula: str) -> frozenset[str]:
    """The features of a normalized formula, tokens separated by whitespace."""
    tokens = split(formula)
    distinct = set(tokens)
    found = {name for name, has in _FEATURES.items() if any(map(has, distinct))}
    if depth := fraction_depth(tokens):
        found.add(f"fraction_depth_{min(depth, DEEPEST)}")
    return frozenset(found or {PLAIN})


def fraction_depth(tokens: Sequence[str]) -> int:
    """How many fractions stand in each other at most; 0 without any. Unbalanced braces are borne."""
    deepest = depth = 0
    awaited = [0]  # arguments of fractions still to come, for each open brace
    arguments: list[bool] = []  # whether each open brace is such an argument
    for token in tokens:
        is_argument = awaited[-1] > 0 and token != "}"
        if is_argument:
            awaited[-1] -= 1
        if token in _FRACTIONS:
            awaited[-1] += 2
            deepest = max(deepest, depth + 1)
        elif token == "{":
            arguments.append(is_argument)
            awaited.append(0)
            depth += is_argument
        elif token == "}" and arguments:
            depth -= arguments.pop()
            awaited.pop()
    return deepest
