r"""A row of mathematics: items in, nodes out, arguments read as TeX reads them.

The argument of `\frac12` is the next token, that of `^` may be a command with arguments of its own, and an optional
argument ends at the first bracket outside braces. What LaTeX does not know is refused, not guessed at.
"""

import re
from collections.abc import Mapping

from pylatexenc.latexwalker import LatexEnvironmentNode, LatexGroupNode, LatexNode

from im2latex.errors import LatexError
from im2latex.latex.allowed_commands import text_symbols
from im2latex.latex.parser.column_spec import columns, paragraphs
from im2latex.latex.parser.cursor import COMMENT, Cursor, Item, items
from im2latex.latex.parser.depth import MAX_DEPTH, too_deep
from im2latex.latex.parser.optional_arguments import finds_gap_behind_space, keyword, letter, row_break
from im2latex.latex.parser.quantities import LENGTH, QUANTITIES, REGISTERS
from im2latex.latex.parser.quantities import letter as letter_of_code
from im2latex.latex.parser.signatures import (
    CONTROL_SPACE,
    INFIX,
    NO_NUCLEUS,
    NO_SPACE_BEFORE_BRACKET,
    PLAIN_CODES,
    PLAIN_TABLES,
    SPACE_COMMANDS,
    SUBARRAYS,
    TEXT_ONLY,
    UNDELIMITED_BY,
)
from im2latex.latex.parser.symbols import is_ordinary_symbol, known
from im2latex.latex.parser.tables import read_environment, read_plain_table
from im2latex.latex.parser.text_mode import TextReader
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
    sets_colour,
)
from im2latex.latex.tokens import squeeze

_WRITTEN_AS = {"h": "m", "x": "t"}
"""Kinds that differ in how they are read only."""
_NO_LENGTH = re.compile(r"[{}^_&$#]|\\[^A-Za-z]")
_VERTICAL = re.compile(
    rf"(?:\\(?:vskip|kern){LENGTH.pattern}|\\hrule|\\(?:small|med|big)skip|\\nobreak|\\penalty-?\d+)+"
)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_SCRIPT_SLOTS = {"^": "sup", "_": "sub"}
_NO_FIELD = frozenset([*"^_'&", "\\right"])
_PRINTS_NOTHING = frozenset(["r", "*r"])
r"""Kinds of commands such as `\label`, of which a macro without braces takes the name alone."""


