r"""A row of mathematics: items in, nodes out, arguments read as TeX reads them.

The argument of `\frac12` is the next token, that of `^` may be a command with arguments of its own, and an optional
argument ends at the first bracket outside braces. What LaTeX does not know is refused, not guessed at.
"""

import re
from collections.abc import Mapping

from pylatexenc.latexwalker import LatexEnvironmentNode, LatexGroupNode, LatexNode

from im2latex.errors import LatexError
from im2latex.latex.columns import columns
from im2latex.latex.cursor import COMMENT, Cursor, Item, items
from im2latex.latex.depth import MAX_DEPTH, too_deep
from im2latex.latex.quantities import LENGTH, QUANTITIES, letter
from im2latex.latex.signatures import (
    BRACKET_AFTER_SPACE,
    CONTROL_SPACE,
    ENVIRONMENTS,
    FORBIDDEN,
    INFIX,
    NO_NUCLEUS,
    PLAIN_CODES,
    PLAIN_TABLES,
    SPACE_COMMANDS,
    TEXT_ONLY,
    UNDELIMITED_BY,
)
from im2latex.latex.symbols import known
from im2latex.latex.textmode import TextReader
from im2latex.latex.tokens import squeeze
from im2latex.latex.tree import Argument, Command, Environment, Fence, Group, Node, Row, Scripts, Token

_NO_LENGTH = re.compile(r"[{}^_&$#]|\\[^A-Za-z]")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_SCRIPT_SLOTS = {"^": "sup", "_": "sub"}
_ROW_BREAKS = frozenset(["\\\\", "\\cr", "\\tabularnewline"])
_PLACEMENT = re.compile(r"\[[tbclr]\]")
_NO_FIELD = frozenset([*"^_'&", "\\right"])


