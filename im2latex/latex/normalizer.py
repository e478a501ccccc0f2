r"""Normalizer: LaTeX source to one canonical line of tokens, or an error with a reason.

The profile `faithful` keeps the image: source and result are typeset alike as `$\displaystyle ...$`. `compact` also
drops explicit space, delimiter sizes and styles, each by a lossy rule (`rules.lossy`) that can be enabled separately.
`none` only splits at whitespace, for formulas that are normalized already. `tokens` defines a token, `rules.registry`
orders the rules; user-defined replacements are applied last (`rules.custom`).
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from im2latex.config import Params
from im2latex.errors import LatexError, UsageError
from im2latex.latex.papers.macro_expander import MacroExpander
from im2latex.latex.papers.paper_reader import read_definitions
from im2latex.latex.papers.verbatim import remove_comments
from im2latex.latex.parser.lexer import lex
from im2latex.latex.parser.parse import parse
from im2latex.latex.parser.signatures import COMMANDS, KINDS
from im2latex.latex.parser.tree import MathStyle, Row, check_depth, holds_group, limit_recursion, rewrite
from im2latex.latex.rules.custom import NONE, load_replacements, load_rules
from im2latex.latex.rules.registry import RULES, Rule
from im2latex.latex.serializer import write
from im2latex.latex.tokens import join, lexemes, split

_MAX_PASSES = 5
"""Limit on the passes of rules and replacements over each other's results."""

LOSSY = tuple(rule.name for rule in RULES if not rule.faithful)
"""Names of the rules that change the image."""


