"""Reader of one file of a paper, in the order in which TeX reads it.

It processes groups, definitions, conditionals, inputs, and user macros that contain any of these or a formula; all
other text is skipped.
"""

import re
from collections import Counter
from collections.abc import Callable

from im2latex.errors import LatexError
from im2latex.latex.papers.display_conversion import DISPLAYS
from im2latex.latex.papers.display_scanner import DisplayScanner, environment_at
from im2latex.latex.papers.formula_collector import FormulaCollector
from im2latex.latex.papers.input_files import (
    IMPORTS,
    INPUTS,
    MAX_FORMULA_CHARACTERS,
    PACKAGES,
    InputCommands,
    PaperFiles,
)
from im2latex.latex.papers.lexer import CONTROL, SourceText, read_argument
from im2latex.latex.papers.macro_definitions import DEFINITION_COMMANDS, read_definition
from im2latex.latex.papers.macro_table import end_of, is_environment
from im2latex.latex.papers.package_conditionals import CONDITIONAL_COMMANDS
from im2latex.latex.papers.text_expansion import MacroEffects, TextConditionals, TextMacroExpander
from im2latex.latex.tokens import split

_EVENT = re.compile(rf"{CONTROL}|\$\$?|[{{}}]", re.DOTALL)
_BEFORE_END = re.compile(r"[\s\1]*(\\[A-Za-z@]+)[\s\1]*(\\(?:fi|else))(?![A-Za-z@])")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_INLINE = re.compile(rf"{CONTROL}|[{{}}$]", re.DOTALL)
_DRAWINGS = ("tikzpicture", "pgfpicture", "pspicture", "pspicture*")
"""Environments of drawings, where `$` may compute coordinates; their content is skipped."""
_GROUPING = frozenset(
    split(
        r"""
        \mbox \makebox \fbox \framebox \parbox \raisebox \emph \textbf \textit \textrm \textsf \texttt \textsc \textsl
        \textup \textmd \textnormal \hbox \vbox \vtop \footnote \centerline \leftline \rightline \scalebox \resizebox
        \colorbox \textcolor
        """
    )
)
"""Commands whose argument is a TeX group, so that definitions in it are local; other arguments are no groups."""
_MAX_UNREADABLE = 100
"""Limit on repeated failures for one reason in a file, each of which may scan a page of text."""