class Reader(Cursor):
    """Turns the items of one group, or of one cell, into a row; `commands` maps names to the kinds they take."""

    def __init__(self, source: str, inside: list[Item], commands: Mapping[str, str], depth: int = 0) -> None:
        super().__init__(source, inside)
        self.commands = commands
        self._depth = depth
        self._plain_codes = False

    def over(self, inside: list[Item], deeper: int = 1) -> "Reader":
        """A reader for a part of the same formula."""
        reader = Reader(self.source, inside, self.commands, self._depth + deeper)
        reader._plain_codes = self._plain_codes
        return reader

    def mathematics(self, nodes: list[LatexNode]) -> Row:
        """Read nodes of the walker as mathematics."""
        return self.over(items(nodes)).row()

    def row(self) -> Row:
        r"""Read everything; a `\right` left over is an error."""
        row, closer = self._until_right()
        if closer is not None:
            self.fail("unbalanced_left_right", "\\right without \\left")
        return row

    def _until_right(self) -> tuple[Row, str | None]:
        row: Row = []
        infix = ""
        while (item := self.peek()) is not None:
            if item in INFIX:
                if infix:
                    self.fail("double_infix", f"{item} in one group with {infix}")
                infix = item
            if item == "^" or item == "_":
                self.at += 1
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
            return Token(self._row_break(False, position))
        if name in PLAIN_TABLES and not self.ended:
            return self._plain_table(PLAIN_TABLES[name])
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
            body = self._argument(kind, name)
            if body is not None:
                arguments.append(Argument(kind, body))
        if name == "\\char" and (character := letter(str(getattr(arguments[0].body[0], "text", "")))):
            return Token(character)
        return Command(name, arguments)

    def _argument(self, kind: str, name: str) -> Row | None:
        """Read one argument; None for an absent optional one."""
        if kind == "o":
            inside = self.bracketed()
            return None if inside is None else self.over(inside).row()
        if kind == "b":
            inside = self.bracketed()
            return None if inside is None else [Token("".join(item for item, _, _ in inside))]
        if kind in QUANTITIES:
            found = self.quantity(kind, name)
            return [Token(found)] if found else []
        if self.ended:
            self.fail("missing_argument", name)
        if kind == "d":
            return [Token(self.delimiter())]
        if kind == "m":
            return self._plain_field() if name in PLAIN_CODES else self._field()
        return self._unread(kind, name)

    def _unread(self, kind: str, name: str) -> Row:
        """Read an argument that is no mathematics: a text, a raw word, or a column specification."""
        item = self.items[self.at]
        self.at += 1
        word, node, position = item
        if kind == "t":
            if isinstance(node, LatexGroupNode):
                return TextReader(node.nodelist, self).row()
            if name == "\\hbox":
                self.fail("forbidden_command", f"{name} {word}", position)
            text = TextReader([], self)
            text.items = [item]
            return text.row()
        if kind == "c":
            inside = items(node.nodelist) if isinstance(node, LatexGroupNode) else [item]
            return columns(Cursor(self.source, inside), lambda part: self.over(part).row(), self._word)
        return self.raw(item, kind, name)

    def raw(self, item: Item, kind: str, name: str) -> Row:
        """A length, or a raw word such as a colour."""
        word, node, position = item
        if not isinstance(node, LatexGroupNode):
            if node is not None:
                self.fail("missing_argument", name, position)
            if word[0] == "\\":
                self.check_text_command(word, position)
            if kind == "l" and not word[1:].isalpha():
                self.fail("bad_length", f"{name} takes a length such as 2pt", position)
            return [Token(word)]
        word = self._word(item)
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
        """Refuse a command that LaTeX does not know in text, or must not run there."""
        known_in_text = name in self.commands or name in known() or name in NO_NUCLEUS or name in TEXT_ONLY
        if name in FORBIDDEN or not (known_in_text or name.startswith("\\text")):
            raise _refusal(name, position)

    def _plain_field(self) -> Row:
        """Read an argument in which a quote, a star and their like are the characters themselves."""
        around, self._plain_codes = self._plain_codes, True
        field = self._field()
        self._plain_codes = around
        return field

    def _field(self) -> Row:
        """Read a script or an argument: the inside of a group, or one node."""
        if self.ended:
            self.fail("missing_argument", "the formula ends where an argument is due")
        inside = self.group()
        if inside is not None:
            return self.over(inside).row()
        item, _, position = self.items[self.at]
        if item in _NO_FIELD and not (item == "'" and self._plain_codes):
            self.fail("missing_argument", f"{item} where an argument is due", position)
        self._depth += 1
        node = self._node()
        self._depth -= 1
        return [node]

    def _fence(self, position: int) -> Fence:
        left = self.delimiter()
        self._depth += 1
        body, right = self._until_right()
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
        if not row or not _carries_scripts(row[-1]):
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

    def _plain_table(self, name: str) -> Environment:
        position = self.items[self.at][2]
        inside = self.group()
        if inside is None:
            self.fail("missing_argument", f"\\{name} takes its rows in braces", position)
        rows, breaks = self.over(inside)._rows(name)
        return Environment(name, "", [], rows, breaks)

    def environment(self, node: LatexEnvironmentNode) -> Environment:
        """Read placement, arguments and cells."""
        name: str = node.environmentname
        if name not in ENVIRONMENTS:
            self.fail("unknown_environment", name, node.pos)
        inside = self.over(items(node.nodelist))
        option = ""
        arguments: list[Argument] = []
        for kind in ENVIRONMENTS[name]:
            if kind == "p":
                option = inside._placement()
            else:
                arguments.append(Argument(kind, inside._argument(kind, name) or []))
        rows, breaks = inside._rows(name)
        return Environment(name, option, arguments, rows, breaks)

    def _placement(self) -> str:
        option = "".join(item for item, _, _ in self.items[self.at : self.at + 3])
        if _PLACEMENT.fullmatch(option) is None:
            return ""
        self.at += 3
        return option

    def _rows(self, name: str) -> tuple[list[list[Row]], list[str]]:
        """Cut what is left into rows of cells and the breaks between the rows."""
        rows: list[list[Row]] = [[]]
        breaks: list[str] = []
        start = self.at
        while not self.ended:
            item, _, position = self.items[self.at]
            here = self.at
            self.at += 1
            if item == "&" or item in _ROW_BREAKS:
                rows[-1].append(self.over(self.items[start:here], 0).row())
                if item != "&":
                    breaks.append(self._row_break(name in BRACKET_AFTER_SPACE, position) if item == "\\\\" else "\\\\")
                    rows.append([])
                start = self.at
        rows[-1].append(self.over(self.items[start:], 0).row())
        return rows, breaks

    def _row_break(self, after_space: bool, position: int) -> str:
        r"""Read the star and the gap that may follow `\\`; `position` is that of the backslash."""
        star = ""
        if self.peek() == "*":
            self.at += 1
            star = "*"
        if self.peek() != "[" or (not after_space and self.items[self.at][2] != position + 2 + len(star)):
            return "\\\\" + star
        start = self.at
        inside = self.bracketed() or []
        length = "".join(item for item, _, _ in inside)
        if LENGTH.fullmatch(length):
            return f"\\\\{star}[{length}]"
        self.at = start
        return "\\\\" + star


def _refusal(name: str, position: int) -> LatexError:
    """Why a command without a signature is refused."""
    if name in FORBIDDEN:
        return LatexError("forbidden_command", name, position)
    if name in TEXT_ONLY or name.startswith("\\text"):
        return LatexError("wrong_mode", f"{name} is for text", position)
    return LatexError("unknown_macro", name, position)


def _carries_scripts(node: Node) -> bool:
    """Whether TeX hangs a script on this node; behind a space it makes an empty nucleus."""
    if isinstance(node, Token):
        return node.text not in NO_NUCLEUS
    return not (isinstance(node, Command) and node.name in SPACE_COMMANDS)
