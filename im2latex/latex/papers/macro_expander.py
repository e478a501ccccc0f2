r"""Macro expansion of formulas as TeX does it, in bounded time.

User macros are expanded, commands of LaTeX are not. A few commands are evaluated without a definition, since they
control expansion: conditionals, commands that select an argument, definitions, `\csname`, `\xspace`. A macro that is
the argument of a LaTeX command is one argument, so its expansion gets braces (The TeXbook, chapter 20: arguments are
read before their content is expanded). Primitives such as `^`, `\sqrt` and `\mathop`, and `\left`, expand first.
"""

from collections.abc import Sequence

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import FROZEN, is_space, tokens, untokenize
from im2latex.latex.papers.macro_arguments import TokenListStream, read_arguments
from im2latex.latex.papers.macro_definitions import DEFINITION_COMMANDS, read_definition
from im2latex.latex.papers.macro_table import BRACKETS, Macro, MacroTable, Parameter, is_environment
from im2latex.latex.papers.package_conditionals import CONDITIONAL_COMMANDS, select_argument
from im2latex.latex.papers.tex_conditionals import evaluate_condition, evaluate_unless, is_conditional, skip_branch
from im2latex.latex.parser.signatures import COMMANDS
from im2latex.latex.tokens import split

MAX_STEPS = 10_000
"""Limit on the expansions in one formula; the largest real formulas need a few hundred."""
MAX_TOKENS = 20_000
"""Limit on the tokens of one expanded formula."""
_MAX_NESTED = 50
_MAX_NAME = 60
"""Limit on the tokens in the name of an environment."""
_MAX_DEFINITIONS = 200
"""Limit on the definitions in one formula; each is parsed from the remaining source."""

_EXPAND_FIRST = frozenset(
    split(
        r"""
        \sqrt \mathord \mathop \mathbin \mathrel \mathopen \mathclose \mathpunct \mathinner \mathchoice \uppercase
        \lowercase \hbox \mathaccent \radical \smashoperator \middle
        """
    )
)
"""Commands that end in a TeX primitive, which expands the following tokens; measured with pdfTeX and amsmath."""
_ARGUMENTS = {
    name: kinds for name, kinds in COMMANDS.items() if name not in _EXPAND_FIRST and set(kinds) <= set("*obmtr")
}
_TEXT = frozenset(name for name, kinds in COMMANDS.items() if "t" in kinds)


