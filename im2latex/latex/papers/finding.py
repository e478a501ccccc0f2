r"""Formulas of one paper, in the order of the text, macros expanded with the definitions in force where they stand.

The text is read once from its main files on: definitions are taken as they come, `\input` is followed inside the
paper, and shorthands for displays (`\be ... \ee`, environments of the paper's own) are expanded where they stand, so
that the displays themselves can be found. Whatever was found and cannot be kept has a reason.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from im2latex.errors import LatexError
from im2latex.latex.papers.definitions import MOST_UNREADABLE, READERS, begin_name, define, definitions
from im2latex.latex.papers.displays import DISPLAYS, typeset_inside
from im2latex.latex.papers.inputs import FILE, main_files, resolve
from im2latex.latex.papers.lexer import JOIN, read_argument, tokens, untokenize, visible
from im2latex.latex.papers.macros import Macros

_EVENT = re.compile(r"\\(?:[A-Za-z@]+\*?|.)|\$\$?", re.DOTALL)
_BEGIN = re.compile(r"\s*\{([^{}\\]*)\}")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_INLINE = re.compile(r"\\.|[{}$]", re.DOTALL)
_DISPLAY_MARK = re.compile(r"\\(?:begin|end)\s*\{(?:" + "|".join(map(re.escape, DISPLAYS)) + r")\}|\\[][]|\$\$")
_INPUTS = ("\\input", "\\include", "\\subfile")
_IMPORTS = ("\\import", "\\subimport", "\\inputfrom", "\\includefrom")
_PACKAGES = ("\\usepackage", "\\RequirePackage", "\\documentclass", "\\LoadClass")
_NO_FORMULA = re.compile(
    r"\\(?:ref|eqref|cref|cite[a-z]*|footnote|includegraphics|caption|item|begin\s*\{(?:tabular|figure|table|tikz|itemize|"
    r"enumerate|picture|minipage|center))(?![a-z])"
)
MOST_FORMULA_CHARACTERS = 20_000
"""Longer displays are no formulas but unclosed ones."""
_MOST_SHORTHANDS = 20_000
_MOST_COPIED = 20_000_000_000  # characters: each shorthand copies the file; 2 MB with 6,000 of them need 12e9
_MOST_FILES = 200


@dataclass(frozen=True, slots=True)
class Found:
    """One formula of a paper; `reason` says why it has no `formula`. Lines count from 1."""

    file: str
    line: int
    env: str
    raw: str
    formula: str | None
    reason: str = ""


@dataclass
class Walk:
    """One reading of a paper. `files` maps paths to sources; `reasons` counts what else went wrong."""

    files: Mapping[str, str]
    min_inline: int | None
    macros: Macros
    found: list[Found] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _shorthands: int = 0
    _copied: int = 0
    _read: int = 0

    def paper(self) -> list[Found]:
        """Read all main files; returns what was found."""
        for path in main_files(self.files):
            self.file(path)
        return self.found

    def file(self, path: str) -> None:
        """Read one file; one that is being read already, or one too many, is skipped and counted."""
        self._read += 1
        if path in self._open or self._read > _MOST_FILES:
            self.count("input_cycle" if path in self._open else "too_many_files")
            return
        self._open.append(path)
        _File(self, path, visible(self.files[path])).read()
        self._open.pop()

    def count(self, reason: str) -> None:
        """Note something that is no formula."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def shorthand_allowed(self, characters: int) -> bool:
        """Whether another shorthand may be expanded in a file of that size."""
        self._shorthands += 1
        self._copied += characters
        return self._shorthands <= _MOST_SHORTHANDS and self._copied <= _MOST_COPIED


