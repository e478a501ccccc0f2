r"""User-defined replacements and rules: custom/replacements.txt and custom/rules.py.

reads   a text file, one replacement per line; `%` begins a comment line

    \bm -> \boldsymbol
    \mathrm { d } -> d
    \quad ->

        a Python file with RULES, a tuple of `rules.registry.Rule`

Both sides of a replacement are LaTeX, split by the lexer: `\mathrm{d}` is `\mathrm { d }`. An empty right side drops
the left one. A synonym on the left means its canonical name. Left sides are matched in the normalized tokens from
left to right, the longest first, and replaced tokens are not matched again; so chains (`a -> b`, `b -> c`) are resolved
when the file is read, and cycles are errors.
"""

import importlib.util
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from im2latex.errors import UsageError
from im2latex.latex.parser.lexer import lex
from im2latex.latex.rules.registry import Rule
from im2latex.latex.tokens import join

Tokens = tuple[str, ...]

_ARROW = "->"
_MAX_STEPS = 100
"""Longest chain of replacements; a longer one has no end."""


@dataclass(frozen=True)
class Replacements:
    """Table of left sides and their replacements."""

    table: Mapping[Tokens, Tokens]

    def apply(self, tokens: Sequence[str]) -> tuple[list[str], Counter[str]]:
        """Apply all replacements; returns the tokens, and how often each left side was replaced."""
        longest = max(map(len, self.table), default=0)
        first = {left[0] for left in self.table}
        made: Counter[str] = Counter()
        found: list[str] = []
        at = 0
        while at < len(tokens):
            sizes = range(min(longest, len(tokens) - at), 0, -1) if tokens[at] in first else ()
            left = next((left for size in sizes if (left := tuple(tokens[at : at + size])) in self.table), None)
            if left is None:
                found.append(tokens[at])
                at += 1
            else:
                found += self.table[left]
                made[join(left)] += 1
                at += len(left)
        return found, made


NONE = Replacements({})


def load_replacements(path: str, named: Callable[[str], str | None]) -> Replacements:
    """Read a file of replacements; raises `UsageError` with the line for an invalid entry or a cycle.

    `named` returns the canonical name of a token, or None where it never occurs in a normalized formula.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as replacements: {error}") from None
    table: dict[Tokens, Tokens] = {}
    places: dict[Tokens, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("%"):
            continue
        fields = line.split()
        if fields.count(_ARROW) != 1 or fields[0] == _ARROW:
            raise UsageError(f"{path}:{number}: a replacement is `TOKENS -> TOKENS`, with spaces around the arrow")
        cut = fields.index(_ARROW)
        place = f"{path}:{number}"
        given, right = (tuple(lex(" ".join(side))) for side in (fields[:cut], fields[cut + 1 :]))
        left = tuple(name for token in given if (name := named(token)) is not None)
        if len(left) != len(given) or not left:
            raise UsageError(f"{place}: {join(given) or line.strip()} never occurs in a normalized formula; remove it")
        if left in table:
            raise UsageError(f"{place}: {join(left)} is replaced in {places[left]}, too; keep one of the lines")
        table[left] = right
        places[left] = place
    table = {left: right for left, right in table.items() if left != right}
    return Replacements({left: _followed(table, left, places[left]) for left in table})


def _followed(table: Mapping[Tokens, Tokens], left: Tokens, place: str) -> Tokens:
    """Resolve a chain of replacements."""
    right = list(table[left])
    step = Replacements(table)
    for _ in range(_MAX_STEPS):
        right, made = step.apply(right)
        if not made:
            return tuple(right)
        if len(right) > _MAX_STEPS * max(map(len, table.values())):
            break
    raise UsageError(f"{place}: {join(left)} -> {join(table[left])} has no end; remove one line of the cycle")


def load_rules(path: str) -> tuple[Rule, ...]:
    """Execute the file and return its RULES; raises `UsageError` where it fails or holds none.

    The file is code and runs with all permissions of the caller.
    """
    spec = importlib.util.spec_from_file_location(f"custom_rules_{Path(path).stem}", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise UsageError(f"{path}: no such Python file of rules; correct normalize.normalizer.rules")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError, NameError, AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: cannot be executed: {type(error).__name__}: {error}") from error
    rules = getattr(module, "RULES", None)
    if not isinstance(rules, tuple) or not all(isinstance(rule, Rule) for rule in rules):
        raise UsageError(f"{path}: RULES must be a tuple of im2latex.latex.rules.registry.Rule")
    return rules
