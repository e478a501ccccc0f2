r"""Raw LaTeX in, one canonical line of tokens out, or a named reason why not.

`faithful` keeps the picture: the formula as given and the result typeset alike as `$\displaystyle ...$`. `compact`
also drops explicit space, delimiter sizes and styles. `none` only splits at whitespace, for formulas that are
normalized already. What a token is stands in `tokens`; what is changed, in `rules.table`.
"""

from typing import Literal

from pydantic import Field, field_validator

from im2latex.errors import LatexError
from im2latex.latex.parse import parse
from im2latex.latex.rules.table import RULES, Rule
from im2latex.latex.tokens import join, lexemes, split
from im2latex.latex.tree import Row, Style, rewrite
from im2latex.latex.write import write
from im2latex.params import Params


class NormalizerParams(Params):
    """How formulas are normalized."""

    profile: Literal["faithful", "compact", "none"] = Field(default="faithful", description="which rules run")
    max_characters: int = Field(default=5000, ge=1, description="longer formulas are refused as too_long")
    rules_off: tuple[str, ...] = Field(default=(), description="names of rules that do not run")

    @field_validator("rules_off")
    @classmethod
    def _are_rules(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [rule.name for rule in RULES]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such rule; there are {', '.join(known)}")
        return names


def normalize(formula: str, params: NormalizerParams) -> str:
    """Write the formula in its canonical spelling, tokens apart by one space; raises `LatexError` and nothing else."""
    _check_size(formula, params)
    if params.profile == "none":
        return join(split(formula))
    row = parse(formula)
    seen = lexemes(formula)
    for rule in RULES:
        if not rule.triggers.isdisjoint(seen) and _is_on(rule, params):
            _run(rule, row)
    return _finish(row)


def explain(formula: str, params: NormalizerParams) -> list[tuple[str, str]]:
    """Normalize step by step: the name of each rule that changed the formula, and the tokens after it."""
    _check_size(formula, params)
    if params.profile == "none":
        return [("split", join(split(formula)))]
    row = parse(formula)
    steps = [("parse", join(write(row)))]
    for rule in RULES:
        if _is_on(rule, params):
            _run(rule, row)
            after = join(write(row))
            if after != steps[-1][1]:
                steps.append((rule.name, after))
    return steps


def _check_size(formula: str, params: NormalizerParams) -> None:
    if not formula.strip():
        raise LatexError("empty")
    if len(formula) > params.max_characters:
        raise LatexError("too_long", f"{len(formula)} characters, {params.max_characters} are allowed")


def _is_on(rule: Rule, params: NormalizerParams) -> bool:
    return (rule.faithful or params.profile == "compact") and rule.name not in params.rules_off


def _run(rule: Rule, row: Row) -> None:
    if rule.everywhere:
        rewrite(row, rule.apply)
    else:
        row[:] = rule.apply(row, Style.DISPLAY)


def _finish(row: Row) -> str:
    tokens = write(row)
    if set(tokens) <= {"{", "}"}:
        raise LatexError("empty", "nothing is left that prints")
    return join(tokens)