class _File:
    """One file, read from the front; `text` changes ahead of `place` only."""

    def __init__(self, walk: Walk, path: str, text: str) -> None:
        self.walk = walk
        self.path = path
        self.text = text
        self.place = 0
        self._counted = 0
        self._line = 1
        self._failures: Counter[str] = Counter()

    def read(self) -> None:
        while match := _EVENT.search(self.text, self.place):
            self.place = match.end()
            self._event(match[0], match.start())

    def _event(self, event: str, start: int) -> None:
        name = event.rstrip("*") if event[1:2].isalpha() else event
        if name in READERS:
            self._definition(name, start + len(name))
        elif name == "\\begin":
            self._begin(start)
        elif event in ("\\[", "$$"):
            self._display(start, event, "\\]" if event == "\\[" else "$$")
        elif event in ("$", "\\("):
            self._inline(start, event)
        elif name in _INPUTS:
            self._input()
        elif name in _IMPORTS:
            self._import()
        elif name in _PACKAGES:
            self._packages()
        elif event[0] == "\\":
            self._shorthand(name, start)

    def _definition(self, name: str, start: int) -> None:
        """Take a definition; one that cannot be read is counted."""
        if self._worth_trying("unreadable_definition"):
            self.place = define(name, self.text, start, self.walk.macros)
            if self.place == start:
                self._failed("unreadable_definition")

    def _worth_trying(self, reason: str) -> bool:
        """Whether what has failed in this file for that reason may still be tried: each failure reads a page on."""
        return self._failures[reason] < MOST_UNREADABLE

    def _failed(self, reason: str) -> None:
        self._failures[reason] += 1
        self.walk.count(reason)

    def _begin(self, start: int) -> None:
        match = _BEGIN.match(self.text, self.place)
        if match is None:
            return
        if begin_name(match[1]) in self.walk.macros.known and self._replace(begin_name(match[1]), start, match.end()):
            return
        if match[1] in DISPLAYS:
            self.place = match.end()
            self._display(start, match[1], f"\\end{{{match[1]}}}")

    def _display(self, start: int, env: str, closer: str) -> None:
        inside = self.place
        end = self._find(closer) if self._worth_trying("unclosed_display") else None
        if end is None:
            self._failed("unclosed_display")
            self.place = inside
            return
        body = self.text[inside:end]
        self.place = end + len(closer)
        self._keep(start, env, body)

    def _find(self, closer: str) -> int | None:
        """The place of the closer, shorthands on the way expanded; None where there is none in reach."""
        nested = 0
        opener = closer.replace("\\end", "\\begin", 1)
        here = self.place
        while match := _EVENT.search(self.text, here):
            if match.start() - self.place > MOST_FORMULA_CHARACTERS:
                return None
            here = match.end()
            event = match[0]
            if self.text.startswith(closer, match.start()) and event in closer:
                if not nested:
                    return match.start()
                nested -= 1
            elif opener != closer and self.text.startswith(opener, match.start()):
                nested += 1
            elif event in ("\\begin", "\\end") and (argument := _BEGIN.match(self.text, here)):
                name = f"{event}{{{argument[1]}}}"
                if name in self.walk.macros.known and self._replace(name, match.start(), argument.end()):
                    here = match.start()
                elif self.text[match.start() : argument.end()] != name:  # a space before the brace hides the closer
                    self.text = self.text[: match.start()] + name + self.text[argument.end() :]
                    here = match.start()
            elif self._shorthand(event.rstrip("*"), match.start()):
                here = match.start()
        return None

    def _inline(self, start: int, opener: str) -> None:
        inside = self.place
        end = self._inline_end("$" if opener == "$" else "\\)")
        if end is None:
            self.walk.count("unclosed_inline")
            self.place = inside
            return
        self.place = end + (1 if opener == "$" else 2)
        body = self.text[inside:end]
        least = self.walk.min_inline
        if least is not None and len(" ".join(body.split())) >= least:
            self._keep(start, "inline", body)

    def _inline_end(self, closer: str) -> int | None:
        """The closing `$` outside braces, in the same paragraph."""
        depth = 0
        limit = self.place + MOST_FORMULA_CHARACTERS
        if stop := _PARAGRAPH.search(self.text, self.place, limit):
            limit = stop.start()
        for match in _INLINE.finditer(self.text, self.place, limit):
            token = match[0]
            if token == closer and depth == 0:
                return match.start()
            depth += (token == "{") - (token == "}")
            if depth < 0:
                return None
        return None

    def _keep(self, start: int, env: str, body: str) -> None:
        line = self._line_of(start)
        raw = " ".join(body.replace(JOIN, "").split())
        try:
            formula = self._formula(raw, env)
        except LatexError as error:
            self.walk.found.append(Found(self.path, line, env, raw, None, error.reason))
        else:
            self.walk.found.append(Found(self.path, line, env, raw, formula))

    def _formula(self, raw: str, env: str) -> str:
        if not raw:
            raise LatexError("empty")
        macros = self.walk.macros
        if any(name in raw for name in READERS):  # definitions inside a formula hold for that formula
            macros = macros.copy()
            for definition in definitions(raw, macros):
                raw = raw.replace(definition, " ")
        expanded = macros.expand_tokens(tokens(raw))
        formula = typeset_inside(expanded, env)
        if not formula:
            raise LatexError("empty")
        if _NO_FORMULA.search(formula):
            raise LatexError("no_formula", "holds a reference, a list or a picture")
        return formula

    def _line_of(self, place: int) -> int:
        piece = self.text[self._counted : place]
        self._line += piece.count("\n") + piece.count(JOIN)
        self._counted = place
        return self._line

    def _input(self) -> None:
        match = FILE.match(self.text, self.place)
        if match is None:
            return
        self.place = match.end()
        self._follow(match[1] or match[2] or "")

    def _import(self) -> None:
        r"""`\import{folder/}{file}` of the package import."""
        try:
            folder, here = read_argument(self.text, self.place)
            name, self.place = read_argument(self.text, here)
        except LatexError:
            return
        self._follow(posixpath.join(folder.strip(), name.strip()))

    def _follow(self, name: str) -> None:
        target = resolve(name, self.path, self.walk.files)
        if target is None:
            self.walk.count("missing_input")
        else:
            self.walk.file(target)

    def _packages(self) -> None:
        match = FILE.match(self.text, self.place)
        if match is None:
            return
        self.place = match.end()
        for package in (match[1] or "").split(","):
            target = resolve(package, self.path, self.walk.files, (".sty", ".cls"))
            if target is not None:
                self.walk.file(target)

    def _is_shorthand(self, name: str) -> bool:
        """Whether a macro of the paper opens or closes a display."""
        macro = self.walk.macros.known.get(name)
        return macro is not None and _DISPLAY_MARK.search(untokenize(macro.body)) is not None

    def _shorthand(self, name: str, start: int) -> bool:
        return self._is_shorthand(name) and self._replace(name, start, start + len(name))

    def _replace(self, name: str, start: int, end: int) -> bool:
        """Put the meaning of a macro, with its arguments, in its place; the number of lines stays."""
        macro = self.walk.macros.known[name]
        if name in macro.body:
            return False
        if not self.walk.shorthand_allowed(len(self.text)):
            self.walk.count("macro_bomb")
            return False
        here, replacement = end, untokenize(macro.body)
        try:
            arguments = []
            for _ in macro.parameters:
                argument, here = read_argument(self.text, here)
                arguments.append(argument)
        except LatexError:
            return False
        for number, argument in enumerate(arguments, 1):
            replacement = replacement.replace(f"#{number}", argument)
        lines = self.text.count("\n", start, here) - replacement.count("\n")
        self.text = f"{self.text[:start]}{replacement} {chr(10) * lines}{self.text[here:]}"
        self.place = min(self.place, start)
        return True