class FileReader:
    """Reads one file into a collector; `part` marks a document that another one inputs. Packages hold no formulas."""

    def __init__(
        self, path: str, text: str, collector: FormulaCollector, files: PaperFiles, part: bool = False
    ) -> None:
        self.path = path
        self.text = SourceText(text)
        self.collector = collector
        self._prints = not path.endswith((".sty", ".cls", ".def"))
        self._part = part
        self._macros = collector.macros
        self._effects = MacroEffects(collector.macros)
        self._macro_expander = TextMacroExpander(self.text, collector)
        self._text_conditionals = TextConditionals(self.text, collector, self._prints)
        self._input_commands = InputCommands(path, self.text, files, collector.count)
        self._failures: Counter[str] = Counter()
        self._global = False
        self._ended = False
        self._behind_command = -1
        self._behind_argument = -1

    def read(self) -> None:
        """Read to the end of the file or of the document."""
        while not self._ended and not self.collector.ended:
            match = _EVENT.search(self.text.text, self.text.position)
            if match is None:
                return
            self.text.position = match.end()
            self._event(match[0], match.start())

    def _event(self, token: str, start: int) -> None:
        if token == "{":
            self._open_brace(start)
        elif token == "}":
            self._close_brace()
        elif token == "$$":
            self._display(start, token, token)
        elif token == "$":
            self._inline(start, token)
        elif token in self._macros.definitions and self._macros.primitive(token) == token:
            if self._effects.changes_text(token):
                self._macro_expander.replace(token, start, self.text.position)
            self._behind_command = self.text.position
        else:
            self._command(self._macros.primitive(token), start)

    def _command(self, name: str, start: int) -> None:
        if name not in _FOLLOWED and not name.startswith("\\if"):
            if name not in _GROUPING and name[1:2].isalpha():
                self._behind_command = self.text.position
        elif name in DEFINITION_COMMANDS:
            self._definition(name)
        elif name == "\\global":
            self._global = True
            return
        elif name in _COMMANDS:
            _COMMANDS[name](self, start)
        elif name == "\\[":
            self._display(start, name, "\\]")
        elif name == "\\(":
            self._inline(start, name)
        elif name[1:] in DISPLAYS:
            self._display(start, name[1:], name[1:])
        elif name in INPUTS:
            self._input_commands.input(name)
        elif name in IMPORTS:
            self._input_commands.import_(name)
        elif name in PACKAGES:
            self._input_commands.packages(name)
        elif name in CONDITIONAL_COMMANDS:
            self._text_conditionals.choice(name, start)
            self._behind_command = self.text.position
        elif self._text_conditionals.may_begin(name):
            self._text_conditionals.conditional(name)
        else:
            self._behind_command = self.text.position
        self._global = False

    def _open_brace(self, start: int) -> None:
        before = self.text.text[start - 1 : start]
        argument = start in (self._behind_command, self._behind_argument) or before == "]"
        self.collector.open_group("(" if argument else "{")

    def _close_brace(self) -> None:
        argument = self.collector.groups[-1:] == ["("]
        if self.collector.close_group("(" if argument else "{") and argument:
            self._behind_argument = self.text.position

    def _definition(self, name: str) -> None:
        """Read a definition; one that cannot be parsed is counted."""
        if self._worth_trying("unreadable_definition"):
            start = self.text.position
            self.text.position = read_definition(name, self.text.text, start, self._macros, self._global)
            if self.text.position == start:
                self._failed("unreadable_definition")

    def _worth_trying(self, reason: str) -> bool:
        """Whether failures for the reason are still below the limit."""
        return self._failures[reason] < _MAX_UNREADABLE

    def _failed(self, reason: str) -> None:
        self._failures[reason] += 1
        self.collector.count(reason)

    def _begin(self, start: int) -> None:
        found = environment_at(self.text.text, self.text.position, self._macros)
        if found is None:
            return
        name, end = found
        if is_environment(name, self._macros) and self._environment(name, start, end):
            return
        self.text.position = end
        if name in DISPLAYS:
            self._display(start, name, name)
        elif name in _DRAWINGS:
            self._drawing(name)
        else:
            self.collector.open_group(name)

    def _environment(self, name: str, start: int, end: int) -> bool:
        """Expand the begin code of a user environment in place, in a group of its own."""
        body = self._macros.definitions[f"\\{name}"].parameters[-1:]
        if body and body[0].marks == end_of(name):
            return self._macro_expander.replace(f"\\{name}", start, end, "\\begingroup ", "\\endgroup ")
        if not (self._effects.changes_text(f"\\{name}") or self._effects.changes_text(f"\\end{name}")):
            return False
        return self._macro_expander.replace(f"\\{name}", start, end, "\\begingroup ")

    def _end(self, start: int) -> None:
        found = environment_at(self.text.text, self.text.position, self._macros)
        if found is None:
            return
        name, end = found
        if name == "document":
            self._ended = True
            self.collector.ended = not self._part
            return
        self.text.position = end
        if not self.collector.close_group(name) and is_environment(name, self._macros):
            self._macro_expander.replace(f"\\end{name}", start, end, "", "\\endgroup ")

    def _drawing(self, name: str) -> None:
        mark = f"\\end{{{name}}}"
        end = self.text.text.find(mark, self.text.position)
        if end >= 0:
            if "$" in self.text.text[self.text.position : end]:
                self.collector.count("drawing_not_read")
            self.text.position = end + len(mark)

    def _display(self, start: int, env: str, target: str) -> None:
        if not self._prints:
            return
        line = self.text.line_of(start)
        inside = self.text.position
        end = None
        if self._worth_trying("unclosed_display"):
            parts = (
                self.text,
                self.collector,
                self._effects,
                self._macro_expander,
                self._input_commands,
                self._text_conditionals,
            )
            end = DisplayScanner(*parts).find(target, MAX_FORMULA_CHARACTERS)
        if end is None:
            self._failed("unclosed_display")
            self.text.position = inside
            return
        self.text.position = end[1]
        self.collector.add(self.path, line, env, self.text.text[inside : end[0]])

    def _inline(self, start: int, opener: str) -> None:
        if not self._prints:
            return
        inside = self.text.position
        end = self._inline_end("$" if opener == "$" else "\\)")
        if end is None:
            self.collector.count("unclosed_inline")
            return
        self.text.position = end + (1 if opener == "$" else 2)
        self._add_inline(start, self.text.text[inside:end])

    def _ensured(self, start: int) -> None:
        r"""`\ensuremath` in text, which makes an inline formula of its argument."""
        if not self._prints:
            return
        try:
            body, self.text.position = read_argument(self.text.text, self.text.position)
        except LatexError:
            self.collector.count("unclosed_inline")
            return
        self._add_inline(start, body)

    def _add_inline(self, start: int, body: str) -> None:
        least = self.collector.min_inline
        if least is not None and len(" ".join(body.split())) >= least:
            self.collector.add(self.path, self.text.line_of(start), "inline", body)

    def _inline_end(self, closer: str) -> int | None:
        """Find the closing `$` outside of braces, in the same paragraph."""
        depth = 0
        limit = self.text.position + MAX_FORMULA_CHARACTERS
        if stop := _PARAGRAPH.search(self.text.text, self.text.position, limit):
            limit = stop.start()
        for match in _INLINE.finditer(self.text.text, self.text.position, limit):
            token = match[0]
            if token == closer and depth == 0:
                return match.start()
            macro = self._macros.definitions.get(token)
            hides_dollar = macro is not None and macro.body.count("$") % 2 == 1 and depth == 0
            if hides_dollar and self._macro_expander.replace(token, match.start(), match.end()):
                return self._inline_end(closer)
            depth += (token == "{") - (token == "}")
            if depth < 0:
                return None
        return None

    def _end_input(self, _start: int) -> None:
        self._ended = True

    def _build_name(self, start: int) -> None:
        r"""`\csname`, where it names a user macro or a display."""
        end = self.text.text.find("\\endcsname", self.text.position, self.text.position + 200)
        name = self.text.text[self.text.position : end].strip()
        if end < 0 or "\\" in name:
            return
        self.text.position = end + len("\\endcsname")
        if name in DISPLAYS:
            self._display(start, name, name)
        elif f"\\{name}" in self._macros.definitions and name.isalpha():
            self.text.replace(start, self.text.position, f"\\{name} ")

    def _expand_after(self, start: int) -> None:
        r"""`\expandafter` before a macro at the end of a branch, as in a recursive loop: the branch ends first."""
        match = _BEFORE_END.match(self.text.text, self.text.position)
        if match and self._text_conditionals.in_known_branch():
            self.text.replace(start, self._text_conditionals.behind(match[2], match.end()), f"{match[1]} ")


