"""User macros in the text of a paper, replaced where they stand."""

import re
from collections import Counter

from im2latex.errors import LatexError
from im2latex.latex.papers.arguments import TextSource, read_arguments
from im2latex.latex.papers.choices import choose
from im2latex.latex.papers.collecting import Collection
from im2latex.latex.papers.conditionals import enter, is_conditional, skip_branch, unless
from im2latex.latex.papers.defining import READERS, define
from im2latex.latex.papers.displays import DISPLAYS
from im2latex.latex.papers.lexer import JOIN, untokenize
from im2latex.latex.papers.meanings import Macro, Meanings
from im2latex.latex.papers.text import Text

_FORMULA = re.compile(r"\$|\\[(\[]|\\begin\s*\{(?:" + "|".join(map(re.escape, DISPLAYS)) + r")\}")
_END = re.compile(r"\\end(?![A-Za-z@])|\\\]|\$\$")
_NAME_FROM_ARGUMENT = re.compile(r"[\s{]*\\csname[^\\]*#\d")
r"""Behind a command that defines: such a macro defines what its user names, and is no store like `\author`."""
_MOST_CALLS = 500
"""Calls of a macro that calls itself, in one file."""
_MOST_CHARACTERS = 200_000
"""Characters that one macro may become."""


class TextMacros:
    """Replaces macros in one file, in bounded number and size."""

    def __init__(self, text: Text, collection: Collection) -> None:
        self._text = text
        self._collection = collection
        self._calls: Counter[str] = Counter()

    def replace(self, name: str, start: int, end: int, before: str = "", behind: str = "") -> bool:
        """Put the meaning of a macro, with its arguments, in its place; False where that cannot be done."""
        macro = self._collection.macros.known.get(name)
        if macro is None or (name in macro.body and not self._loops(name, macro)):
            return False
        if not self._collection.shorthand_allowed(len(self._text.text)):
            self._collection.count("macro_bomb")
            return False
        source = TextSource(self._text.text, end)
        try:
            arguments = read_arguments(name, macro, source)
        except LatexError:
            return False
        if self._stores(macro, ["".join(argument) for argument in arguments]):
            return False
        replacement = untokenize(macro.replacement(arguments), keep_frozen=True).replace(JOIN, "")
        if len(replacement) > _MOST_CHARACTERS:
            self._collection.count("macro_bomb")
            return False
        self._text.replace(start, source.place, f"{before}{replacement} {behind}")
        return True

    def _loops(self, name: str, macro: Macro) -> bool:
        """Whether a macro that calls itself can end, and has not yet been called too often."""
        self._calls[name] += 1
        conditional = any(is_conditional(token, self._collection.macros) for token in macro.body)
        return conditional and self._calls[name] <= _MOST_CALLS

    def _stores(self, macro: Macro, arguments: list[str]) -> bool:
        """Whether a formula would go into a definition, as that of `\\author`, and be printed who knows where."""
        stored = [number for number, argument in enumerate(arguments, 1) if _FORMULA.search(argument)]
        if not stored:
            return False
        for place, token in enumerate(macro.body):
            command = self._collection.macros.primitive(token)
            if command in READERS:
                behind = untokenize(macro.body[place + 1 :])
                definition = behind[: define(command, behind, 0, Meanings())]
                if not _NAME_FROM_ARGUMENT.match(definition) and any(f"#{number}" in definition for number in stored):
                    return True
        return False

    def choose(self, name: str, start: int, end: int) -> bool:
        """Put the argument that a choice leaves in its place, where one of them ends a display; False elsewhere."""
        source = TextSource(self._text.text, end)
        try:
            chosen = choose(name, source, self._collection.macros)
        except LatexError:
            return False
        if chosen is None or not _END.search(self._text.text, end, source.place):
            return False
        self._text.replace(start, source.place, f"{untokenize(chosen, keep_frozen=True)} ")
        return True

    def resolve(self, token: str, start: int, end: int) -> bool:
        """Put the branch of a conditional that holds in its place, as in a formula; False where it is unknown."""
        macros = self._collection.macros
        source = TextSource(self._text.text, end)
        try:
            if token == "\\unless":
                holds = unless(source, macros, in_formula=True)
            else:
                holds = enter(token, source, macros, in_formula=True)
            if holds is None:
                return False
            begin = stop = source.place
            if holds:
                last = skip_branch(source, macros, ("\\or", "\\else", "\\fi"))
                stop = source.place - len(last)
                if last != "\\fi":
                    skip_branch(source, macros, ("\\fi",))
        except LatexError:
            return False
        self._text.replace(start, source.place, self._text.text[begin:stop])
        return True
