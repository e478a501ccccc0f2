r"""Macro table: the user macros in force at one position of a paper, with the scopes of TeX's groups.

A control sequence that is let to a LaTeX command, as by `\let\old\vec`, is stored as one frozen token, so that later
definitions of that command do not change it (The TeXbook, chapter 20).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from im2latex.latex.papers.lexer import FROZEN

NO_VALUE, TRUE, FALSE = "\\NoValue", "\\BooleanTrue", "\\BooleanFalse"
BRACKETS = ("[", "]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """Specification of one argument.

    plain: a token or a group. optional: between the two `marks`, else `default`. flag: TRUE if the mark follows, else
    FALSE. until: everything up to `marks`. literal: `marks` must follow and are no argument.
    """

    kind: Literal["plain", "optional", "flag", "until", "literal"]
    marks: tuple[str, ...] = ()
    default: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro: its parameters and its replacement tokens, with `#1` for the first argument."""

    parameters: tuple[Parameter, ...]
    body: tuple[str, ...]

    def replacement(self, arguments: Sequence[Sequence[str]]) -> list[str]:
        """Return the body with the arguments substituted; a missing argument is empty."""
        replaced: list[str] = []
        for token in self.body:
            if token.startswith("##") and len(token) > 2:
                replaced.append(
                    token[len(token) // 2 :]
                )  # half of the # characters are removed (The TeXbook, chapter 20)
            elif token[0] == "#" and len(token) == 2 and token[1] in "123456789":
                replaced += arguments[int(token[1]) - 1] if int(token[1]) <= len(arguments) else []
            else:
                replaced.append(token)
        return replaced

    def drops_an_argument(self) -> bool:
        """Whether the body does not use one of the arguments."""
        count = sum(parameter.kind != "literal" for parameter in self.parameters)
        return any(f"#{number}" not in self.body for number in range(1, count + 1))


def plain(count: int) -> tuple[Parameter, ...]:
    """Return `count` undelimited parameters."""
    return (Parameter("plain"),) * count


def frozen(name: str) -> Macro:
    """Return the macro whose body is a command of LaTeX itself."""
    return Macro((), (name + FROZEN,))


class MacroTable:
    """Definitions in force at one position of a paper, and the definitions that closing groups restore."""

    def __init__(self) -> None:
        self.definitions: dict[str, Macro] = {}
        self.undefined: frozenset[str] = frozenset()
        """Names that the paper tests but never uses: no package defines them."""
        self.is_global = False
        r"""Whether definitions are global, as after `\global`."""
        self.version = 0
        """Incremented by every definition."""
        self._saved: list[dict[str, Macro | None]] = []

    def define(self, name: str, macro: Macro) -> None:
        """Define a control sequence in the present group, or globally where `is_global` is set."""
        self.version += 1
        if self.is_global:
            for level in self._saved:
                level.pop(name, None)
        elif self._saved:
            self._saved[-1].setdefault(name, self.definitions.get(name))
        self.definitions[name] = macro

    def open_group(self) -> None:
        """Open a group."""
        self._saved.append({})

    def close_group(self) -> None:
        """Close a group and restore the previous definitions."""
        for name, macro in self._saved.pop().items():
            self.version += 1
            if macro is None:
                self.definitions.pop(name, None)
            else:
                self.definitions[name] = macro

    @contextmanager
    def group(self) -> Iterator[None]:
        """Context manager of a group, which also closes groups left open inside it."""
        depth = len(self._saved)
        self.open_group()
        try:
            yield
        finally:
            while len(self._saved) > depth:
                self.close_group()

    def let(self, name: str, target: str) -> None:
        """Define a control sequence by the present meaning of another token."""
        if target in self.definitions:
            self.define(name, self.definitions[target])
        elif name != target:
            self.define(name, frozen(target.rstrip(FROZEN)) if target[0] == "\\" else Macro((), (target,)))

    def primitive(self, token: str) -> str:
        """Return the LaTeX command that a token is let to, else the token itself."""
        macro = self.definitions.get(token)
        if macro is not None and not macro.parameters and len(macro.body) == 1 and macro.body[0][-1] == FROZEN:
            return macro.body[0][:-1]
        return token[:-1] if token[-1:] == FROZEN else token


def end_of(environment: str) -> tuple[str, ...]:
    r"""Return the tokens of `\end{environment}`."""
    return ("\\end", "{", *environment, "}")


def is_environment(name: str, macros: MacroTable) -> bool:
    """Whether the paper defines an environment of that name."""
    macro = macros.definitions.get(f"\\{name}")
    if macro is None:
        return False
    takes_body = bool(macro.parameters) and macro.parameters[-1].marks == end_of(name)
    return takes_body or f"\\end{name}" in macros.definitions
