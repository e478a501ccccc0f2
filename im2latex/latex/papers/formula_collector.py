"""Formula collector: the extracted formulas of one paper, and counts of what could not be read."""

import re
from dataclasses import dataclass, field

from im2latex.errors import LatexError
from im2latex.latex.papers.display_conversion import INTERTEXT_COMMANDS, display_to_formula, split_at_intertext
from im2latex.latex.papers.input_files import INPUTS
from im2latex.latex.papers.lexer import FROZEN, JOIN, tokens, untokenize
from im2latex.latex.papers.macro_expander import MacroExpander

_NO_FORMULA = re.compile(
    r"\\(?:ref|eqref|cref|cite[a-z]*|footnote|includegraphics|caption|item|begin\s*\{(?:tabular|figure|table|tikzpicture|itemize|"
    r"enumerate|picture|minipage|center))(?![a-z])"
)
_MAX_SHORTHANDS = 20_000
_MAX_COPIED = 20_000_000_000  # characters: each expansion copies the file; 2 MB with 6,000 expansions need 12e9


@dataclass(frozen=True, slots=True)
class ExtractedFormula:
    """One formula of a paper; `reason` says why `formula` is None. Lines count from 1."""

    file: str
    line: int
    env: str
    raw: str
    formula: str | None
    reason: str = ""


@dataclass
class FormulaCollector:
    """Extracted formulas and open groups of one paper; `reasons` counts events that belong to no formula."""

    min_inline: int | None
    macros: MacroExpander
    found: list[ExtractedFormula] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    """Open groups: "{", "(" for an argument, or the name of an environment."""
    ended: bool = False
    r"""Whether `\end{document}` was read."""
    _shorthands: int = 0
    _copied: int = 0

    def count(self, reason: str) -> None:
        """Count an event that belongs to no formula."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def shorthand_allowed(self, characters: int) -> bool:
        """Whether another macro may be expanded in a text of that size."""
        self._shorthands += 1
        self._copied += characters
        return self._shorthands <= _MAX_SHORTHANDS and self._copied <= _MAX_COPIED

    def open_group(self, kind: str) -> None:
        """Open a group, an argument or an environment."""
        self.groups.append(kind)
        if kind != "(":
            self.macros.open_group()

    def close_group(self, kind: str) -> bool:
        """Close it, and unclosed groups inside it; returns False where no such group is open."""
        if kind in ("{", "("):
            if not self.groups or self.groups[-1] not in ("{", "("):
                return False
        elif kind not in self.groups:
            return False
        while True:
            last = self.groups.pop()
            if last != "(":
                self.macros.close_group()
            if last == kind or kind == "{":
                return True

    def add(self, file: str, line: int, env: str, body: str) -> None:
        """Add one formula, expanded, or the reason why it is rejected."""
        written = " ".join(body.replace(JOIN, "").split())
        raw = written.replace(FROZEN, "")
        try:
            expanded = self.macros.expand_tokens(tokens(written))
            pieces = [(env, expanded)] if INTERTEXT_COMMANDS.isdisjoint(expanded) else split_at_intertext(expanded, env)
        except LatexError as error:
            self.found.append(ExtractedFormula(file, line, env, raw, None, error.reason))
            return
        for kind, piece in pieces:
            source = raw if kind == env else untokenize(piece).strip()
            if kind != env and (self.min_inline is None or len(source) < self.min_inline):
                continue
            try:
                self.found.append(ExtractedFormula(file, line, kind, source, _formula(piece, kind)))
            except LatexError as error:
                self.found.append(ExtractedFormula(file, line, kind, source, None, error.reason))


def _formula(expanded: list[str], env: str) -> str:
    if not INPUTS.isdisjoint(expanded):
        raise LatexError("missing_input", "contains an input that is missing")
    formula = display_to_formula(expanded, env)
    if not formula:
        raise LatexError("empty")
    if _NO_FORMULA.search(formula):
        raise LatexError("no_formula", "contains a reference, a list or an image")
    return formula
