r"""Parser of the arguments of mathematics, one method for each group of argument kinds (`signatures.KINDS`).

An undelimited argument is the next token or group (The TeXbook, chapter 20): that of `\frac12` is `1`, that of `^` may
be a command with arguments of its own. An optional argument ends at the first bracket outside braces.
"""

import re
from abc import abstractmethod
from collections.abc import Mapping
from functools import cache

from im2latex.errors import LatexError
from im2latex.latex.allowed_commands import text_symbols
from im2latex.latex.parser.cursor import COMMENT, Cursor, Item, column_letter, items, read_keyword
from im2latex.latex.parser.quantities import LENGTH, QUANTITIES, REGISTERS
from im2latex.latex.parser.signatures import (
    COMMANDS,
    INFIX,
    MAX_DEPTH,
    NO_NUCLEUS,
    PLAIN_CODES,
    PLAIN_TABLES,
    SUBARRAYS,
    TEXT_ONLY,
    UNDELIMITED_BY,
)
from im2latex.latex.parser.symbols import known_symbols
from im2latex.latex.parser.table_parser import paragraph_columns, parse_columns
from im2latex.latex.parser.text_parser import TextParser
from im2latex.latex.parser.tree import Command, Environment, Node, Row, Token
from im2latex.latex.parser.walker import Block, BraceBlock, EnvironmentBlock, Piece
from im2latex.latex.tokens import squeeze

_NO_LENGTH = re.compile(r"[{}^_&$#]|\\[^A-Za-z]")
_VERTICAL = re.compile(
    rf"(?:\\(?:vskip|kern){LENGTH.pattern}|\\hrule|\\(?:small|med|big)skip|\\nobreak|\\penalty-?\d+)+"
)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_NO_FIELD = frozenset([*"^_'&", "\\right"])
_NO_SYMBOLS = INFIX | COMMANDS.keys() | PLAIN_TABLES.keys() | UNDELIMITED_BY.keys() | {"\\left", "\\right", "\\\\"}
_PRINTS_NOTHING = frozenset(["r", "*r"])
r"""Kinds of commands such as `\label`; an argument without braces would be the command's name alone."""


