r"""Random LaTeX sources of a formula that print the same image, to test the normalizer.

The formula is parsed and written with random choices wherever LaTeX allows several: braces, the order of scripts,
`\over` for `\frac`, old font switches, synonyms, spaces, comments. The benchmark of the normalizer renders each source
to verify that the image is the same.
"""

from collections.abc import Iterator
from functools import cache
from random import Random

from im2latex.latex.parser.parse import parse
from im2latex.latex.parser.signatures import FONT_SWITCHES
from im2latex.latex.parser.tree import (
    Argument,
    Command,
    Environment,
    Fence,
    Group,
    Node,
    Row,
    Scripts,
    Token,
    limit_recursion,
)
from im2latex.latex.rules.atoms import ACCENTS, is_ordinary
from im2latex.latex.rules.names import SYNONYMS
from im2latex.latex.rules.spacing import NAMES
from im2latex.latex.serializer import write
from im2latex.latex.tokens import ends_in_control_word

_SWITCHES = {command: switch for switch, command in FONT_SWITCHES.items() if switch != "\\mit"}
_SPELLED_FUNCTIONS = frozenset(["\\sin", "\\cos", "\\tan", "\\exp", "\\log", "\\ln"])
_FIELD_COMMANDS = ACCENTS | frozenset(["\\frac", "\\sqrt", "\\mathbf", "\\mathcal", "\\mathbb", "\\boldsymbol"])
_BRACED_COMMANDS = frozenset(
    ["\\binom", "\\overline", "\\underline", "\\mathrm", "\\mathsf", "\\mathfrak", "\\mathscr"]
)
_BARE_FIELDS = frozenset(["\\frac"])
_LITERAL = frozenset(["\\mathds", "\\mathbbm"])
"""The renderer's definitions of these commands distinguish the digit 1 from letters by its spelling."""
_LONGEST_WORD = 60
_SPACES = ["", "", "", " ", "  ", "\n", "\t", " % by the way\n"]


@limit_recursion
def respell(formula: str, seed: int) -> str:
    """Write the formula differently, determined by the seed; raises `LatexError` for an invalid formula."""
    variation = _SourceVariation(Random(seed))
    pieces = list(variation.row(parse(formula)))
    return variation.joined(variation.framed(pieces))


