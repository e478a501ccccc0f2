r"""Conditionals and choices in the text of a paper: the branch that does not print is passed over."""

from im2latex.errors import LatexError
from im2latex.latex.papers.arguments import TextSource
from im2latex.latex.papers.choices import choose
from im2latex.latex.papers.collecting import Collection
from im2latex.latex.papers.conditionals import enter, is_conditional, may_be_conditional, skip_branch, unless
from im2latex.latex.papers.lexer import untokenize
from im2latex.latex.papers.text import Text


class Branches:
    """The conditionals of one file; `counts` says whether an unknown one is noted."""

    def __init__(self, text: Text, collection: Collection, counts: bool) -> None:
        self._text = text
        self._collection = collection
        self._macros = collection.macros
        self._counts = counts
        self._conditionals: list[bool] = []

    def may_begin(self, name: str) -> bool:
        """Whether a command begins a conditional, as far as that can be seen."""
        if is_conditional(name, self._macros) or name == "\\unless":
            return True
        if not may_be_conditional(name, self._macros):
            return False
        behind = TextSource(self._text.text, self._text.place)
        behind.skip_spaces()
        return behind.peek() != "{"

    def conditional(self, name: str) -> None:
        """Go on in the branch that holds; where that cannot be known, both are read, which is counted."""
        source = TextSource(self._text.text, self._text.place, None)
        try:
            if name == "\\unless":
                holds = unless(source, self._macros, in_formula=False)
            else:
                holds = enter(name, source, self._macros, in_formula=False)
        except LatexError:
            self._collection.count("unclosed_conditional")
            self._text.place = len(self._text.text)
            return
        if holds is None:
            if self._counts:
                self._collection.count("unresolved_conditional")
            self._conditionals.append(False)
            return
        self._text.place = source.place
        if holds:
            self._conditionals.append(True)

    def in_known_branch(self) -> bool:
        """Whether the text is in a branch of a conditional that was resolved."""
        return bool(self._conditionals) and self._conditionals[-1]

    def behind(self, name: str, place: int) -> int:
        r"""Where to go on behind an `\else`, an `\or` or a `\fi`; of an unknown conditional both branches are read."""
        if name == "\\fi":
            if self._conditionals:
                self._conditionals.pop()
            return place
        if not self.in_known_branch():
            return place
        self._conditionals.pop()
        source = TextSource(self._text.text, place, None)
        try:
            skip_branch(source, self._macros, ("\\fi",))
        except LatexError:
            self._collection.count("unclosed_conditional")
        return source.place

    def leave(self, name: str) -> None:
        r"""Read an `\else`, an `\or` or a `\fi`."""
        self._text.place = self.behind(name, self._text.place)

    def choice(self, name: str, start: int) -> None:
        """Put the argument that is chosen in the place of a command; of an unknown choice all arguments are read."""
        source = TextSource(self._text.text, self._text.place)
        try:
            chosen = choose(name, source, self._macros)
        except LatexError:
            return
        if chosen is not None and self._collection.shorthand_allowed(len(self._text.text)):
            self._text.replace(start, source.place, f"{untokenize(chosen, keep_frozen=True)} ")
            return
        if self._counts:
            self._collection.count("unresolved_conditional")
