r"""Lexer: LaTeX source to the tokens of normalized formulas, without parsing and without errors.

It drops what TeX ignores: spaces, comments, and whether an argument or a script is in braces (`x^2`, `\frac12`; The
TeXbook, chapter 20: an undelimited argument is the next token or group). So equivalent sources of one token list give
equal tokens, and a normalized formula is a fixed point. What the normalizer's rules change stays: synonyms, the order
of scripts, redundant braces.

Every string has tokens. A missing brace or argument does not stop the lexer.
"""

import re
from dataclasses import dataclass

from im2latex.latex.parser.cursor import COMMENT, OPTION_AFTER_SPACE
from im2latex.latex.parser.quantities import LENGTH, QUANTITIES
from im2latex.latex.parser.signatures import BRACKET_AFTER_SPACE, COMMANDS, CONTROL_SPACE, ENVIRONMENTS
from im2latex.latex.parser.table_parser import INSERTIONS
from im2latex.latex.tokens import join, squeeze

_SKIPPED = re.compile(r"(?:\s|%[^\n]*\n?)*")
_LEXEME = re.compile(r"\\(?:[A-Za-z]+|.)|.", re.DOTALL)
_SHIFTS = re.compile(r"\s*(\$\$?|\\[(\[])((?:\\[^)\]]|[^\\$])*)(?:\$\$?|\\[)\]])\s*", re.DOTALL)
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{\s*([A-Za-z]+\*?)\s*\}")
_PLACEMENT = re.compile(r"\[\s*([tbclr|]*|[-+]?[\d.,]+\s*[a-z]+)\s*\]")
_GAP = re.compile(r"(\*?)\[\s*((?:[^][{}\\$&]|\\[A-Za-z]+)*?)\s*\]")
_BRACE = re.compile(r"\\.|%[^\n]*|[{}]", re.DOTALL)
_CONTROL_SPACE = re.compile(r"\\(?:\\|\s)")
_ROOT_MOVED = re.compile(r"\[\s*(\\(?:leftroot|uproot)(?![A-Za-z])(?:[^][{}]|\{[^{}]*\})*)\]")
"""An option that the normalizer writes as part of the preceding token, see `serializer.write`."""
_NO_ARGUMENT = frozenset(["}", "]", "&", "^", "_", "\\\\", "\\right", "\\end"])
_SCRIPTS_AND_FENCES = {"^": "m", "_": "m", "\\left": "d", "\\right": "d"}
_MATHEMATICS = frozenset("mohfu")
_MAYBE_BARE = frozenset("fu")
"""Kinds whose argument may be a single symbol without braces; braces would change the image."""
_WORDS = frozenset("rqw")


def lex(source: str) -> list[str]:
    """Return the tokens of LaTeX source; never raises. Where TeX sees nothing, the source split at its spaces."""
    shifts = _SHIFTS.fullmatch(source)
    return _Lexer(shifts[2] if shifts else source).run() or source.split()


@dataclass(slots=True)
class _Command:
    """A command whose arguments are being read: the remaining kinds, and what ends the present argument."""

    kinds: str
    text: bool = False
    ends_with: str = ""
    """`]` for an option, `}` for an argument that gets braces, else empty."""