class ArgumentParser(Cursor):
    """Parses arguments from the items of one group or cell; `commands` maps names to the kinds of their arguments."""

    def __init__(
        self, source: str, inside: list[Item], commands: Mapping[str, str], table: str = "", depth: int = 0
    ) -> None:
        super().__init__(source, inside)
        self.commands = commands
        self.table = table
        r"""The innermost environment or command with rows; it decides how `\\` is parsed."""
        self.spaced = True
        r"""Whether LaTeX's `\@ifnextchar` skips spaces here."""
        self._depth = depth
        self._plain_codes = False

    @abstractmethod
    def subparser(self, inside: list[Item], table: str | None = None, deeper: int = 1) -> "ArgumentParser":
        """Create a parser for a part of the same formula."""

    @abstractmethod
    def row(self, before: Row | None = None) -> Row:
        """Parse all items and append the nodes to `before`."""

    @abstractmethod
    def environment(self, block: EnvironmentBlock) -> Environment:
        """Parse an environment."""

    @abstractmethod
    def _node(self) -> Node:
        """Parse the next node."""

    def symbols(self) -> frozenset[str]:
        """Return the items that are one symbol wherever they are in mathematics, unless a user defines the command."""
        return _symbols() if self._depth <= MAX_DEPTH else frozenset()

    def mathematics(self, pieces: list[Piece]) -> Row:
        """Parse pieces of the source as mathematics."""
        return self.subparser(items(pieces)).row()

    def argument(self, kind: str, name: str) -> Row | None:
        """Parse one argument; returns None for an optional one that is absent."""
        if kind in "mfhu":
            if self.at_end:
                self.fail("missing_argument", name)
            if name in PLAIN_CODES:
                return self._plain_field()
            return self._field(name if name in SUBARRAYS else None, hanging=kind == "h")
        if kind == "o":
            inside = self.bracketed()
            return None if inside is None else self.subparser(inside).row()
        if kind in "by":
            word = read_keyword(self, name) if kind == "y" else self.option()
            return None if word is None else [Token(squeeze(word))]
        if kind in QUANTITIES:
            found = self.quantity(kind, name)
            return [Token(found)] if found else []
        if self.at_end:
            self.fail("missing_argument", name)
        if kind == "d":
            return [Token(self.delimiter())]
        return self._unread(kind, name)

    def _unread(self, kind: str, name: str) -> Row:
        """Parse an argument that is not mathematics: text, a raw word, or a column specification."""
        item = self.items[self.index]
        self.index += 1
        word, block, position = item
        if kind == "x":
            return self._boxes(block, name, position)
        if kind in "tv":
            if isinstance(block, BraceBlock):
                return TextParser(block.pieces, self).row()
            if name == "\\hbox":
                self.fail("forbidden_command", f"{name} {word}", position)
            text = TextParser([], self)
            text.items = [item]
            return text.row()
        if kind == "c":
            inside = items(block.pieces) if isinstance(block, BraceBlock) else [item]
            found = parse_columns(Cursor(self.source, inside), lambda part: self.subparser(part).row(), self._word)
            if name == "\\multicolumn" and paragraph_columns(found):
                self.fail("text_column", "a cell of p{...}, m{...} and b{...} is text", position)
            return found
        if kind == "w":
            given = self.source[block.start + 1 : block.stop] if isinstance(block, BraceBlock) else word
            return [Token(column_letter(self, name, given))]
        return self.raw(item, kind, name)

    def _boxes(self, block: Block | None, name: str, position: int) -> Row:
        r"""Parse a vertical list that contains only `\hbox`; other content would start a paragraph of page width."""
        if not isinstance(block, BraceBlock):
            self.fail("forbidden_command", f"{name} without a group", position)
        boxes = [part for part in TextParser(block.pieces, self).row() if part != Token(" ")]
        if not all(isinstance(box, Command) and box.name == "\\hbox" for box in boxes):
            self.fail("forbidden_command", rf"{name} of more than \hbox", position)
        return boxes

    def raw(self, item: Item, kind: str, name: str) -> Row:
        """Parse a length, or a raw word such as a color."""
        word, block, position = item
        if not isinstance(block, BraceBlock):
            if block is not None:
                self.fail("missing_argument", name, position)
            if kind == "q":
                self.fail("forbidden_command", f"{name} without a group", position)
            if word[0] == "\\" and not (kind == "l" and word in REGISTERS):
                self.check_text_command(word, position)
            if kind == "l" and not word[1:].isalpha():
                self.fail("bad_length", f"{name} needs a length such as 2pt", position)
            return [Token(word)]
        word = self._word(item)
        if kind == "q" and not _VERTICAL.fullmatch(word):
            self.fail("forbidden_command", f"{name} {{{word}}} is neither space nor a rule", position)
        if kind == "l" and _NO_LENGTH.search(word):
            self.fail("bad_length", f"{name} needs a length such as 2pt", position)
        return [Token(word)] if word else []

    def _word(self, item: Item) -> str:
        """Return an argument as written, without its spaces."""
        word, block, position = item
        if block is not None:
            inside = COMMENT.sub("", self.source[block.start + 1 : block.stop])
            word = squeeze(_ESCAPED.sub(lambda escaped: "~" if escaped[0][1].isspace() else escaped[0], inside))
        if not word.isascii():
            self.fail("non_ascii", word, position)
        return word

    def check_text_command(self, name: str, position: int) -> None:
        """Reject a command that is not valid in text; raises `LatexError`."""
        listed = (self.commands, known_symbols(), NO_NUCLEUS, TEXT_ONLY, text_symbols())
        if not any(name in commands for commands in listed):
            raise refusal(name, position)

    def _plain_field(self) -> Row:
        """Parse an argument in which a quote, a star and similar characters print themselves."""
        around, self._plain_codes = self._plain_codes, True
        field = self._field()
        self._plain_codes = around
        return field

    def _field(self, table: str | None = None, hanging: bool = False) -> Row:
        """Parse a script or an argument: the inside of a group, or one node."""
        if self.at_end:
            self.fail("missing_argument", "the formula ends before an argument")
        inside = self.group()
        if inside is not None:
            row = self.subparser(inside, table).row([Token("")] if hanging else None)
            return row[1:] if hanging and row[0] == Token("") else row
        item, _, position = self.items[self.index]
        ends = item in _NO_FIELD and not (item == "'" and self._plain_codes)
        if ends or self.commands.get(item) in _PRINTS_NOTHING:
            self.fail("missing_argument", f"{item} in place of an argument", position)
        self._depth += 1
        node = self._node()
        self._depth -= 1
        return [node]

    def _skip_relax(self) -> None:
        r"""Skip `\relax` where TeX scans a math field: the next non-blank, non-relax token (tex.web, 404)."""
        while self.peek() == "\\relax":
            self.index += 1


@cache
def _symbols() -> frozenset[str]:
    characters = frozenset(map(chr, range(0x21, 0x7F))) - frozenset("\\^_'&#")
    return characters | (known_symbols() | NO_NUCLEUS) - _NO_SYMBOLS


def refusal(name: str, position: int) -> LatexError:
    """Build the error for a command without a signature."""
    if name in TEXT_ONLY or name in text_symbols():
        return LatexError("wrong_mode", f"{name} is for text", position)
    return LatexError("not_allowed", name, position)
