"""User macros of a paper, and formulas without them."""

from collections.abc import Sequence

from im2latex.latex.papers.expansion import Expansion
from im2latex.latex.papers.lexer import tokens, untokenize
from im2latex.latex.papers.meanings import Meanings


class Macros(Meanings):
    """The definitions in force at one place of a paper, ready to expand formulas."""

    def copy(self) -> "Macros":
        """The same definitions, outside of all groups, to which others can be added."""
        copied = Macros()
        copied.known = dict(self.known)
        copied.undefined = self.undefined
        return copied

    def expand(self, formula: str) -> str:
        """The formula without user macros; raises `LatexError` where one lacks an argument or never ends."""
        return untokenize(self.expand_tokens(tokens(formula)))

    def uses(self, formula: str) -> bool:
        """Whether any user macro stands in the formula."""
        return not self.known.keys().isdisjoint(tokens(formula))

    def expand_tokens(self, source: Sequence[str]) -> list[str]:
        """As `expand`, on tokens. Definitions in the formula hold in it alone."""
        with self.group():
            return Expansion(self, source).run()
