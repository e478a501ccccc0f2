"""Analysis of user macros: which must be expanded in the text of a paper so that its formulas can be found."""

from im2latex.latex.papers.conditional_commands import CONDITIONAL_COMMANDS
from im2latex.latex.papers.conditionals import is_conditional
from im2latex.latex.papers.definition_commands import DEFINITION_COMMANDS
from im2latex.latex.papers.displays import DISPLAYS
from im2latex.latex.papers.input_files import IMPORTS, INPUTS, PACKAGES
from im2latex.latex.papers.lexer import FROZEN
from im2latex.latex.papers.macro_table import Macro, MacroTable, is_environment

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


def _built(behind: tuple[str, ...]) -> str:
    r"""Return the name between `\csname` and `\endcsname`."""
    return "\\" + "".join(behind[: behind.index("\\endcsname")] if "\\endcsname" in behind else ())


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
