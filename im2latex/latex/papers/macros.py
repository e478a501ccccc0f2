r"""User macros and their expansion, as TeX expands them, in bounded time.

What a paper defines is expanded; what LaTeX defines is left alone. A few commands are understood without a definition,
since they steer expansion: `\ifmmode`, xparse's tests, `\xspace`, `\ensuremath` stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import FROZEN, tokens, untokenize

MOST_STEPS = 10_000
"""Expansions in one formula; the largest real formulas need a few hundred."""
MOST_TOKENS = 20_000
"""Tokens of one expanded formula."""
NO_VALUE, TRUE, FALSE = "\\NoValue", "\\BooleanTrue", "\\BooleanFalse"


@dataclass(frozen=True, slots=True)
class Parameter:
    """How one argument is read.

    plain: a token or a group. optional: between the two `marks`, else `default`. flag: TRUE where the mark stands, else
    FALSE. until: all up to `marks`. literal: `marks` must stand there and are no argument.
    """

    kind: Literal["plain", "optional", "flag", "until", "literal"]
    marks: tuple[str, ...] = ()
    default: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Macro:
    """What a control sequence stands for: tokens, with `#1` for the first argument."""

    parameters: tuple[Parameter, ...]
    body: tuple[str, ...]


BRACKETS = ("[", "]")


def plain(count: int) -> tuple[Parameter, ...]:
    """`count` ordinary arguments."""
    return (Parameter("plain"),) * count


class Macros:
    """The definitions in force at one place of a paper."""

    def __init__(self) -> None:
        self.known: dict[str, Macro] = {}

    def copy(self) -> "Macros":
        """The same definitions, to which others can be added."""
        copied = Macros()
        copied.known = dict(self.known)
        return copied

    def define(self, name: str, macro: Macro) -> None:
        """Set the meaning of a control sequence."""
        self.known[name] = macro

    def let(self, name: str, target: str) -> None:
        """Give a control sequence the present meaning of another token."""
        if target in self.known:
            self.known[name] = self.known[target]
        elif name != target:
            frozen = target + FROZEN if target[0] == "\\" else target
            self.known[name] = Macro((), (frozen,))

    def expand(self, formula: str) -> str:
        """The formula without user macros; raises `LatexError` where one lacks an argument or never ends."""
        return untokenize(self.expand_tokens(tokens(formula)))

    def uses(self, formula: str) -> bool:
        """Whether any user macro stands in the formula."""
        return not self.known.keys().isdisjoint(tokens(formula))

    def expand_tokens(self, source: Sequence[str]) -> list[str]:
        """As `expand`, on tokens."""
        return _Expansion(self.known, source).run()


class _Expansion:
    """One formula: what is still to read, last token first, and what is done."""

    def __init__(self, known: dict[str, Macro], source: Sequence[str]) -> None:
        self._known = known
        self._rest = list(reversed(source))
        self._done: list[str] = []
        self._steps = 0

    def run(self) -> list[str]:
        while self._rest:
            token = self._rest.pop()
            macro = self._known.get(token)
            if macro is not None:
                self._expand(token, macro)
            elif token in _STEERING:
                self._steer(token)
            elif token != "\\xspace":
                self._done.append(token)
            if len(self._done) > MOST_TOKENS or len(self._rest) > MOST_TOKENS:
                raise LatexError("macro_bomb", f"{token} grows beyond {MOST_TOKENS:,} tokens")
        return self._done

    def _expand(self, name: str, macro: Macro) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise LatexError("macro_bomb", f"{name}: more than {MOST_STEPS:,} expansions")
        arguments: list[list[str]] = []
        for parameter in macro.parameters:
            argument = self._argument(name, parameter)
            if argument is not None:
                arguments.append(argument)
        replacement: list[str] = []
        for token in macro.body:
            if token[0] == "#" and token[1:] in _DIGITS:
                replacement += arguments[int(token[1]) - 1] if int(token[1]) <= len(arguments) else []
            else:
                replacement.append(token)
            if len(replacement) > MOST_TOKENS:
                raise LatexError("macro_bomb", f"{name} grows beyond {MOST_TOKENS:,} tokens")
        self._rest += reversed(replacement)

    def _argument(self, name: str, parameter: Parameter) -> list[str] | None:
        match parameter.kind:
            case "plain":
                return self._plain(name)
            case "optional":
                return self._between(parameter.marks, parameter.default)
            case "flag":
                return [TRUE] if self._takes(parameter.marks[0]) else [FALSE]
            case "until":
                return self._until(name, parameter.marks)
        for token in parameter.marks:
            if not self._takes(token):
                raise LatexError("macro_argument", f"{name} is not used as it is defined")
        return None

    def _skip_spaces(self) -> None:
        while self._rest and self._rest[-1] == " ":
            self._rest.pop()

    def _takes(self, token: str) -> bool:
        self._skip_spaces()
        if self._rest and self._rest[-1] == token:
            self._rest.pop()
            return True
        return False

    def _plain(self, name: str) -> list[str]:
        self._skip_spaces()
        if not self._rest or self._rest[-1] == "}":
            raise LatexError("macro_argument", f"{name} lacks an argument")
        token = self._rest.pop()
        if token != "{":
            return [token]
        return self._to_closing("{", "}", name)

    def _to_closing(self, opening: str, closing: str, name: str) -> list[str]:
        """Read up to the token that closes what has just been opened."""
        found: list[str] = []
        depth = 1
        braces = 0
        while self._rest:
            token = self._rest.pop()
            if opening != "{":
                braces += (token == "{") - (token == "}")
            if braces == 0 or opening == "{":
                depth += (token == opening != closing) - (token == closing)
                if depth == 0:
                    return found
            found.append(token)
        raise LatexError("macro_argument", f"{name}: an argument is never closed")

    def _between(self, pair: tuple[str, ...], default: tuple[str, ...]) -> list[str]:
        opening, closing = pair
        if not self._takes(opening):
            return list(default)
        return self._to_closing(opening, closing, opening)

    def _until(self, name: str, end: tuple[str, ...]) -> list[str]:
        found: list[str] = []
        depth = 0
        while self._rest:
            if depth == 0 and tuple(reversed(self._rest[-len(end) :])) == end:
                del self._rest[-len(end) :]
                whole = len(found) > 1 and found[0] == "{" and _closes_at(found) == len(found) - 1
                return found[1:-1] if whole else found
            token = self._rest.pop()
            depth += (token == "{") - (token == "}")
            found.append(token)
        raise LatexError("macro_argument", f"{name} is not used as it is defined")

    def _steer(self, token: str) -> None:
        """Take the branch that mathematics, or the argument read before, asks for."""
        self._steps += 1
        if token == "\\ifmmode":
            self._take_true_branch()
            return
        tested = self._plain(token)
        branches = [self._plain(token) for _ in range(1 if token[-1] in "TF" and token[-2:] != "TF" else 2)]
        holds = {"\\IfBooleanTF": tested == [TRUE], "\\IfBooleanT": tested == [TRUE], "\\IfBooleanF": tested != [TRUE]}
        value = tested != [NO_VALUE]
        holds |= {"\\IfValueTF": value, "\\IfValueT": value, "\\IfValueF": not value}
        holds |= {"\\IfNoValueTF": not value, "\\IfNoValueT": not value, "\\IfNoValueF": value}
        if len(branches) == 2:
            chosen = branches[0] if holds[token] else branches[1]
        else:
            chosen = branches[0] if holds[token] else []
        self._rest += reversed(chosen)

    def _take_true_branch(self) -> None:
        branches: list[list[str]] = [[]]
        depth = 0
        while self._rest:
            token = self._rest.pop()
            if token == "\\fi" and depth == 0:
                break
            if token == "\\else" and depth == 0:
                branches.append([])
                continue
            depth += (token.startswith("\\if") and token not in _STEERING) - (token == "\\fi")
            branches[-1].append(token)
        self._rest += reversed(branches[0])


def _closes_at(found: list[str]) -> int:
    depth = 0
    for index, token in enumerate(found):
        depth += (token == "{") - (token == "}")
        if depth == 0:
            return index
    return len(found)


_DIGITS = frozenset("123456789")
_STEERING = frozenset(
    ["\\ifmmode", *(f"\\If{what}{branch}" for what in ("Boolean", "Value", "NoValue") for branch in ("TF", "T", "F"))]
)
