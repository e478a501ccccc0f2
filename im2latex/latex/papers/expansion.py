r"""Formulas without user macros, as TeX expands them, in bounded time.

What a paper defines is expanded; what LaTeX defines is left alone. A few commands are understood without a definition,
since they steer expansion: conditionals, choices between arguments, definitions, `\csname`, `\xspace`. A macro that a
command of LaTeX takes as its argument is one argument, so what it becomes gets braces (The TeXbook, chapter 20:
arguments are read before anything in them is expanded); primitives such as `^`, `\sqrt` and `\mathop`, and `\left`,
expand first.
"""

from collections.abc import Sequence

from im2latex.errors import LatexError
from im2latex.latex.papers.arguments import TokenSource, read_arguments
from im2latex.latex.papers.choices import CHOICES, choose
from im2latex.latex.papers.conditionals import enter, is_conditional, skip_branch, unless
from im2latex.latex.papers.defining import READERS, define, end_of
from im2latex.latex.papers.lexer import FROZEN, is_space, tokens, untokenize
from im2latex.latex.papers.meanings import BRACKETS, Macro, Meanings, Parameter
from im2latex.latex.parser.signatures import COMMANDS
from im2latex.latex.tokens import split

MOST_STEPS = 10_000
"""Expansions in one formula; the largest real formulas need a few hundred."""
MOST_TOKENS = 20_000
"""Tokens of one expanded formula."""
_MOST_NESTED = 50
_MOST_NAME = 60
"""Tokens in the name of an environment."""
_MOST_DEFINITIONS = 200
"""Definitions in one formula, each of which is read from what is left of it."""

_EXPAND_FIRST = frozenset(
    split(
        r"""
        \sqrt \mathord \mathop \mathbin \mathrel \mathopen \mathclose \mathpunct \mathinner \mathchoice \uppercase
        \lowercase \hbox \mathaccent \radical \smashoperator \middle
        """
    )
)
r"""Commands that end in one of TeX's primitives, which expands what follows; measured with pdfTeX and amsmath."""
_ARGUMENTS = {
    name: kinds for name, kinds in COMMANDS.items() if name not in _EXPAND_FIRST and set(kinds) <= set("*obmtr")
}
_TEXT = frozenset(name for name, kinds in COMMANDS.items() if "t" in kinds)