class _Lexer:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._out: list[str] = []
        self._levels: list[list[_Command]] = [[]]
        """For each open brace the commands whose arguments are being read inside it, the innermost last."""
        self._environments: list[str] = []

    def run(self) -> list[str]:
        """Tokenize the whole source."""
        while (token := self._next()) is not None:
            if token == "{":
                self._out.append(token)
                self._levels.append([])
            elif token == "}":
                self._out.append(token)
                if len(self._levels) > 1:
                    self._levels.pop()
                self._finished()
            elif token == "]" and self._levels[-1] and self._levels[-1][-1].ends_with == "]":
                self._out.append(token)
                self._levels[-1][-1].ends_with = ""
                self._arguments()
            else:
                self._command(token)
        return self._out

    def _next(self) -> str | None:
        """Consume the next lexeme; None at the end."""
        self._skip()
        if self._at >= len(self._source):
            return None
        match = _LEXEME.match(self._source, self._at)
        assert match is not None
        self._at = match.end()
        return CONTROL_SPACE if match[0][0] == "\\" and not match[0][1:].strip() else match[0]

    def _peek(self) -> str:
        self._skip()
        match = _LEXEME.match(self._source, self._at)
        return match[0] if match else "}"  # the end closes all open braces

    def _skip(self) -> None:
        match = _SKIPPED.match(self._source, self._at)
        assert match is not None
        self._at = match.end()

    def _command(self, token: str) -> None:
        """Write a lexeme and start reading its arguments."""
        kinds = COMMANDS.get(token) or _SCRIPTS_AND_FENCES.get(token, "")
        if token in ("\\begin", "\\end"):
            token, kinds = self._environment(token)
        elif token == "\\\\":
            token = self._row_break()
        self._out.append(token)
        if kinds:
            self._levels[-1].append(_Command(kinds, text=kinds.endswith(("t", "v", "x"))))
            self._arguments()
        else:
            self._finished()

    def _environment(self, token: str) -> tuple[str, str]:
        """Return the begin or end of an environment as one token, with the kinds of its arguments."""
        match = _ENVIRONMENT.match(self._source, self._at - len(token))
        if match is None:
            return token, ""
        self._at = match.end()
        token = f"\\{match[1]}{{{match[2]}}}"
        if match[1] == "end":
            del self._environments[-1:]
            return token, ""
        self._environments.append(match[2])
        kinds = ENVIRONMENTS.get(match[2], "").replace("r", "l")  # written in braces, unlike raw words of commands
        if match[2] in OPTION_AFTER_SPACE:
            self._skip()
        while kinds.startswith("p") and (placement := _PLACEMENT.match(self._source, self._at)):
            self._at = placement.end()
            token += f"[{_squeezed(placement[1])}]"
        return token, kinds.removeprefix("p")

    def _row_break(self) -> str:
        r"""Read a `\\` with its star and gap."""
        if self._environments and self._environments[-1] in BRACKET_AFTER_SPACE:
            self._skip()
        gap = _GAP.match(self._source, self._at)
        if gap and (length := _squeezed(gap[2])) and LENGTH.fullmatch(length):
            self._at = gap.end()
            return f"\\\\{gap[1]}[{length}]"
        if self._source.startswith("*", self._at):
            self._at += 1
            return "\\\\*"
        return "\\\\"

    def _finished(self) -> None:
        """Close the arguments without braces that end with the last lexeme, and continue with their commands."""
        commands = self._levels[-1]
        while commands and commands[-1].ends_with != "]":
            if commands[-1].ends_with == "}":
                self._out.append("}")
            commands[-1].ends_with = ""
            if self._waits(commands[-1]):
                return
            commands.pop()

    def _arguments(self) -> None:
        """Continue with the innermost command."""
        if not self._waits(self._levels[-1][-1]):
            self._levels[-1].pop()
            self._finished()

    def _waits(self, command: _Command) -> bool:
        """Read arguments up to one that is mathematics; returns False where all are read."""
        while command.kinds:
            kind, command.kinds = command.kinds[0], command.kinds[1:]
            if kind not in _MATHEMATICS:
                self._raw(kind, command.text)
            elif kind == "o" and self._peek() == "[" and self._moved_root():
                continue
            elif kind == "o" and self._peek() == "[":
                self._at += 1
                self._out.append("[")
                command.ends_with = "]"
                return True
            elif kind != "o" and self._peek() == "{":
                return True
            elif kind in _MAYBE_BARE and not self._peek().isalnum():
                continue
            elif kind != "o" and self._peek() not in _NO_ARGUMENT:
                self._out.append("{")
                command.ends_with = "}"
                return True
        return False

    def _moved_root(self) -> bool:
        """Read an option that is part of the preceding token."""
        option = _ROOT_MOVED.match(self._source, self._at)
        if option is None:
            return False
        self._out[-1] += f"[{squeeze(join(lex(option[1])))}]"
        self._at = option.end()
        return True

    def _raw(self, kind: str, text: bool) -> None:
        """Read an argument that is not mathematics; for a command with text it becomes part of the token."""
        following = self._peek()
        if kind == "*" and following == "*":
            self._at += 1
            self._out[-1] += "*"
        elif kind in "by" and following == "[" and (close := self._source.find("]", self._at)) > 0:
            self._out[-1] += f"[{_squeezed(self._source[self._at + 1 : close])}]"
            self._at = close + 1
        elif kind in "tvxlrcdqw" and following == "{":
            self._braced(kind, text)
        elif kind == "d" and following not in _NO_ARGUMENT - {"]"}:
            self._out.append(self._next() or "")
        elif kind in "tvrw" and following not in _NO_ARGUMENT:
            self._out[-1] += f"{{{self._next()}}}"
        elif kind == "c" and following not in _NO_ARGUMENT:
            self._out += ["{", self._next() or "", "}"]
        elif kind in QUANTITIES and (match := QUANTITIES[kind].pattern.match(self._source, self._at)) and match[1]:
            self._at = match.end()
            self._out.append(_squeezed(match[1]))

    def _braced(self, kind: str, text: bool) -> None:
        """Read a brace group verbatim; an unclosed one is left to the following lexemes."""
        inside = self._group()
        if inside is None:
            return
        if kind in "tvx":
            inside = _CONTROL_SPACE.sub(lambda match: "~" if match[0][1].isspace() else match[0], inside)
            self._out[-1] += "{" + "~".join(inside.split()) + "}" if inside.strip() else "{~}" if inside else "{}"
        elif kind in _WORDS or text:
            self._out[-1] += f"{{{squeeze(inside)}}}"
        elif kind == "d":
            self._out.append(_squeezed(inside) or ".")
        else:
            self._out += [
                "{",
                *(_columns(inside) if kind == "c" else [_squeezed(inside)] if inside.strip() else []),
                "}",
            ]

    def _group(self) -> str | None:
        """Consume a group and return its inside without comments; None where it is unclosed."""
        depth = 0
        for match in _BRACE.finditer(self._source, self._at):
            depth += (match[0] == "{") - (match[0] == "}")
            if depth == 0 and match[0] == "}":
                inside = self._source[self._at + 1 : match.start()]
                self._at = match.end()
                return COMMENT.sub("", inside)
        return None


def _columns(specification: str) -> list[str]:
    """Split a column specification into one token per column."""
    found: list[str] = []
    depth = 0
    for match in _LEXEME.finditer(specification):
        if depth or match[0] == "{":
            if not found:
                found.append("")
            found[-1] += f" {CONTROL_SPACE} " if match[0][0] == "\\" and match[0][1:].isspace() else match[0]
            depth += (match[0] == "{") - (match[0] == "}")
        elif match[0].strip():
            found.append(match[0])
    return [
        part
        for column in found
        for part in (squeeze(column).split() if column[0] in INSERTIONS else [_squeezed(column)])
    ]


def _squeezed(text: str) -> str:
    return "".join(text.split())
