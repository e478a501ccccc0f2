"""Scanner for the end of a display formula, which expands macros, conditionals and inputs that may contain the end."""

import re

from im2latex.latex.papers.formula_collector import FormulaCollector
from im2latex.latex.papers.input_files import INPUTS, InputCommands
from im2latex.latex.papers.lexer import CONTROL, FROZEN, SourceText, skip_spaces
from im2latex.latex.papers.macro_definitions import DEFINITION_COMMANDS, read_definition
from im2latex.latex.papers.macro_table import MacroTable, is_environment
from im2latex.latex.papers.package_conditionals import CONDITIONAL_COMMANDS
from im2latex.latex.papers.tex_conditionals import is_conditional
from im2latex.latex.papers.text_expansion import MacroEffects, TextConditionals, TextMacroExpander

_EVENT = re.compile(rf"{CONTROL}|\$\$?|[{{}}]", re.DOTALL)
_CONTROL = re.compile(CONTROL, re.DOTALL)
_STEPS = frozenset(
    [
        "\\]",
        "\\begin",
        "\\end",
        "\\csname",
        "\\else",
        "\\or",
        "\\fi",
        "\\unless",
        *DEFINITION_COMMANDS,
        *INPUTS,
        *CONDITIONAL_COMMANDS,
    ]
)
"""Commands with an effect on the scan, besides user macros and the names of displays."""
_NAMED = re.compile(r"[\s\1]*\{[\s\1]*(\\[A-Za-z@]+)[\s\1]*\}")
_ENVIRONMENT = re.compile(r"[\s\1]*\{[\s\1]*([^{}\\$]*?)[\s\1]*\}")


def environment_at(text: str, position: int, macros: MacroTable) -> tuple[str, int] | None:
    r"""Read the name after a `\begin` or `\end`, possibly a macro; returns it and the end position."""
    if match := _ENVIRONMENT.match(text, position):
        return match[1], match.end()
    match = _NAMED.match(text, position)
    macro = macros.definitions.get(match[1]) if match else None
    return ("".join(macro.body), match.end()) if match and macro and not macro.parameters else None


class DisplayScanner:
    """Finds the end of one display."""

    def __init__(
        self,
        text: SourceText,
        collector: FormulaCollector,
        effects: MacroEffects,
        macro_expander: TextMacroExpander,
        inputs: InputCommands,
        conditionals: TextConditionals,
    ) -> None:
        self._text = text
        self._collector = collector
        self._macros = collector.macros
        self._effects = effects
        self._macro_expander = macro_expander
        self._input_commands = inputs
        self._text_conditionals = conditionals
        self._unknown = 0

    def find(self, target: str, most: int) -> tuple[int, int] | None:
        r"""Return start and end of the command that closes `\[`, `$$` or an environment; None if out of reach."""
        start = here = self._text.position
        depth = nested = 0
        event = _EVENT if target == "$$" else _CONTROL
        steps = _STEPS | {f"\\{target}", f"\\end{target}"}
        known = self._macros.definitions
        while match := event.search(self._text.text, here):
            if match.start() - start > most:
                return None
            token, at, here = match[0], match.start(), match.end()
            depth += (token == "{") - (token == "}")
            if token[0] == "$":
                if target == "$$" and depth <= 0:
                    return (at, here) if token == "$$" else None
            elif token in known or token in steps or token.startswith("\\if") or token[-1] == FROZEN:
                step = self._step(token, at, here, target)
                if step is None:
                    return None
                change, here = step
                nested += change
                if nested < 0:
                    return at, here
        return None

    def _step(self, token: str, at: int, here: int, target: str) -> tuple[int, int] | None:
        """Process a command; returns the change of the depth and the next position. None at the document's end."""
        name = self._macros.primitive(token)
        if name == token and token in self._macros.definitions:
            replaced = self._effects.changes_display(token) and self._macro_expander.replace(token, at, here)
            return 0, at if replaced else here
        if name == "\\]":
            return (-1 if target == name else 0), here
        if name in ("\\begin", "\\end"):
            return self._environment(name, at, here, target)
        if name == f"\\end{target}":
            return -1, here
        if name == f"\\{target}":
            return 1, here
        built = f"end{target}\\endcsname"
        if name == "\\csname" and self._text.text.startswith(built, skip_spaces(self._text.text, here)):
            return -1, self._text.text.index("\\endcsname", here) + len("\\endcsname")
        if name in DEFINITION_COMMANDS:
            return 0, read_definition(name, self._text.text, here, MacroTable())
        if name in INPUTS:
            if found := self._input_commands.input_text(here):
                self._text.replace(at, found[1], f"{found[0]} ")
                return 0, at
        elif name in CONDITIONAL_COMMANDS:
            return 0, at if self._macro_expander.select(name, at, here) else here
        elif name in ("\\else", "\\or", "\\fi"):
            return 0, self._branch_end(name, at, here)
        elif is_conditional(name, self._macros) or name == "\\unless":
            if self._macro_expander.resolve(token, at, here):
                return 0, at
            self._unknown += 1
        return 0, here

    def _branch_end(self, name: str, at: int, here: int) -> int:
        """End a branch that began before the display; returns the next position."""
        if self._unknown:
            self._unknown -= name == "\\fi"
        elif self._text_conditionals.in_known_branch():
            self._text.replace(at, self._text_conditionals.behind(name, here), "")
            return at
        return here

    def _environment(self, command: str, at: int, here: int, target: str) -> tuple[int, int] | None:
        found = environment_at(self._text.text, here, self._macros)
        if found is None:
            return 0, here
        name, end = found
        if name == target:
            return (1 if command == "\\begin" else -1), end
        if name == "document":
            return None
        if is_environment(name, self._macros) and self._effects.environment(name):
            key = f"\\{name}" if command == "\\begin" else f"\\end{name}"
            if key in self._macros.definitions and self._macro_expander.replace(key, at, end):
                return 0, at
        return 0, end
