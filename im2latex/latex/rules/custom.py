r"""A team's table of replacements: one sequence of tokens for another in every normalized formula.

reads   a text file, one replacement a line; `%` begins a line of comment

    \bm -> \boldsymbol
    \mathrm { d } -> d
    \quad ->

Both sides are LaTeX, cut by `lexer`: `\mathrm{d}` is `\mathrm { d }`. Nothing on the right takes the left away. A
synonym on the left stands for the name that the rules write. Left sides are looked for in the tokens that the rules
leave, from left to right, the longest first, and what was put in is not looked at again; so chains (`a -> b`, `b -> c`)
are followed when the table is read, and circles are refused.
"""

import importlib.util
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from im2latex.errors import UsageError
from im2latex.latex.parser.lexer import lex
from im2latex.latex.rules.table import Rule
from im2latex.latex.tokens import join

Tokens = tuple[str, ...]

_ARROW = "->"
_MAX_STEPS = 100
"""Longest chain of replacements; a longer one grows without end."""


@dataclass(frozen=True)
class Replacements:
    """Left sides with the right sides that take their places."""

    table: Mapping[Tokens, Tokens]

    def apply(self, tokens: Sequence[str]) -> tuple[list[str], Counter[str]]:
        """The tokens after all replacements, and how often each left side was replaced."""
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
    """Read a table; raises `UsageError` with the line where it is no table or has a circle.

    `named` gives a token the name that it has in a normalized formula, None where it is never there.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as a table of replacements: {error}") from None
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
            raise UsageError(f"{place}: {join(given) or line.strip()} never stands in a normalized formula; remove it")
        if left in table:
            raise UsageError(f"{place}: {join(left)} is replaced in {places[left]} too; keep one of the lines")
        table[left] = right
        places[left] = place
    table = {left: right for left, right in table.items() if left != right}
    return Replacements({left: _followed(table, left, places[left]) for left in table})


def _followed(table: Mapping[Tokens, Tokens], left: Tokens, place: str) -> Tokens:
    """What stands at last where chains are followed."""
    right = list(table[left])
    step = Replacements(table)
    for _ in range(_MAX_STEPS):
        right, made = step.apply(right)
        if not made:
            return tuple(right)
        if len(right) > _MAX_STEPS * max(map(len, table.values())):
            break
    raise UsageError(
        f"{place}: {join(left)} -> {join(table[left])} is replaced for ever; remove one line of the circle"
    )


def load_rules(path: str) -> tuple[Rule, ...]:
    """Run the file and return its RULES; raises `UsageError` where it cannot be run or holds none.

    The file is code and runs with all rights of the caller, as the toolkit itself does.
    """
    spec = importlib.util.spec_from_file_location(f"team_rules_{Path(path).stem}", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise UsageError(f"{path}: no such Python file of rules; mend normalize.normalizer.rules")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError, NameError, AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: cannot be run: {type(error).__name__}: {error}") from error
    rules = getattr(module, "RULES", None)
    if not isinstance(rules, tuple) or not all(isinstance(rule, Rule) for rule in rules):
        raise UsageError(f"{path}: RULES must be a tuple of im2latex.latex.rules.table.Rule")
    return rules