_COMMANDS: dict[str, Callable[[FileReader, int], object]] = {
    "\\begin": FileReader._begin,
    "\\end": FileReader._end,
    **dict.fromkeys(["\\else", "\\or"], lambda reader, _: reader._text_conditionals.leave("\\else")),
    "\\fi": lambda reader, _: reader._text_conditionals.leave("\\fi"),
    "\\endinput": FileReader._end_input,
    "\\begingroup": lambda reader, _: reader.collector.open_group("\\begingroup"),
    "\\endgroup": lambda reader, _: reader.collector.close_group("\\begingroup"),
    "\\bgroup": lambda reader, _: reader.collector.open_group("{"),
    "\\egroup": lambda reader, _: reader.collector.close_group("{"),
    "\\csname": FileReader._build_name,
    "\\expandafter": FileReader._expand_after,
    "\\ensuremath": FileReader._ensured,
    "\\InputIfFileExists": lambda reader, start: reader._input_commands.input_if_exists(start),
}
_FOLLOWED = frozenset(
    {
        "\\global",
        "\\[",
        "\\(",
        "\\unless",
        *DEFINITION_COMMANDS,
        *_COMMANDS,
        *INPUTS,
        *IMPORTS,
        *PACKAGES,
        *CONDITIONAL_COMMANDS,
    }
    | {f"\\{name}" for name in DISPLAYS}
)
"""All commands that are processed, apart from conditionals."""