class _SourceVariation:
    """Writes nodes with random choices from one generator."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._probability = random.choice([0.15, 0.5, 0.9])

    def _chance(self) -> bool:
        return self._random.random() < self._probability

    def framed(self, pieces: list[str]) -> list[str]:
        """Add code that prints nothing around the formula."""
        if self._chance():
            pieces = ["{", *pieces, "}"]
        if self._chance():
            pieces = [*pieces, self._random.choice(["\\label{eq:one}", "\\nonumber", "\\notag"])]
        return pieces

    def joined(self, pieces: list[str]) -> str:
        """Join the pieces with spaces, line ends and comments where TeX ignores them."""
        text = ""
        for piece in pieces:
            space = self._random.choice(_SPACES) if self._chance() else ""
            # an empty line would end the paragraph, and a bracket after a row break would be its gap
            if text.endswith("\\\\") and piece[0] in "[*":
                space = " "
            if not text or (text.endswith("\n") and space.strip(" \t") == "\n"):
                space = ""
            if not space and piece[0].isalpha() and ends_in_control_word(text[-_LONGEST_WORD:]):
                space = " "
            text += space + piece
        return text

    def row(self, row: Row) -> Iterator[str]:
        """Yield the pieces of a row."""
        for node in row:
            yield from self.node(node)

    def node(self, node: Node) -> Iterator[str]:
        """Yield the pieces of a node."""
        match node:
            case Token():
                yield from self._token(node)
            case Group():
                yield from self._braced(node.body)
            case Scripts():
                yield from self._scripts(node)
            case Command():
                yield from self._command(node)
            case Fence():
                yield from ("\\left", self._name(node.left), *self.row(node.body), "\\right", self._name(node.right))
            case Environment():
                yield from self._environment(node)
            case _:
                yield from write([node])

    def _token(self, token: Token) -> Iterator[str]:
        if token.text == "\\ne" and self._chance():
            yield from ("\\not", "=")
        elif token.text in _SPELLED_FUNCTIONS and self._chance():
            yield from ("\\operatorname", "{", *token.text[1:], "}")
        elif token.text.isalnum() and self._chance():
            yield from ("{", token.text, "}")
        else:
            yield self._name(token.text)

    def _name(self, name: str) -> str:
        others = _other_names().get(name)
        return self._random.choice(others) if others and self._chance() else name

    def _braced(self, row: Row, doubled: bool = True) -> Iterator[str]:
        if doubled and self._chance() and not (row and isinstance(row[0], Command) and row[0].name in ACCENTS):
            yield from ("{", "{", *self.row(row), "}", "}")
        else:
            yield from ("{", *self.row(row), "}")

    def _field(self, row: Row) -> Iterator[str]:
        """Write an argument or script, without braces where it is one token."""
        alone = row[0] if len(row) == 1 else None
        bare = (isinstance(alone, Token) and is_ordinary(alone)) or (
            isinstance(alone, Command) and alone.name in _BARE_FIELDS
        )
        if bare and self._chance():
            if isinstance(alone, Token):
                yield self._name(alone.text)
            else:
                yield from self._plain_command(alone)
        else:
            yield from self._braced(row)

    def _scripts(self, node: Scripts) -> Iterator[str]:
        if isinstance(node.nucleus, Token):
            yield self._name(node.nucleus.text)
        else:
            yield from self.node(node.nucleus)
        marks = [("_", node.sub), ("^", node.sup)]
        if self._chance():
            marks.reverse()
        for mark, script in marks:
            if script is None:
                continue
            if mark == "^" and set(map(_text, script)) == {"\\prime"} and self._chance():
                yield "'" * len(script)  # a space between primes would separate them
            else:
                yield mark
                yield from self._field(script)

    def _command(self, command: Command) -> Iterator[str]:
        bodies = [argument.body for argument in command.arguments]
        if command.name in ("\\frac", "\\binom") and self._chance():
            infix = "\\over" if command.name == "\\frac" else "\\choose"
            yield from ("{", *self.row(bodies[0]), infix, *self.row(bodies[1]), "}")
        elif command.name in _SWITCHES and all(map(is_ordinary, bodies[0])) and self._chance():
            yield from ("{", _SWITCHES[command.name], *self.row(bodies[0]), "}")
        elif command.name == "\\hspace" and self._chance():
            yield from ("\\hskip", f"{_text(bodies[0][0])} ")
        else:
            yield from self._plain_command(command)

    def _plain_command(self, command: Node | None) -> Iterator[str]:
        assert isinstance(command, Command)
        if command.name in _LITERAL or any(argument.kind not in "mo" for argument in command.arguments):
            yield from write([command])
            return
        yield command.name
        for argument in command.arguments:
            if argument.kind == "o":
                yield from write([Command("", [argument])])[1:]
            elif command.name in _FIELD_COMMANDS:
                yield from self._field(argument.body)
            else:
                yield from self._braced(argument.body, doubled=command.name in _BRACED_COMMANDS)

    def _environment(self, environment: Environment) -> Iterator[str]:
        yield f"\\begin{{{environment.name}}}{environment.option}"
        for argument in environment.arguments:
            yield from self._columns(argument)
        for index, row in enumerate(environment.rows):
            for column, cell in enumerate(row):
                if column:
                    yield "&"
                yield from self.row(cell)
            if index < len(environment.breaks):
                yield environment.breaks[index]
        if self._chance() and environment.rows[-1] != [[]]:
            yield "\\\\"
        yield f"\\end{{{environment.name}}}"

    def _columns(self, argument: Argument) -> Iterator[str]:
        columns = [_text(column) or " ".join(write([column])) for column in argument.body]
        if argument.kind == "c" and len(set(columns)) == 1 and self._chance():
            yield f"{{*{{{len(columns)}}}{{{columns[0]}}}}}"
        else:
            yield "{" + "".join(columns) + "}"


@cache
def _other_names() -> dict[str, list[str]]:
    """Map a canonical name to the other names of the same symbol or space."""
    others: dict[str, list[str]] = {}
    for other, name in (*SYNONYMS.items(), *NAMES.items()):
        others.setdefault(name, []).append(other)
    return others


def _text(node: Node) -> str:
    return node.text if isinstance(node, Token) else ""
