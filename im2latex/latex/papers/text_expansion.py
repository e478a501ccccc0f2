"""In-place expansion of user macros and conditionals in the text of a paper, where its formulas depend on them."""

import re
from collections import Counter

from im2latex.errors import LatexError
from im2latex.latex.papers.display_conversion import DISPLAYS
from im2latex.latex.papers.formula_collector import FormulaCollector
from im2latex.latex.papers.input_files import IMPORTS, INPUTS, PACKAGES
from im2latex.latex.papers.lexer import FROZEN, JOIN, SourceText, untokenize
from im2latex.latex.papers.macro_arguments import TextStream, read_arguments
from im2latex.latex.papers.macro_definitions import DEFINITION_COMMANDS, read_definition
from im2latex.latex.papers.macro_table import Macro, MacroTable, is_environment
from im2latex.latex.papers.package_conditionals import CONDITIONAL_COMMANDS, select_argument
from im2latex.latex.papers.tex_conditionals import (
    evaluate_condition,
    evaluate_unless,
    is_conditional,
    may_be_conditional,
    skip_branch,
)

_FORMULA = re.compile(r"\$|\\[(\[]|\\begin\s*\{(?:" + "|".join(map(re.escape, DISPLAYS)) + r")\}")
_END = re.compile(r"\\end(?![A-Za-z@])|\\\]|\$\$")
_NAME_FROM_ARGUMENT = re.compile(r"[\s{]*\\csname[^\\]*#\d")
r"""After a defining command: a macro that defines its argument's name, not one that stores text as `\author` does."""
_MAX_CALLS = 500
"""Limit on the calls of a recursive macro in one file."""
_MAX_CHARACTERS = 200_000
"""Limit on the characters of one expansion."""
_READ_IN_TEXT = (
    DEFINITION_COMMANDS.keys()
    | CONDITIONAL_COMMANDS.keys()
    | IMPORTS
    | PACKAGES
    | {"$", "\\(", "\\)", "\\endinput", "\\csname", "\\ensuremath", "\\unless", "\\else", "\\fi", "\\InputIfFileExists"}
)
_DISPLAY_MARKS = frozenset(["\\[", "\\]", *(f"\\{end}{name}" for name in DISPLAYS for end in ("", "end"))])
_MAX_NESTED = 50
"""Limit on the depth of macros in the bodies of macros."""


class MacroEffects:
    """Effects of macro bodies, cached until a definition changes."""

    def __init__(self, macros: MacroTable) -> None:
        self._macros = macros
        self._version = -1
        self._depth = 0
        self._known: dict[str, tuple[bool, bool]] = {}

    def changes_text(self, name: str) -> bool:
        """Whether a macro opens or closes a formula, defines, inputs, has a conditional or drops an argument."""
        return self._of(name)[0]

    def changes_display(self, name: str) -> bool:
        """Whether a macro opens or closes a display, or inputs a file that may do so."""
        return self._of(name)[1]

    def _of(self, name: str) -> tuple[bool, bool]:
        if self._version != self._macros.version:
            self._version = self._macros.version
            self._known.clear()
        if name in self._known:
            return self._known[name]
        macro = self._macros.definitions.get(name)
        if self._depth > _MAX_NESTED:
            return True, True  # expanded step by step, up to the limit of expansions
        self._known[name] = (False, False)  # for recursive macros
        if macro is not None:
            self._depth += 1
            self._known[name] = self._of_macro(macro)
            self._depth -= 1
        return self._known[name]

    def _of_macro(self, macro: Macro) -> tuple[bool, bool]:
        text, display = macro.drops_an_argument(), False
        for position, token in enumerate(macro.body):
            name = self._macros.primitive(token)
            if token == "$":
                text = True
                display |= macro.body[position + 1 : position + 2] == ("$",)
            elif token[0] != "\\":
                continue
            elif name in ("\\begin", "\\end"):
                display |= self._environment(macro.body[position + 1 :])
            elif (
                name in _DISPLAY_MARKS
                or name in INPUTS
                or (name == "\\csname" and _built(macro.body[position + 1 :]) in _DISPLAY_MARKS)
            ):
                display = True
            elif name in _READ_IN_TEXT or is_conditional(name, self._macros):
                text = True
            elif name in self._macros.definitions and token[-1] != FROZEN:
                inner = self._of(name)
                text, display = text | inner[0], display | inner[1]
        return text or display, display

    def _environment(self, behind: tuple[str, ...]) -> bool:
        written = "".join(behind[: behind.index("}")] if "}" in behind else ()).strip().removeprefix("{")
        if written in DISPLAYS or "#" in written or not behind:
            return True
        return is_environment(written, self._macros) and self.environment(written)

    def environment(self, name: str) -> bool:
        """Whether the begin or end code of a user environment opens or closes a display."""
        return self.changes_display(f"\\{name}") or self.changes_display(f"\\end{name}")


def _built(behind: tuple[str, ...]) -> str:
    r"""Return the name between `\csname` and `\endcsname`."""
    return "\\" + "".join(behind[: behind.index("\\endcsname")] if "\\endcsname" in behind else ())


