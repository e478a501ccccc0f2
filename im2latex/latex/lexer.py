r"""A lexer: LaTeX source to the tokens of `tokens`, without parsing it and without refusing anything.

What TeX does not see is gone: spaces, comments, and whether an argument or a script stands in braces (`x^2`, `\frac12`;
The TeXbook, chapter 20: an undelimited argument is the next token or group). So two ways to type one list of tokens
give one result, and a normalized formula is its own result. What the normalizer's rules do is left as it is: synonyms,
the order of scripts, braces that group nothing.

Every string has tokens. Where a brace or an argument is missing, the rest is cut as if it were there.
"""

import re
from dataclasses import dataclass

from im2latex.errors import LatexError
from im2latex.latex.columns import columns
from im2latex.latex.signatures import BRACKET_AFTER_SPACE, COMMANDS, CONTROL_SPACE, ENVIRONMENTS, UNIT
from im2latex.latex.tokens import squeeze

_SKIPPED = re.compile(r"(?:\s|%[^\n]*\n?)*")
_LEXEME = re.compile(r"\\(?:[A-Za-z]+|.)|.", re.DOTALL)
_SHIFTS = re.compile(r"\s*(\$\$?|\\[(\[])((?:\\[^)\]]|[^\\$])*)(?:\$\$?|\\[)\]])\s*", re.DOTALL)
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{\s*([A-Za-z]+\*?)\s*\}")
_PLACEMENT = re.compile(r"\s*\[\s*([tbclr])\s*\]")
_GAP = re.compile(r"(\*?)\[\s*([^][{}\\$&]*?)\s*\]")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_LENGTH = re.compile(rf"[-+]?\s*(?:\d+[.,]?\d*|[.,]\d+)\s*{UNIT}")
_INTEGER = re.compile(r"`\\?.|\"[0-9A-F]+|'[0-7]+|\d+")
_NO_ARGUMENT = frozenset(["}", "]", "&", "^", "_", "\\\\", "\\right", "\\end"])
_SCRIPTS_AND_FENCES = {"^": "m", "_": "m", "\\left": "d", "\\right": "d"}
_MATHEMATICS = frozenset("mo")


def lex(source: str) -> list[str]:
    """The tokens of LaTeX source; no string makes it raise."""
    shifts = _SHIFTS.fullmatch(source)
    return _Lexer(shifts[2] if shifts else source).run()


@dataclass(slots=True)
class _Command:
    """A command whose arguments are being read: the kinds still due, and what ends the argument at hand."""

    kinds: str
    text: bool = False
    ends_with: str = ""
    """`]` for an option, `}` for a bare argument around which braces were put, else nothing to look for."""