class _Expansion:
    """Expansion of one formula: remaining tokens and output."""

    def __init__(self, macros: MacroTable, source: Sequence[str], steps: int = 0, nested: int = 0) -> None:
        self.steps = steps
        self._macros = macros
        self._source = TokenListStream(source)
        self._done: list[str] = []
        self._braces: list[tuple[str, str]] = []
        self._open = 0
        self._nested = nested
        self._definitions = 0

    def run(self) -> list[str]:
        """Expand all tokens; raises `LatexError` for a missing argument, endless expansion or an unknown condition."""
        known, done = self._macros.definitions, self._done
        while rest := self._source.rest:
            token = rest.pop()
            macro = known.get(token)
            if macro is None:
                if token[0] not in _PROCESSED:
                    done.append(token)
                    continue
                self._read(token)
            elif (name := self._macros.primitive(token)) != token:
                self._read(name + FROZEN)
            else:
                self._expand(token, macro)
            if len(self._done) > MAX_TOKENS or len(self._source.rest) > MAX_TOKENS:
                raise LatexError("macro_bomb", f"{token} expands to more than {MAX_TOKENS:,} tokens")
        if len(done) > MAX_TOKENS:
            raise LatexError("macro_bomb", f"the formula has more than {MAX_TOKENS:,} tokens")
        if self._open:
            raise LatexError("unclosed_conditional", "a conditional is not closed")
        return self._done

    def _count(self, name: str) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise LatexError("macro_bomb", f"{name}: more than {MAX_STEPS:,} expansions")

    def _expand(self, name: str, macro: Macro) -> None:
        self._count(name)
        replacement = macro.replacement(read_arguments(name, macro, self._source))
        if len(replacement) > MAX_TOKENS:
            raise LatexError("macro_bomb", f"{name} expands to more than {MAX_TOKENS:,} tokens")
        self._source.push(replacement)

    def _read(self, token: str) -> None:
        """Process a token that is no user macro."""
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
        elif name in CONDITIONAL_COMMANDS:
            self._count(name)
            chosen = select_argument(name, self._source, self._macros)
            if chosen is None:
                raise LatexError("unresolved_conditional", name)
            self._source.push(chosen)
        elif name in DEFINITION_COMMANDS:
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
        """Open a group; further arguments of a command may follow it."""
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
        """Process the arguments of a LaTeX command up to the first group; the rest follows when that group closes."""
        for position, kind in enumerate(kinds):
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
                self._open_brace(command, kinds[position + 1 :])
                return
            elif token in ("", "}", "&", "$", "^", "_") or not self._token_argument():
                return

    def _token_argument(self) -> bool:
        """Expand one token as an argument, in braces unless it is one symbol; False where it controls expansion."""
        token = self._source.peek()
        name = self._macros.primitive(token)
        if name == token and token in self._macros.definitions:
            self._source.pop()
            expanded = self._apart([token])
            symbol = len(expanded) == 1 and expanded[0] not in COMMANDS
            self._done += expanded if symbol else ["{", *expanded, "}"]
            return True
        if name[0] == "\\" and (
            name in _CONTROLS_EXPANSION or name in CONDITIONAL_COMMANDS or is_conditional(token, self._macros)
        ):
            return False
        self._source.pop()
        self._done.append(name)
        return True

    def _optional(self, command: str) -> None:
        inside = read_arguments(command, _OPTION, self._source)[0]
        expanded = self._apart(inside)
        self._done += ["[", *(["{", *expanded, "}"] if "]" in expanded and "]" not in inside else expanded), "]"]

    def _apart(self, source: Sequence[str]) -> list[str]:
        """Expand tokens independently of the following ones."""
        if self._nested > _MAX_NESTED:
            raise LatexError("macro_bomb", "macros are nested in each other's arguments too deeply")
        self._count(source[0] if source else "")
        inner = _Expansion(self._macros, source, self.steps, self._nested + 1)
        with self._macros.group():
            expanded = inner.run()
        self.steps = inner.steps
        return expanded

    def _environment(self, command: str) -> None:
        r"""`\begin{name}` or `\end{name}`, where `name` may be a user environment."""
        read: list[str] = []
        while (token := self._source.peek()) and (len(read) < 2 or read[-1] != "}") and len(read) < _MAX_NAME:
            if token != "{" and "{" not in read and not is_space(token):
                break
            read.append(self._source.pop())
        name = "".join(read).strip()[1:-1]
        key = f"\\{name}" if command == "\\begin" else f"\\end{name}"
        macro = self._macros.definitions.get(key)
        if macro is not None and is_environment(name, self._macros) and read[-1:] == ["}"]:
            self._expand(key, macro)
        else:
            self._done += [command, *read]

    def _define(self, command: str) -> None:
        """Process a definition, which is local to its group (The TeXbook, chapter 24)."""
        self._definitions += 1
        if self._definitions > _MAX_DEFINITIONS:
            raise LatexError("macro_bomb", f"more than {_MAX_DEFINITIONS} definitions in one formula")
        is_global = False
        while self._done and self._done[-1] in _PREFIXES:
            is_global |= self._done.pop() == "\\global"
        text = untokenize(reversed(self._source.rest), keep_frozen=True)
        position = read_definition(command, text, 0, self._macros, is_global)
        if position == 0:
            raise LatexError("unreadable_definition", command)
        self._source = TokenListStream(tokens(text[position:]))

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
            holds = evaluate_unless(self._source, self._macros, self._in_formula())
        else:
            holds = evaluate_condition(name, self._source, self._macros, self._in_formula())
        if holds is None:
            raise LatexError("unresolved_conditional", name)
        self._open += holds

    def _in_formula(self) -> bool:
        """Whether the output is in math mode, and not in the text of a box."""
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
            raise LatexError("macro_argument", "\\csname is not closed")
        self._source.pop()
        built = "\\" + "".join(self._apart(name))
        if built in self._macros.definitions or built[1:].isalpha():
            self._source.push([built])

    def _expand_after(self) -> None:
        r"""`\expandafter`: expand the token after the next one first."""
        if len(self._source.rest) < 2:
            return
        first, second = self._source.pop(), self._source.pop()
        macro = self._macros.definitions.get(second)
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


_PROCESSED = frozenset("\\{}^")
"""First characters of tokens that need processing."""
_OPTION = Macro((Parameter("optional", BRACKETS),), ())
_BRANCHES = frozenset(["\\unless", "\\else", "\\or", "\\fi"])
_PREFIXES = frozenset(["\\global", "\\long", "\\outer", "\\protected", "\\expandafter"])
_CONTROLS_EXPANSION = _BRANCHES | DEFINITION_COMMANDS.keys() | {"\\begin", "\\end", "\\csname", "\\expandafter"}


class MacroExpander(MacroTable):
    """Macro table of one position in a paper that expands formulas."""

    def copy(self) -> "MacroExpander":
        """Copy the definitions, outside of all groups."""
        copied = MacroExpander()
        copied.definitions = dict(self.definitions)
        copied.undefined = self.undefined
        return copied

    def expand(self, formula: str) -> str:
        """Expand all user macros; raises `LatexError` for a missing argument or unlimited expansion."""
        return untokenize(self.expand_tokens(tokens(formula)))

    def uses(self, formula: str) -> bool:
        """Whether the formula contains a user macro."""
        return not self.definitions.keys().isdisjoint(tokens(formula))

    def expand_tokens(self, source: Sequence[str]) -> list[str]:
        """Expand tokens; definitions in the formula are local to it."""
        with self.group():
            return _Expansion(self, source).run()
