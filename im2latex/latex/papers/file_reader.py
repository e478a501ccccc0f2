r"""One file of a paper, read from the front as TeX reads it, as far as formulas depend on it.

Groups, definitions, conditionals, inputs and user macros that hold any of these or a formula are followed where they
stand; all other text is passed over.
"""

import re
from collections import Counter
from collections.abc import Callable

from im2latex.errors import LatexError
from im2latex.latex.papers.branches import Branches
from im2latex.latex.papers.choices import CHOICES
from im2latex.latex.papers.collecting import Collection
from im2latex.latex.papers.defining import READERS, define, end_of
from im2latex.latex.papers.display_end import DisplayEnd, environment_at
from im2latex.latex.papers.displays import DISPLAYS
from im2latex.latex.papers.expansion import is_environment
from im2latex.latex.papers.file_inputs import MOST_FORMULA_CHARACTERS, FileInputs, Files
from im2latex.latex.papers.inputs import IMPORTS, INPUTS, PACKAGES
from im2latex.latex.papers.lexer import CONTROL, read_argument
from im2latex.latex.papers.relevance import Relevance
from im2latex.latex.papers.text import Text
from im2latex.latex.papers.text_macros import TextMacros
from im2latex.latex.tokens import split

_EVENT = re.compile(rf"{CONTROL}|\$\$?|[{{}}]", re.DOTALL)
_BEFORE_END = re.compile(r"[\s\1]*(\\[A-Za-z@]+)[\s\1]*(\\(?:fi|else))(?![A-Za-z@])")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_INLINE = re.compile(rf"{CONTROL}|[{{}}$]", re.DOTALL)
_IMAGES = ("tikzpicture", "pgfimage", "psimage", "psimage*")
r"""Environments in which `$` may compute coordinates; what they hold is not read."""
_GROUPING = frozenset(
    split(
        r"""
        \mbox \makebox \fbox \framebox \parbox \raisebox \emph \textbf \textit \textrm \textsf \texttt \textsc \textsl
        \textup \textmd \textnormal \hbox \vbox \vtop \footnote \centerline \leftline \rightline \scalebox \resizebox
        \colorbox \textcolor
        """
    )
)
"""Commands whose argument is a group, so that a definition in it is local; that of others may be read as it is."""
_MOST_UNREADABLE = 100
"""What fails in one file for one reason is tried that often, each time perhaps over a whole page."""