class Expansion:
    """One formula: what is still to read, and what is done."""

    def __init__(self, macros: Meanings, source: Sequence[str], steps: int = 0, nested: int = 0) -> None:
        self.steps = steps
        self._macros = macros
        self._source = TokenSource(source)
        self._done: list[str] = []
        self._braces: list[tuple[str, str]] = []
        self._open = 0
        self._nested = nested
        self._definitions = 0

    def run(self) -> list[str]:
        """Expand to the end; raises `LatexError` where a macro lacks an argument, never ends or cannot be known."""
        known, done = self._macros.known, self._done
        while rest := self._source.rest:
            token = rest.pop()
            macro = known.get(token)
            if macro is None:
                if token[0] not in _READ_APART:
                    done.append(token)
                    continue
                self._read(token)
            elif (name := self._macros.primitive(token)) != token:
                self._read(name + FROZEN)
            else:
                self._expand(token, macro)
            if len(self._done) > MOST_TOKENS or len(self._source.rest) > MOST_TOKENS:
                raise LatexError("macro_bomb", f"{token} grows beyond {MOST_TOKENS:,} tokens")
        if len(done) > MOST_TOKENS:
            raise LatexError("macro_bomb", f"the formula has more than {MOST_TOKENS:,} tokens")
        if self._open:
            raise LatexError("unclosed_conditional", "a conditional is never closed")
        return self._done

    def _count(self, name: str) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise LatexError("macro_bomb", f"{name}: more than {MOST_STEPS:,} expansions")

    def _expand(self, name: str, macro: Macro) -> None:
        self._count(name)
        replacement = macro.replacement(read_arguments(name, macro, self._source))
        if len(replacement) > MOST_TOKENS:
            raise LatexError("macro_bomb", f"{name} grows beyond {MOST_TOKENS:,} tokens")
        self._source.push(replacement)

    def _read(self, token: str) -> None:
        """Read a token that is no user macro."""
        if token == "{":
            self._open_brace("", "")
        elif token == "}":
            self._close_brace()
        elif token[0] != "\\":
            after_prime = token == "^" and self._done[-1:] == ["'"]
            self._done.append(token)
            if after_prime:  # the macro behind an active ' takes the superscript as its argument (ltmath, pr@@@t)
                self._arguments(token, "m")
        else:
            self._command(token.rstrip(FROZEN))

    def _command(self, name: str) -> None:
        if name in _ARGUMENTS:
            self._done.append(name)
            self._arguments(name, _ARGUMENTS[name])
        elif name in ("\\begin", "\\end"):
            self._environment(name)
        elif name in CHOICES:
            self._count(name)
            chosen = choose(name, self._source, self._macros)
            if chosen is None:
                raise LatexError("unresolved_conditional", name)
            self._source.push(chosen)
        elif name in READERS:
            self._define(name)
        elif name in _BRANCHES or is_conditional(name, self._macros):
            self._conditional(name)
        elif name == "\\csname":
            self._build_name()
        elif name == "\\expandafter":
            self._expand_after()
        elif name != "\\xspace":
            self._done.append(name)

    def _open_brace(self, command: str, kinds: str) -> None:
        """Begin a group, behind which further arguments of a command may stand."""
        self._done.append("{")
        self._braces.append((command, kinds))
        self._macros.open_group()

    def _close_brace(self) -> None:
        self._done.append("}")
        if self._braces:
            self._macros.close_group()
            command, kinds = self._braces.pop()
            self._arguments(command, kinds)

    def _arguments(self, command: str, kinds: str) -> None:
        """Read the arguments of a command of LaTeX up to the first group, behind which it goes on."""
        for place, kind in enumerate(kinds):
            while is_space(self._source.peek()):
                self._done.append(self._source.pop())
            token = self._source.peek()
            if kind == "*":
                if token == "*":
                    self._done.append(self._source.pop())
            elif kind in "ob":
                if token == "[":
                    self._optional(command)
            elif token == "{":
                self._source.pop()
                self._open_brace(command, kinds[place + 1 :])
                return
            elif token in ("", "}", "&", "$", "^", "_") or not self._token_argument():
                return

    def _token_argument(self) -> bool:
        """Read one token as an argument, in braces if it becomes more than a symbol; False where it steers."""
        token = self._source.peek()
        name = self._macros.primitive(token)
        if name == token and token in self._macros.known:
            self._source.pop()
            expanded = self._apart([token])
            symbol = len(expanded) == 1 and expanded[0] not in COMMANDS
            self._done += expanded if symbol else ["{", *expanded, "}"]
            return True
        if name[0] == "\\" and (name in _STEERING or name in CHOICES or is_conditional(token, self._macros)):
            return False
        self._source.pop()
        self._done.append(name)
        return True

    def _optional(self, command: str) -> None:
        inside = read_arguments(command, _OPTION, self._source)[0]
        expanded = self._apart(inside)
        self._done += ["[", *(["{", *expanded, "}"] if "]" in expanded and "]" not in inside else expanded), "]"]

    def _apart(self, source: Sequence[str]) -> list[str]:
        """Expand tokens that see nothing of what follows."""
        if self._nested > _MOST_NESTED:
            raise LatexError("macro_bomb", "macros stand in each other's arguments without end")
        self._count(source[0] if source else "")
        inner = Expansion(self._macros, source, self.steps, self._nested + 1)
        with self._macros.group():
            expanded = inner.run()
        self.steps = inner.steps
        return expanded

    def _environment(self, command: str) -> None:
        """`\\begin{name}`, where `name` may be an environment of the paper."""
        read: list[str] = []
        while (token := self._source.peek()) and (len(read) < 2 or read[-1] != "}") and len(read) < _MOST_NAME:
            if token != "{" and "{" not in read and not is_space(token):
                break
            read.append(self._source.pop())
        name = "".join(read).strip()[1:-1]
        key = f"\\{name}" if command == "\\begin" else f"\\end{name}"
        macro = self._macros.known.get(key)
        if macro is not None and is_environment(name, self._macros) and read[-1:] == ["}"]:
            self._expand(key, macro)
        else:
            self._done += [command, *read]

    def _define(self, command: str) -> None:
        """A definition holds to the end of its group (The TeXbook, chapter 24)."""
        self._definitions += 1
        if self._definitions > _MOST_DEFINITIONS:
            raise LatexError("macro_bomb", f"more than {_MOST_DEFINITIONS} definitions in one formula")
        everywhere = False
        while self._done and self._done[-1] in _PREFIXES:
            everywhere |= self._done.pop() == "\\global"
        text = untokenize(reversed(self._source.rest), keep_frozen=True)
        place = define(command, text, 0, self._macros, everywhere)
        if place == 0:
            raise LatexError("unreadable_definition", command)
        self._source = TokenSource(tokens(text[place:]))

    def _conditional(self, name: str) -> None:
        self._count(name)
        if name in ("\\else", "\\or", "\\fi"):
            if not self._open:
                raise LatexError("unresolved_conditional", f"{name} without its condition")
            self._open -= 1
            if name != "\\fi":
                skip_branch(self._source, self._macros, ("\\fi",))
            return
        if name == "\\unless":
            holds = unless(self._source, self._macros, self._in_formula())
        else:
            holds = enter(name, self._source, self._macros, self._in_formula())
        if holds is None:
            raise LatexError("unresolved_conditional", name)
        self._open += holds

    def _in_formula(self) -> bool:
        """Whether mathematics is being read, rather than the text of a box in it."""
        modes = [True]
        text = False
        for token in self._done:
            if token == "{":
                modes.append(modes[-1] and not text)
            elif token == "}" and len(modes) > 1:
                modes.pop()
            elif token == "$":
                modes[-1] = not modes[-1]
            text = token in _TEXT or (text and (token == " " or token == "*"))
        return modes[-1]

    def _build_name(self) -> None:
        name: list[str] = []
        while (token := self._source.peek()) and token != "\\endcsname":
            name.append(self._source.pop())
        if not token:
            raise LatexError("macro_argument", "\\csname is never closed")
        self._source.pop()
        built = "\\" + "".join(self._apart(name))
        if built in self._macros.known or built[1:].isalpha():
            self._source.push([built])

    def _expand_after(self) -> None:
        """Expand the token behind the next one first."""
        if len(self._source.rest) < 2:
            return
        first, second = self._source.pop(), self._source.pop()
        macro = self._macros.known.get(second)
        if second == "\\csname":
            self._build_name()
        elif macro is not None and self._macros.primitive(second) == second:
            self._expand(second, macro)
        elif second == "\\expandafter":
            self._expand_after()
        elif second in ("\\else", "\\fi") and self._open:
            self._conditional(second)
        else:
            self._source.push([second])
        self._source.push([first])


def is_environment(name: str, macros: Meanings) -> bool:
    """Whether a paper defines an environment of that name."""
    macro = macros.known.get(f"\\{name}")
    if macro is None:
        return False
    takes_body = bool(macro.parameters) and macro.parameters[-1].marks == end_of(name)
    return takes_body or f"\\end{name}" in macros.known


_READ_APART = frozenset("\\{}^")
"""First characters of tokens that are more than themselves."""
_OPTION = Macro((Parameter("optional", BRACKETS),), ())
_BRANCHES = frozenset(["\\unless", "\\else", "\\or", "\\fi"])
_PREFIXES = frozenset(["\\global", "\\long", "\\outer", "\\protected", "\\expandafter"])
_STEERING = _BRANCHES | READERS.keys() | {"\\begin", "\\end", "\\csname", "\\expandafter"}