class Reader(Cursor):
    """Turns the items of one group, or of one cell, into a row; `commands` maps names to the kinds they take."""

    def __init__(
        self, source: str, inside: list[Item], commands: Mapping[str, str], table: str = "", depth: int = 0
    ) -> None:
        super().__init__(source, inside)
        self.commands = commands
        self.table = table
        r"""The innermost environment, or command with rows, around these items: it decides what `\\` reads."""
        self.spaced = True
        r"""Whether LaTeX's `\@ifnextchar` passes over spaces here."""
        self._depth = depth
        self._plain_codes = False

    def over(self, inside: list[Item], table: str | None = None, deeper: int = 1) -> "Reader":
        """A reader for a part of the same formula."""
        around = self.table if table is None else table
        reader = Reader(self.source, inside, self.commands, around, self._depth + deeper)
        reader._plain_codes = self._plain_codes
        reader.spaced = self.spaced and around not in NO_SPACE_BEFORE_BRACKET
        return reader

    def mathematics(self, nodes: list[LatexNode]) -> Row:
        """Read nodes of the walker as mathematics."""
        return self.over(items(nodes)).row()

    def row(self, before: Row | None = None) -> Row:
        r"""Read everything, behind the nodes `before`; a `\right` left over is an error."""
        row, closer = self._until_right(before or [])
        if closer is not None:
            self.fail("unbalanced_left_right", "\\right without \\left")
        return row

    def _until_right(self, row: Row) -> tuple[Row, str | None]:
        infix = ""
        while (item := self.peek()) is not None:
            if item in INFIX:
                if infix:
                    self.fail("double_infix", f"{item} in one group with {infix}")
                infix = item
            if item == "^" or item == "_":
                self.at += 1
                self._skip_relax()
                self._attach(row, _SCRIPT_SLOTS[item], self._field())
            elif item == "'" and not self._plain_codes:
                self._primes(row)
            elif item == "\\right":
                self.at += 1
                return row, self.delimiter()
            else:
                row.append(self._node())
        return row, None

    def _node(self) -> Node:
        """Read one node: a symbol, a group, an environment, or a command with its arguments."""
        item, node, position = self.items[self.at]
        if self._depth > MAX_DEPTH:
            raise too_deep(position)
        self.at += 1
        if node is not None:
            return self._nested(node)
        if item[0] == "\\":
            return self._command(item, position)
        if item == "&":
            self.fail("stray_alignment", "& outside a table", position)
        if item == "#":
            self.fail("parameter_character", "# stands for an argument of a definition", position)
        if not item.isascii():
            if item == "\u00a0":
                return Token(CONTROL_SPACE)
            self.fail("non_ascii", f"U+{ord(item):04X}", position)
        return Token(item)

    def _nested(self, node: LatexNode) -> Node:
        if isinstance(node, LatexEnvironmentNode):
            return self.environment(node)
        if not isinstance(node, LatexGroupNode):
            self.fail("math_shift", "a formula holds no $", node.pos)
        body = self.mathematics(node.nodelist)
        if self._plain_codes and body == [Token(".")]:  # a mark of punctuation there, and ordinary in braces
            return Command("\\mathord", [Argument("m", body)])
        return Group(body)

    def _command(self, name: str, position: int) -> Node:
        if name == "\\left":
            return self._fence(position)
        if name == "\\\\":
            return Token(row_break(self, self.spaced and finds_gap_behind_space(self.table), position + 2))
        if name in PLAIN_TABLES and not self.ended:
            return read_plain_table(self, PLAIN_TABLES[name])
        if name in UNDELIMITED_BY:
            return self._plain_command(name, position)
        kinds = self.commands.get(name)
        if kinds is not None:
            return self._arguments(name, kinds)
        if name in known() or name in NO_NUCLEUS:
            return Token(name)
        raise _refusal(name, position)

    def _arguments(self, name: str, kinds: str) -> Node:
        arguments: list[Argument] = []
        for kind in kinds:
            if kind == "*":
                if self.peek() == "*":
                    self.at += 1
                    name += "*"
                continue
            if kind == "f":
                self._skip_relax()
            if kind in "by" and arguments and not self.spaced and not self.touches(self.end):
                continue
            braced = not self.ended and isinstance(self.items[self.at][1], LatexGroupNode)
            body = self.argument(kind, name)
            if body is not None:
                written = _WRITTEN_AS.get(kind, kind)
                arguments.append(Argument("m" if kind == "f" and (braced or not _is_bare(body)) else written, body))
        if name == "\\char" and (character := letter_of_code(str(getattr(arguments[0].body[0], "text", "")))):
            return Token(character)
        return Command(name, arguments)

    def argument(self, kind: str, name: str) -> Row | None:
        """Read one argument; None for an absent optional one."""
        if kind == "o":
            inside = self.bracketed()
            return None if inside is None else self.over(inside).row()
        if kind in "by":
            word = keyword(self, name) if kind == "y" else self.option()
            return None if word is None else [Token(squeeze(word))]
        if kind in QUANTITIES:
            found = self.quantity(kind, name)
            return [Token(found)] if found else []
        if self.ended:
            self.fail("missing_argument", name)
        if kind == "d":
            return [Token(self.delimiter())]
        if kind in "mfhu":
            if name in PLAIN_CODES:
                return self._plain_field()
            return self._field(name if name in SUBARRAYS else None, hanging=kind == "h")
        return self._unread(kind, name)

    def _unread(self, kind: str, name: str) -> Row:
        """Read an argument that is no mathematics: a text, a raw word, or a column specification."""
        item = self.items[self.at]
        self.at += 1
        word, node, position = item
        if kind == "x":
            return self._boxes(node, name, position)
        if kind in "tv":
            if isinstance(node, LatexGroupNode):
                return TextReader(node.nodelist, self).row()
            if name == "\\hbox":
                self.fail("forbidden_command", f"{name} {word}", position)
            text = TextReader([], self)
            text.items = [item]
            return text.row()
        if kind == "c":
            inside = items(node.nodelist) if isinstance(node, LatexGroupNode) else [item]
            found = columns(Cursor(self.source, inside), lambda part: self.over(part).row(), self._word)
            if name == "\\multicolumn" and paragraphs(found):
                self.fail("text_column", "a cell of p{...}, m{...} and b{...} is text", position)
            return found
        if kind == "w":
            given = self.source[node.pos + 1 : node.pos + node.len - 1] if isinstance(node, LatexGroupNode) else word
            return [Token(letter(self, name, given))]
        return self.raw(item, kind, name)

    def _boxes(self, node: LatexNode | None, name: str, position: int) -> Row:
        r"""Read a vertical list of `\hbox` alone: anything else would begin a paragraph as wide as the page."""
        if not isinstance(node, LatexGroupNode):
            self.fail("forbidden_command", f"{name} without a group", position)
        boxes = [part for part in TextReader(node.nodelist, self).row() if part != Token(" ")]
        if not all(isinstance(box, Command) and box.name == "\\hbox" for box in boxes):
            self.fail("forbidden_command", rf"{name} of more than \hbox", position)
        return boxes

    def raw(self, item: Item, kind: str, name: str) -> Row:
        """A length, or a raw word such as a colour."""
        word, node, position = item
        if not isinstance(node, LatexGroupNode):
            if node is not None:
                self.fail("missing_argument", name, position)
            if kind == "q":
                self.fail("forbidden_command", f"{name} without a group", position)
            if word[0] == "\\" and not (kind == "l" and word in REGISTERS):
                self.check_text_command(word, position)
            if kind == "l" and not word[1:].isalpha():
                self.fail("bad_length", f"{name} takes a length such as 2pt", position)
            return [Token(word)]
        word = self._word(item)
        if kind == "q" and not _VERTICAL.fullmatch(word):
            self.fail("forbidden_command", f"{name} {{{word}}} is neither space nor a rule", position)
        if kind == "l" and _NO_LENGTH.search(word):
            self.fail("bad_length", f"{name} takes a length such as 2pt", position)
        return [Token(word)] if word else []

    def _word(self, item: Item) -> str:
        """An argument as it is written, without its spaces."""
        word, node, position = item
        if node is not None:
            inside = COMMENT.sub("", self.source[node.pos + 1 : node.pos + node.len - 1])
            word = squeeze(_ESCAPED.sub(lambda escaped: "~" if escaped[0][1].isspace() else escaped[0], inside))
        if not word.isascii():
            self.fail("non_ascii", word, position)
        return word

    def check_text_command(self, name: str, position: int) -> None:
        """Refuse a command that is none of text."""
        listed = (self.commands, known(), NO_NUCLEUS, TEXT_ONLY, text_symbols())
        if not any(name in commands for commands in listed):
            raise _refusal(name, position)

    def _plain_field(self) -> Row:
        """Read an argument in which a quote, a star and their like are the characters themselves."""
        around, self._plain_codes = self._plain_codes, True
        field = self._field()
        self._plain_codes = around
        return field

    def _field(self, table: str | None = None, hanging: bool = False) -> Row:
        """Read a script or an argument: the inside of a group, or one node."""
        if self.ended:
            self.fail("missing_argument", "the formula ends where an argument is due")
        inside = self.group()
        if inside is not None:
            row = self.over(inside, table).row([Token("")] if hanging else None)
            return row[1:] if row and row[0] == Token("") else row
        item, _, position = self.items[self.at]
        ends = item in _NO_FIELD and not (item == "'" and self._plain_codes)
        if ends or self.commands.get(item) in _PRINTS_NOTHING:
            self.fail("missing_argument", f"{item} where an argument is due", position)
        self._depth += 1
        node = self._node()
        self._depth -= 1
        return [node]

    def _skip_relax(self) -> None:
        r"""Pass over `\relax` where TeX scans a math field: the next non-blank, non-relax token (tex.web, 404)."""
        while self.peek() == "\\relax":
            self.at += 1

    def _fence(self, position: int) -> Fence:
        left = self.delimiter()
        self._depth += 1
        body, right = self._until_right([])
        self._depth -= 1
        if right is None:
            self.fail("unbalanced_left_right", "\\left without \\right", position)
        return Fence(left, body, right)

    def _primes(self, row: Row) -> None:
        """Read a run of primes, which TeX merges with a superscript right behind it."""
        primes: Row = []
        while self.peek() == "'":
            self.at += 1
            primes.append(Token("\\prime"))
        if self.peek() == "^":
            self.at += 1
            primes += self._field()
        self._attach(row, "sup", primes)

    def _attach(self, row: Row, slot: str, script: Row) -> None:
        if not row or not _carries_scripts(row[-1]) or _ends_in_colour(row[-1]):
            row.append(Group([]))
        last = row[-1]
        if not isinstance(last, Scripts):
            last = Scripts(last)
            row[-1] = last
        if getattr(last, slot) is not None:
            self.fail("double_script", "two superscripts or two subscripts on one symbol")
        setattr(last, slot, script)

    def _plain_command(self, name: str, position: int) -> Command:
        r"""Read plain TeX's `\root n \of x`, which is `\sqrt[n]{x}`, or `\buildrel a \over =`."""
        end = UNDELIMITED_BY[name]
        ends = [index for index in range(self.at, len(self.items)) if self.items[index][0] == end]
        if not ends:
            self.fail("missing_argument", f"{name} needs a {end}", position)
        first = self.over(self.items[self.at : ends[0]]).row()
        self.at = ends[0] + 1
        second = self._field()
        if name == "\\root":
            return Command("\\sqrt", [Argument("o", first), Argument("m", second)])
        stacked = Command("\\overset", [Argument("m", first), Argument("m", second)])
        return Command("\\mathrel", [Argument("m", [stacked])])

    def environment(self, node: LatexEnvironmentNode) -> Environment:
        """Read an environment."""
        return read_environment(self, node)


def _refusal(name: str, position: int) -> LatexError:
    """Why a command without a signature is refused."""
    if name in TEXT_ONLY or name in text_symbols():
        return LatexError("wrong_mode", f"{name} is for text", position)
    return LatexError("not_allowed", name, position)


def _is_bare(body: Row) -> bool:
    """Whether the body of a math field is one symbol that TeX would not take out of braces (tex.web, section 1186)."""
    return len(body) == 1 and isinstance(body[0], Token) and not is_ordinary_symbol(body[0].text)


def _ends_in_colour(node: Node) -> bool:
    """Whether a script of the node sets a colour, so that no other script can follow that one."""
    return isinstance(node, Scripts) and any(script and sets_colour(script) for script in (node.sub, node.sup))


def _carries_scripts(node: Node) -> bool:
    """Whether TeX hangs a script on this node; behind a space it makes an empty nucleus."""
    if isinstance(node, Token):
        return node.text not in NO_NUCLEUS
    return not (isinstance(node, Command) and node.name in SPACE_COMMANDS)