class FileReader:
    """Reads one file into a collection. `packages` print nothing; `part` is a document inside another."""

    def __init__(self, path: str, text: str, collection: Collection, files: Files, part: bool = False) -> None:
        self.path = path
        self.text = Text(text)
        self.collection = collection
        self._prints = not path.endswith((".sty", ".cls", ".def"))
        self._part = part
        self._macros = collection.macros
        self._relevance = Relevance(collection.macros)
        self._replacing = TextMacros(self.text, collection)
        self._branches = Branches(self.text, collection, self._prints)
        self._inputs = FileInputs(path, self.text, collection, files)
        self._failures: Counter[str] = Counter()
        self._global = False
        self._ended = False
        self._behind_command = -1
        self._behind_argument = -1

    def read(self) -> None:
        """Read to the end of the file or of the document."""
        while not self._ended and not self.collection.ended:
            match = _EVENT.search(self.text.text, self.text.place)
            if match is None:
                return
            self.text.place = match.end()
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
        elif token in self._macros.known and self._macros.primitive(token) == token:
            if self._relevance.in_text(token):
                self._replacing.replace(token, start, self.text.place)
            self._behind_command = self.text.place
        else:
            self._command(self._macros.primitive(token), start)

    def _command(self, name: str, start: int) -> None:
        if name not in _FOLLOWED and not name.startswith("\\if"):
            if name not in _GROUPING and name[1:2].isalpha():
                self._behind_command = self.text.place
        elif name in READERS:
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
            self._inputs.input(name)
        elif name in IMPORTS:
            self._inputs.import_(name)
        elif name in PACKAGES:
            self._inputs.packages(name)
        elif name in CHOICES:
            self._branches.choice(name, start)
            self._behind_command = self.text.place
        elif self._branches.may_begin(name):
            self._branches.conditional(name)
        else:
            self._behind_command = self.text.place
        self._global = False

    def _open_brace(self, start: int) -> None:
        before = self.text.text[start - 1 : start]
        argument = start in (self._behind_command, self._behind_argument) or before == "]"
        self.collection.open_group("(" if argument else "{")

    def _close_brace(self) -> None:
        argument = self.collection.groups[-1:] == ["("]
        if self.collection.close_group("(" if argument else "{") and argument:
            self._behind_argument = self.text.place

    def _definition(self, name: str) -> None:
        """Take a definition; one that cannot be read is counted."""
        if self._worth_trying("unreadable_definition"):
            start = self.text.place
            self.text.place = define(name, self.text.text, start, self._macros, self._global)
            if self.text.place == start:
                self._failed("unreadable_definition")

    def _worth_trying(self, reason: str) -> bool:
        """Whether what has failed in this file for that reason may still be tried: each failure reads a page on."""
        return self._failures[reason] < _MOST_UNREADABLE

    def _failed(self, reason: str) -> None:
        self._failures[reason] += 1
        self.collection.count(reason)

    def _begin(self, start: int) -> None:
        found = environment_at(self.text.text, self.text.place, self._macros)
        if found is None:
            return
        name, end = found
        if is_environment(name, self._macros) and self._environment(name, start, end):
            return
        self.text.place = end
        if name in DISPLAYS:
            self._display(start, name, name)
        elif name in _IMAGES:
            self._image(name)
        else:
            self.collection.open_group(name)

    def _environment(self, name: str, start: int, end: int) -> bool:
        r"""Put the code of an environment of the paper in place of its `\begin`, in a group of its own."""
        body = self._macros.known[f"\\{name}"].parameters[-1:]
        if body and body[0].marks == end_of(name):
            return self._replacing.replace(f"\\{name}", start, end, "\\begingroup ", "\\endgroup ")
        if not (self._relevance.in_text(f"\\{name}") or self._relevance.in_text(f"\\end{name}")):
            return False
        return self._replacing.replace(f"\\{name}", start, end, "\\begingroup ")

    def _end(self, start: int) -> None:
        found = environment_at(self.text.text, self.text.place, self._macros)
        if found is None:
            return
        name, end = found
        if name == "document":
            self._ended = True
            self.collection.ended = not self._part
            return
        self.text.place = end
        if not self.collection.close_group(name) and is_environment(name, self._macros):
            self._replacing.replace(f"\\end{name}", start, end, "", "\\endgroup ")

    def _image(self, name: str) -> None:
        mark = f"\\end{{{name}}}"
        end = self.text.text.find(mark, self.text.place)
        if end >= 0:
            if "$" in self.text.text[self.text.place : end]:
                self.collection.count("drawing_not_read")
            self.text.place = end + len(mark)

    def _display(self, start: int, env: str, target: str) -> None:
        if not self._prints:
            return
        line = self.text.line_of(start)
        inside = self.text.place
        end = None
        if self._worth_trying("unclosed_display"):
            parts = (self.text, self.collection, self._relevance, self._replacing, self._inputs, self._branches)
            end = DisplayEnd(*parts).find(target, MOST_FORMULA_CHARACTERS)
        if end is None:
            self._failed("unclosed_display")
            self.text.place = inside
            return
        self.text.place = end[1]
        self.collection.keep(self.path, line, env, self.text.text[inside : end[0]])

    def _inline(self, start: int, opener: str) -> None:
        if not self._prints:
            return
        inside = self.text.place
        end = self._inline_end("$" if opener == "$" else "\\)")
        if end is None:
            self.collection.count("unclosed_inline")
            return
        self.text.place = end + (1 if opener == "$" else 2)
        self._keep_inline(start, self.text.text[inside:end])

    def _ensured(self, start: int) -> None:
        r"""`\ensuremath`, which outside of formulas makes one of its argument."""
        if not self._prints:
            return
        try:
            body, self.text.place = read_argument(self.text.text, self.text.place)
        except LatexError:
            self.collection.count("unclosed_inline")
            return
        self._keep_inline(start, body)

    def _keep_inline(self, start: int, body: str) -> None:
        least = self.collection.min_inline
        if least is not None and len(" ".join(body.split())) >= least:
            self.collection.keep(self.path, self.text.line_of(start), "inline", body)

    def _inline_end(self, closer: str) -> int | None:
        """The closing `$` outside braces, in the same paragraph."""
        depth = 0
        limit = self.text.place + MOST_FORMULA_CHARACTERS
        if stop := _PARAGRAPH.search(self.text.text, self.text.place, limit):
            limit = stop.start()
        for match in _INLINE.finditer(self.text.text, self.text.place, limit):
            token = match[0]
            if token == closer and depth == 0:
                return match.start()
            macro = self._macros.known.get(token)
            hides_dollar = macro is not None and macro.body.count("$") % 2 == 1 and depth == 0
            if hides_dollar and self._replacing.replace(token, match.start(), match.end()):
                return self._inline_end(closer)
            depth += (token == "{") - (token == "}")
            if depth < 0:
                return None
        return None

    def _end_input(self, _start: int) -> None:
        self._ended = True

    def _build_name(self, start: int) -> None:
        r"""`\csname`, where it is a macro of the paper or a display."""
        end = self.text.text.find("\\endcsname", self.text.place, self.text.place + 200)
        name = self.text.text[self.text.place : end].strip()
        if end < 0 or "\\" in name:
            return
        self.text.place = end + len("\\endcsname")
        if name in DISPLAYS:
            self._display(start, name, name)
        elif f"\\{name}" in self._macros.known and name.isalpha():
            self.text.replace(start, self.text.place, f"\\{name} ")

    def _expand_after(self, start: int) -> None:
        r"""A macro behind whose name a branch ends, as in a loop that calls itself: the end comes first."""
        match = _BEFORE_END.match(self.text.text, self.text.place)
        if match and self._branches.in_known_branch():
            self.text.replace(start, self._branches.behind(match[2], match.end()), f"{match[1]} ")


_COMMANDS: dict[str, Callable[[FileReader, int], object]] = {
    "\\begin": FileReader._begin,
    "\\end": FileReader._end,
    **dict.fromkeys(["\\else", "\\or"], lambda reader, _: reader._branches.leave("\\else")),
    "\\fi": lambda reader, _: reader._branches.leave("\\fi"),
    "\\endinput": FileReader._end_input,
    "\\begingroup": lambda reader, _: reader.collection.open_group("\\begingroup"),
    "\\endgroup": lambda reader, _: reader.collection.close_group("\\begingroup"),
    "\\bgroup": lambda reader, _: reader.collection.open_group("{"),
    "\\egroup": lambda reader, _: reader.collection.close_group("{"),
    "\\csname": FileReader._build_name,
    "\\expandafter": FileReader._expand_after,
    "\\ensuremath": FileReader._ensured,
    "\\InputIfFileExists": lambda reader, start: reader._inputs.input_if_exists(start),
}
_FOLLOWED = frozenset(
    {"\\global", "\\[", "\\(", "\\unless", *READERS, *_COMMANDS, *INPUTS, *IMPORTS, *PACKAGES, *CHOICES}
    | {f"\\{name}" for name in DISPLAYS}
)
"""All commands that are not passed over, apart from conditionals."""