class _Lexer:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._out: list[str] = []
        self._levels: list[list[_Command]] = [[]]
        """For each open brace the commands whose arguments are being read inside it, the innermost last."""
        self._environments: list[str] = []

    def run(self) -> list[str]:
        """Cut the whole source."""
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
        """Take the next lexeme, or say that there is none."""
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
        return match[0] if match else "}"  # the end closes what is open

    def _skip(self) -> None:
        match = _SKIPPED.match(self._source, self._at)
        assert match is not None
        self._at = match.end()

    def _command(self, token: str) -> None:
        """Write a lexeme and begin with its arguments."""
        kinds = COMMANDS.get(token) or _SCRIPTS_AND_FENCES.get(token, "")
        if token in ("\\begin", "\\end"):
            token, kinds = self._environment(token)
        elif token == "\\\\":
            token = self._row_break()
        self._out.append(token)
        if kinds:
            self._levels[-1].append(_Command(kinds, text=kinds.endswith("t")))
            self._arguments()
        else:
            self._finished()

    def _environment(self, token: str) -> tuple[str, str]:
        """The begin or end of an environment as one token, with the kinds that it takes."""
        match = _ENVIRONMENT.match(self._source, self._at - len(token))
        if match is None:
            return token, ""
        self._at = match.end()
        token = f"\\{match[1]}{{{match[2]}}}"
        if match[1] == "end":
            del self._environments[-1:]
            return token, ""
        self._environments.append(match[2])
        kinds = ENVIRONMENTS.get(match[2], "")
        placement = _PLACEMENT.match(self._source, self._at) if kinds.startswith("p") else None
        if placement:
            self._at = placement.end()
            token += f"[{placement[1]}]"
        return token, kinds.removeprefix("p")

    def _row_break(self) -> str:
        r"""A `\\` with its star and gap."""
        if self._environments and self._environments[-1] in BRACKET_AFTER_SPACE:
            self._skip()
        gap = _GAP.match(self._source, self._at)
        if gap and (length := _squeezed(gap[2])) and _LENGTH.fullmatch(length):
            self._at = gap.end()
            return f"\\\\{gap[1]}[{length}]"
        if self._source.startswith("*", self._at):
            self._at += 1
            return "\\\\*"
        return "\\\\"

    def _finished(self) -> None:
        """Close the bare arguments that end with the last lexeme, and go on with the commands they belong to."""
        commands = self._levels[-1]
        while commands and commands[-1].ends_with != "]":
            if commands[-1].ends_with == "}":
                self._out.append("}")
            commands[-1].ends_with = ""
            if self._waits(commands[-1]):
                return
            commands.pop()

    def _arguments(self) -> None:
        """Go on with the innermost command."""
        if not self._waits(self._levels[-1][-1]):
            self._levels[-1].pop()
            self._finished()

    def _waits(self, command: _Command) -> bool:
        """Read arguments until one begins that is mathematics; False where all are read."""
        while command.kinds:
            kind, command.kinds = command.kinds[0], command.kinds[1:]
            if kind not in _MATHEMATICS:
                self._raw(kind, command.text)
            elif kind == "o" and self._peek() == "[":
                self._at += 1
                self._out.append("[")
                command.ends_with = "]"
                return True
            elif kind == "m" and self._peek() == "{":
                return True
            elif kind == "m" and self._peek() not in _NO_ARGUMENT:
                self._out.append("{")
                command.ends_with = "}"
                return True
        return False

    def _raw(self, kind: str, text: bool) -> None:
        """Read an argument that is no mathematics; those of a command with text are part of one token."""
        following = self._peek()
        if kind == "*" and following == "*":
            self._at += 1
            self._out[-1] += "*"
        elif kind == "b" and following == "[" and (close := self._source.find("]", self._at)) > 0:
            self._out[-1] += f"[{_squeezed(self._source[self._at + 1 : close])}]"
            self._at = close + 1
        elif kind in "tlrcd" and following == "{":
            self._braced(kind, text)
        elif kind == "d" and following not in _NO_ARGUMENT - {"]"}:
            self._out.append(self._next() or "")
        elif kind == "t" and following not in _NO_ARGUMENT:
            self._out[-1] += f"{{{self._next()}}}"
        elif kind in "ni" and (match := (_LENGTH if kind == "n" else _INTEGER).match(self._source, self._at)):
            self._at = match.end()
            self._out.append(_squeezed(match[0]))

    def _braced(self, kind: str, text: bool) -> None:
        """Read a brace group as it stands; one that is never closed is left for what follows."""
        inside = self._group()
        if inside is None:
            return
        if kind == "t":
            self._out[-1] += "{" + "~".join(inside.split()) + "}" if inside.strip() else "{~}" if inside else "{}"
        elif kind == "r" or text:
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
        depth = 0
        for match in _BRACE.finditer(self._source, self._at):
            depth += (match[0] == "{") - (match[0] == "}")
            if depth == 0 and match[0] == "}":
                inside = self._source[self._at + 1 : match.start()]
                self._at = match.end()
                return inside
        return None


def _columns(specification: str) -> list[str]:
    try:
        return columns(specification)
    except LatexError:
        return list(_squeezed(specification))


def _squeezed(text: str) -> str:
    return "".join(text.split())