class NormalizerParams(Params):
    """Parameters of the normalizer."""

    profile: Literal["faithful", "compact", "none"] = Field(
        default="faithful",
        description="which rules run: faithful keeps the image, compact drops spacing and sizes, none",
    )
    max_characters: int = Field(
        default=5000,
        ge=1,
        description="longest formula in characters without spaces; a longer one is rejected as too_long",
    )
    disable_rules: tuple[str, ...] = Field(default=(), description="names of rules that do not run")
    enable_rules: tuple[str, ...] = Field(default=(), description="names of lossy rules that also run in faithful")
    macros: str | None = Field(default=None, description="TeX file of definitions, expanded before normalization")
    rules: str | None = Field(default=None, description="Python file whose RULES run after the built-in ones")
    replacements: str | None = Field(default=None, description="text file of `TOKENS -> TOKENS` lines, applied last")
    commands: dict[str, str] = Field(
        default={}, description="additional commands and their argument types, as in latex/parser/signatures.py"
    )

    @field_validator("disable_rules", "enable_rules")
    @classmethod
    def _are_rules(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [rule.name for rule in RULES]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such rule; the rules are {', '.join(known)}")
        return names

    @field_validator("enable_rules")
    @classmethod
    def _are_lossy(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        both = [name for name in names if name in info.data.get("disable_rules", ())]
        if both:
            raise ValueError(f"{', '.join(both)}: is in disable_rules, too; remove it from one of them")
        needless = [rule.name for rule in RULES if rule.faithful and rule.name in names]
        if needless:
            raise ValueError(f"{', '.join(needless)}: runs in every profile; the lossy rules are {', '.join(LOSSY)}")
        return names

    @field_validator("commands")
    @classmethod
    def _have_known_kinds(cls, commands: dict[str, str]) -> dict[str, str]:
        for name, kinds in commands.items():
            if not name.startswith("\\") or not set(kinds) <= KINDS.keys():
                raise ValueError(f"{name}: {kinds}: must map \\name to letters of {''.join(KINDS)}")
        return commands


class Normalizer:
    """A set of rules and replacements, prepared for many formulas."""

    def __init__(self, params: NormalizerParams | None = None) -> None:
        params = params or NormalizerParams()
        self.params = params
        self._macros = _load_macros(params.macros) if params.macros else MacroExpander()
        own = load_rules(params.rules) if params.rules else ()
        self._rules = tuple(
            rule
            for rule in (*RULES, *own)
            if (rule.faithful or params.profile == "compact" or rule.name in params.enable_rules)
            and rule.name not in params.disable_rules
        )
        self._triggers = frozenset[str]().union(*(rule.triggers for rule in self._rules))
        self._commands = COMMANDS | params.commands
        self._replacements = (
            load_replacements(params.replacements, self._canonical_name) if params.replacements else NONE
        )

    @limit_recursion
    def normalize(self, formula: str) -> str:
        """Normalize a formula to tokens with one space between them; raises only `LatexError`."""
        return self.normalize_with_counts(formula)[0]

    def normalize_with_counts(self, formula: str) -> tuple[str, Counter[str]]:
        """Normalize, and count how often each left side of the replacements was replaced."""
        self._check_size(formula)
        if self.params.profile == "none":
            return join(split(formula)), Counter()
        latex, made = self._apply_rules(formula), Counter[str]()
        if self._replacements.table:
            tokens, made = self._replacements.apply(split(latex))
            latex = self._fixed_point(_to_line(tokens)) if made else latex
        self._check_size(latex)  # the normalized formula is longer, and must be accepted when normalized again
        return latex, made

    def _fixed_point(self, latex: str) -> str:
        """Apply rules and replacements until nothing changes: rules also run on replaced tokens."""
        for _ in range(_MAX_PASSES):
            before = latex
            try:
                tokens, _ = self._replacements.apply(split(self._apply_rules(latex)))
            except LatexError as error:
                raise LatexError(error.reason, f"after the replacements: {error.detail}") from None
            latex = _to_line(tokens)
            if latex == before:
                return latex
        raise LatexError("replaced_for_ever", "rules and replacements undo each other")

    def _apply_rules(self, formula: str) -> str:
        return _to_line(write(self.tree(formula)))

    @limit_recursion
    def tree(self, formula: str) -> Row:
        """Parse a formula and apply the rules to its tree; raises only `LatexError`."""
        self._check_size(formula)
        formula = self._expand_macros(formula)
        row = parse(formula, self._commands)
        self._rewrite(row, lexemes(formula + " "))  # a backslash at the end is a control space
        return row

    def write(self, row: Row) -> str:
        """Apply the rules to a tree, in place, and serialize it; equals `normalize` of the serialized tree."""
        self._rewrite(row, lexemes(join(write(row)) + " "))
        return _to_line(write(row))

    def _rewrite(self, row: Row, seen: frozenset[str]) -> None:
        for rule in self._triggered(seen):
            _apply_rule(rule, row)

    def _triggered(self, seen: frozenset[str]) -> Iterator[Rule]:
        """The rules that run on a formula with these lexemes."""
        seen &= self._triggers
        return (rule for rule in self._rules if not rule.triggers or not rule.triggers.isdisjoint(seen))

    def _canonical_name(self, token: str) -> str | None:
        """Return the canonical name that the rules give a token; None where they drop it."""
        source = f"a {token} b"
        given = lex(source)
        try:
            found = split(self._apply_rules(source))
        except LatexError:  # a part that is invalid alone
            return token
        if token in found:
            return token
        return found[1] if len(found) == len(given) and found[2:] == given[2:] else None

    @limit_recursion
    def explain(self, formula: str) -> list[tuple[str, str]]:
        """Normalize step by step: the name of each rule that changed the formula, and the tokens after it."""
        self._check_size(formula)
        if self.params.profile == "none":
            return [("split", join(split(formula)))]
        expanded = self._expand_macros(formula)
        row = parse(expanded, self._commands)
        steps = [("macros", expanded)] if expanded != formula else []
        steps.append(("parse", join(write(row))))
        for rule in self._triggered(lexemes(expanded + " ")):
            _apply_rule(rule, row)
            after = join(write(row))
            if after != steps[-1][1]:
                steps.append((rule.name, after))
        made = self._replacements.apply(write(row))[1]
        if made:
            steps.append(("replacements", self.normalize(formula)))
        _to_line(write(row))
        return steps

    def _expand_macros(self, formula: str) -> str:
        return self._macros.expand(formula) if self._macros.definitions and self._macros.uses(formula) else formula

    def _check_size(self, formula: str) -> None:
        if not formula.strip():
            raise LatexError("empty")
        most = self.params.max_characters
        if len(formula) > most and (size := len("".join(formula.split()))) > most:
            raise LatexError("too_long", f"{size} characters without spaces, at most {most} are allowed", most)


def normalize(formula: str, params: NormalizerParams | None = None) -> str:
    r"""Normalize one formula; a `Normalizer` is faster for many.

    >>> import im2latex
    >>> im2latex.normalize(r"{\bf x}^2_1+\frac12")
    '\\mathbf { x } _ { 1 } ^ { 2 } + \\frac { 1 } { 2 }'

    Raises `LatexError`, whose `reason` is a fixed name such as `unbalanced_group`.
    """
    return Normalizer(params).normalize(formula)


def explain(formula: str, params: NormalizerParams) -> list[tuple[str, str]]:
    """Call `Normalizer.explain` for one formula."""
    return Normalizer(params).explain(formula)


def _load_macros(path: str) -> MacroExpander:
    try:
        return read_definitions(remove_comments(Path(path).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as TeX definitions: {error}") from None


def _apply_rule(rule: Rule, row: Row) -> None:
    if rule.needs_group and not holds_group(row):
        return
    if rule.recursive:
        rewrite(row, rule.apply, skip_commands=rule.skip_commands, nodes=rule.nodes)
    else:
        row[:] = rule.apply(row, MathStyle.DISPLAY)


def _to_line(tokens: list[str]) -> str:
    if all(token in ("{", "}") for token in tokens):
        raise LatexError("empty", "nothing is left to print")
    normalized = join(tokens)
    check_depth(normalized)  # the rules add braces, and the result must be accepted when normalized again
    return normalized
