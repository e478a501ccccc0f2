r"""Raw LaTeX in, one canonical line of tokens out, or a named reason why not.

`faithful` keeps the picture: the formula as given and the result typeset alike as `$\displaystyle ...$`. `compact`
also drops explicit space, delimiter sizes and styles. `none` only splits at whitespace, for formulas that are
normalized already. What a token is stands in `tokens`; what is changed, in `rules.table`.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from im2latex.errors import LatexError, UsageError
from im2latex.latex.papers.definitions import read_definitions
from im2latex.latex.papers.lexer import visible
from im2latex.latex.papers.macros import Macros
from im2latex.latex.parse import parse
from im2latex.latex.rules.table import RULES, Rule
from im2latex.latex.rules.team import load_rules
from im2latex.latex.signatures import COMMANDS, KINDS
from im2latex.latex.tokens import join, lexemes, split
from im2latex.latex.tree import Row, Style, rewrite
from im2latex.latex.write import write
from im2latex.params import Params


class NormalizerParams(Params):
    """How formulas are normalized."""

    profile: Literal["faithful", "compact", "none"] = Field(default="faithful", description="which rules run")
    max_characters: int = Field(default=5000, ge=1, description="longer formulas are refused as too_long")
    rules_off: tuple[str, ...] = Field(default=(), description="names of rules that do not run")
    macros: str | None = Field(default=None, description="TeX file of definitions that are expanded before all else")
    rules: str | None = Field(default=None, description="Python file whose RULES run after the built-in ones")
    commands: dict[str, str] = Field(
        default={}, description="further commands and the kinds of argument that they take, as in latex/signatures.py"
    )

    @field_validator("rules_off")
    @classmethod
    def _are_rules(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [rule.name for rule in RULES]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such rule; there are {', '.join(known)}")
        return names

    @field_validator("commands")
    @classmethod
    def _have_known_kinds(cls, commands: dict[str, str]) -> dict[str, str]:
        for name, kinds in commands.items():
            if not name.startswith("\\") or not set(kinds) <= KINDS.keys():
                raise ValueError(f"{name}: {kinds}: must map \\name to letters of {''.join(KINDS)}")
        return commands


class Normalizer:
    """The rules of one setting, ready to run on many formulas."""

    def __init__(self, params: NormalizerParams) -> None:
        self.params = params
        self._macros = _load_macros(params.macros) if params.macros else Macros()
        own = load_rules(params.rules) if params.rules else ()
        self._rules = tuple(
            rule
            for rule in (*RULES, *own)
            if (rule.faithful or params.profile == "compact") and rule.name not in params.rules_off
        )
        self._commands = COMMANDS | params.commands

    def normalize(self, formula: str) -> str:
        """Write the formula in its canonical spelling, tokens apart by one space; raises `LatexError`, nothing else."""
        if self.params.profile == "none":
            self._check_size(formula)
            return join(split(formula))
        return _finish(self.tree(formula))

    def tree(self, formula: str) -> Row:
        """The formula as the tree that its canonical spelling is written from; raises `LatexError`, nothing else."""
        self._check_size(formula)
        formula = self._expanded(formula)
        row = parse(formula, self._commands)
        self._rewrite(row, lexemes(formula + " "))  # a backslash at the end is a control space
        return row

    def write(self, row: Row) -> str:
        """The canonical spelling of a tree, which is rewritten in place; as `normalize` of what `write` makes of it."""
        self._rewrite(row, lexemes(join(write(row)) + " "))
        return _finish(row)

    def _rewrite(self, row: Row, seen: frozenset[str]) -> None:
        for rule in self._rules:
            if not rule.triggers or not rule.triggers.isdisjoint(seen):
                _run(rule, row)

    def explain(self, formula: str) -> list[tuple[str, str]]:
        """Normalize step by step: the name of each rule that changed the formula, and the tokens after it."""
        self._check_size(formula)
        if self.params.profile == "none":
            return [("split", join(split(formula)))]
        expanded = self._expanded(formula)
        row = parse(expanded, self._commands)
        steps = [("macros", expanded)] if expanded != formula else []
        steps.append(("parse", join(write(row))))
        for rule in self._rules:
            _run(rule, row)
            after = join(write(row))
            if after != steps[-1][1]:
                steps.append((rule.name, after))
        _finish(row)
        return steps

    def _expanded(self, formula: str) -> str:
        return self._macros.expand(formula) if self._macros.known and self._macros.uses(formula) else formula

    def _check_size(self, formula: str) -> None:
        if not formula.strip():
            raise LatexError("empty")
        if len(formula) > self.params.max_characters:
            most = self.params.max_characters
            raise LatexError("too_long", f"{len(formula)} characters, {most} are allowed", most)


def normalize(formula: str, params: NormalizerParams) -> str:
    """`Normalizer.normalize` for one formula."""
    return Normalizer(params).normalize(formula)


def explain(formula: str, params: NormalizerParams) -> list[tuple[str, str]]:
    """`Normalizer.explain` for one formula."""
    return Normalizer(params).explain(formula)


def _load_macros(path: str) -> Macros:
    try:
        return read_definitions(visible(Path(path).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as TeX definitions: {error}") from None


def _run(rule: Rule, row: Row) -> None:
    if rule.everywhere:
        rewrite(row, rule.apply, outside=rule.outside)
    else:
        row[:] = rule.apply(row, Style.DISPLAY)


def _finish(row: Row) -> str:
    tokens = write(row)
    if set(tokens) <= {"{", "}"}:
        raise LatexError("empty", "nothing is left that prints")
    return join(tokens)