class TextMacroExpander:
    """Expands macros in one file, in bounded number and size."""

    def __init__(self, text: SourceText, collector: FormulaCollector) -> None:
        self._text = text
        self._collector = collector
        self._calls: Counter[str] = Counter()

    def replace(self, name: str, start: int, end: int, before: str = "", behind: str = "") -> bool:
        """Replace a macro and its arguments by its expansion; returns False where that is impossible."""
        macro = self._collector.macros.definitions.get(name)
        if macro is None or (name in macro.body and not self._loops(name, macro)):
            return False
        if not self._collector.shorthand_allowed(len(self._text.text)):
            self._collector.count("macro_bomb")
            return False
        source = TextStream(self._text.text, end)
        try:
            arguments = read_arguments(name, macro, source)
        except LatexError:
            return False
        if self._stores(macro, ["".join(argument) for argument in arguments]):
            return False
        replacement = untokenize(macro.replacement(arguments), keep_frozen=True).replace(JOIN, "")
        if len(replacement) > _MAX_CHARACTERS:
            self._collector.count("macro_bomb")
            return False
        self._text.replace(start, source.position, f"{before}{replacement} {behind}")
        return True

    def _loops(self, name: str, macro: Macro) -> bool:
        """Whether a recursive macro can end and is below the limit of calls."""
        self._calls[name] += 1
        conditional = any(is_conditional(token, self._collector.macros) for token in macro.body)
        return conditional and self._calls[name] <= _MAX_CALLS

    def _stores(self, macro: Macro, arguments: list[str]) -> bool:
        r"""Whether a formula would become part of a definition, as in `\author`, and be printed elsewhere."""
        stored = [number for number, argument in enumerate(arguments, 1) if _FORMULA.search(argument)]
        if not stored:
            return False
        for position, token in enumerate(macro.body):
            command = self._collector.macros.primitive(token)
            if command in DEFINITION_COMMANDS:
                behind = untokenize(macro.body[position + 1 :])
                definition = behind[: read_definition(command, behind, 0, MacroTable())]
                if not _NAME_FROM_ARGUMENT.match(definition) and any(f"#{number}" in definition for number in stored):
                    return True
        return False

    def select(self, name: str, start: int, end: int) -> bool:
        """Replace a command by the argument it selects, where one of them ends a display; returns False otherwise."""
        source = TextStream(self._text.text, end)
        try:
            chosen = select_argument(name, source, self._collector.macros)
        except LatexError:
            return False
        if chosen is None or not _END.search(self._text.text, end, source.position):
            return False
        self._text.replace(start, source.position, f"{untokenize(chosen, keep_frozen=True)} ")
        return True

    def resolve(self, token: str, start: int, end: int) -> bool:
        """Replace a conditional by the branch that holds, as in a formula; returns False where it is unknown."""
        macros = self._collector.macros
        source = TextStream(self._text.text, end)
        try:
            if token == "\\unless":
                holds = evaluate_unless(source, macros, in_formula=True)
            else:
                holds = evaluate_condition(token, source, macros, in_formula=True)
            if holds is None:
                return False
            begin = stop = source.position
            if holds:
                last = skip_branch(source, macros, ("\\or", "\\else", "\\fi"))
                stop = source.position - len(last)
                if last != "\\fi":
                    skip_branch(source, macros, ("\\fi",))
        except LatexError:
            return False
        self._text.replace(start, source.position, self._text.text[begin:stop])
        return True


class TextConditionals:
    """Evaluates the conditionals in the text of one file; `counts` says whether unknown ones are counted."""

    def __init__(self, text: SourceText, collector: FormulaCollector, counts: bool) -> None:
        self._text = text
        self._collector = collector
        self._macros = collector.macros
        self._counts = counts
        self._conditionals: list[bool] = []

    def may_begin(self, name: str) -> bool:
        """Whether a command begins a conditional, as far as the paper shows."""
        if is_conditional(name, self._macros) or name == "\\unless":
            return True
        if not may_be_conditional(name, self._macros):
            return False
        behind = TextStream(self._text.text, self._text.position)
        behind.skip_spaces()
        return behind.peek() != "{"

    def conditional(self, name: str) -> None:
        """Continue in the branch that holds; both branches of an unknown condition are read, which is counted."""
        source = TextStream(self._text.text, self._text.position, None)
        try:
            if name == "\\unless":
                holds = evaluate_unless(source, self._macros, in_formula=False)
            else:
                holds = evaluate_condition(name, source, self._macros, in_formula=False)
        except LatexError:
            self._collector.count("unclosed_conditional")
            self._text.position = len(self._text.text)
            return
        if holds is None:
            if self._counts:
                self._collector.count("unresolved_conditional")
            self._conditionals.append(False)
            return
        self._text.position = source.position
        if holds:
            self._conditionals.append(True)

    def in_known_branch(self) -> bool:
        """Whether the position is in a branch of an evaluated conditional."""
        return bool(self._conditionals) and self._conditionals[-1]

    def behind(self, name: str, position: int) -> int:
        r"""Return where to continue after `\else`, `\or` or `\fi`; of an unknown conditional both branches are read."""
        if name == "\\fi":
            if self._conditionals:
                self._conditionals.pop()
            return position
        if not self.in_known_branch():
            return position
        self._conditionals.pop()
        source = TextStream(self._text.text, position, None)
        try:
            skip_branch(source, self._macros, ("\\fi",))
        except LatexError:
            self._collector.count("unclosed_conditional")
        return source.position

    def leave(self, name: str) -> None:
        r"""Process an `\else`, an `\or` or a `\fi`."""
        self._text.position = self.behind(name, self._text.position)

    def choice(self, name: str, start: int) -> None:
        """Replace a command by the argument it selects; of an unknown condition all arguments are read."""
        source = TextStream(self._text.text, self._text.position)
        try:
            chosen = select_argument(name, source, self._macros)
        except LatexError:
            return
        if chosen is not None and self._collector.shorthand_allowed(len(self._text.text)):
            self._text.replace(start, source.position, f"{untokenize(chosen, keep_frozen=True)} ")
            return
        if self._counts:
            self._collector.count("unresolved_conditional")
