r"""Parser of text inside mathematics: the argument of `\text`, `\mbox` and others, where spaces count.

A text is typeset in restricted horizontal mode (The TeXbook, chapters 13 and 25): no paragraph begins, `$$` is an empty
formula, and the arguments of commands are text.
"""

from typing import TYPE_CHECKING

from im2latex.latex.parser.cursor import Cursor, Item, read_keyword
from im2latex.latex.parser.quantities import QUANTITIES, character_of_code
from im2latex.latex.parser.signatures import DELIMITERS, MATH_IN_TEXT
from im2latex.latex.parser.symbols import COMPOSED_WITH_I, DOTLESS, TEXT_ACCENTS, unicode_commands
from im2latex.latex.parser.tree import Argument, Command, Group, Inline, Node, Row, Token
from im2latex.latex.parser.walker import BraceBlock, EnvironmentBlock, MathBlock, Piece

if TYPE_CHECKING:
    from im2latex.latex.parser.argument_parser import ArgumentParser

_WORD_SPACES = (Token(" "), Token("~"))
_SENTENCE_GOES_ON = Token("\\@")
"""Also represents an empty formula: it prints nothing, separates its neighbors, and sets the space factor."""


def text_items(pieces: list[Piece]) -> list[Item]:
    """Like `cursor.items`, with every run of spaces as one item and letters outside ASCII as their commands."""
    found: list[Item] = []
    before = ""
    for piece in pieces:
        text, block, start = piece
        if block is not None:
            found.append(piece)
        elif text[0] == "\\":
            found.append(("~" if text[1:].isspace() else text, None, start))
        else:
            for position, character in enumerate(text, start):
                if not character.isspace() or character == "\u00a0":
                    parts = unicode_commands().get(character, (character,))
                    if parts[0] == "-" and found and found[-1][0] == "-" and not (before + character).isascii():
                        found.append((_SENTENCE_GOES_ON.text, None, position))  # two dashes do not become a ligature
                    found += [(part, None, position) for part in parts]
                    before = character
                elif not found or found[-1][0] != " ":
                    found.append((" ", None, position))
    return found


class TextParser(Cursor):
    """Parses the pieces of one text to a row; `outer` parses the mathematics inside it."""

    def __init__(self, pieces: list[Piece], outer: "ArgumentParser") -> None:
        super().__init__(outer.source, text_items(pieces))
        self.outer = outer

    def row(self) -> Row:
        """Parse all items."""
        row: Row = []
        while not self.at_end:
            if self.peek() == "\\\\":  # it removes a space before it; of two, one still prints
                if row and row[-1] in _WORD_SPACES and not (row[1:] and row[-2] in _WORD_SPACES):
                    row.pop()
                row.append(self._line_break())
            else:
                row.append(self._node())
        return _without_idle_ends(row)

    def _node(self) -> Node:
        item, block, position = self.items[self.index]
        self.index += 1
        if isinstance(block, BraceBlock):
            return Group(TextParser(block.pieces, self.outer).row())
        if isinstance(block, EnvironmentBlock):
            return self.outer.environment(block)
        if isinstance(block, MathBlock):
            if block.closer == "\\]":
                self.fail("math_shift", "a display inside a text", position)
            body = self.outer.mathematics(block.pieces)
            return Inline(body) if body else Token(_SENTENCE_GOES_ON.text)
        if item == "#":
            self.fail("parameter_character", "# is a parameter of a definition", position)
        if not item.isascii():
            self.fail("non_ascii", f"U+{ord(item[-1]):04X}", position)
        return self._command(item, position) if item[0] == "\\" else Token(item)

    def _command(self, name: str, position: int) -> Node:
        if name in TEXT_ACCENTS:
            letters = self._argument(name)
            if name in COMPOSED_WITH_I and letters == [Token("i")]:
                letters = [Token(DOTLESS["i"])]
            return Command(name, [Argument("t", letters)])
        kinds = self.outer.commands.get(name)
        if kinds is not None:
            return self._arguments(name, kinds, position)
        self.outer.check_text_command(name, position)
        if name == "\\space":
            if self.peek() == "" and self.items[self.index][1] is not None and self._is_empty_group():
                self.index += 1
            return Token(" ")
        return Token(name)

    def _is_empty_group(self) -> bool:
        block = self.items[self.index][1]
        return isinstance(block, BraceBlock) and not block.pieces

    def _arguments(self, name: str, kinds: str, position: int) -> Node:
        arguments: list[Argument] = []
        for kind in kinds:
            if kind == "x":
                self.fail("wrong_mode", f"{name} is for mathematics", position)
            if kind in QUANTITIES:
                arguments.append(Argument(kind, self._quantity(kind, name, position)))
                continue
            self._skip_spaces()
            if kind == "*":
                if self.peek() == "*":
                    self.index += 1
                    name += "*"
            elif kind == "y":
                if (word := read_keyword(self, name)) is not None:
                    arguments.append(Argument(kind, [Token(word)]))
            elif kind == "o" or kind == "b":
                inside = self.bracketed()
                if inside is not None:
                    arguments.append(Argument("b", [Token("".join(item for item, _, _ in inside))]))
            elif kind == "d":
                arguments.append(Argument(kind, [Token(self._delimiter())]))
            elif kind in "mtvfhu":
                as_mathematics = kind == "m" and name in MATH_IN_TEXT
                body = self._mathematics(name) if as_mathematics else self._argument(name)
                arguments.append(Argument("m" if as_mathematics else "v" if kind == "v" else "t", body))
            else:
                arguments.append(Argument(kind, self._raw(kind, name)))
        if name == "\\char" and (character := character_of_code(str(getattr(arguments[0].body[0], "text", "")))):
            return Token(character)
        if name == "\\color":  # color.sty: \set@color\ignorespaces
            self._skip_spaces()
        return Command(name, arguments)

    def _quantity(self, kind: str, name: str, position: int) -> Row:
        found = self.quantity(kind, name)
        if kind == "k" and found:  # only a space could separate the name from the keyword
            self.fail("forbidden_command", f"{name} {found} inside a text", position)
        return [Token(found)] if found else []

    def _argument(self, name: str) -> Row:
        """Parse the inside of the next group, or the next node, after skipping spaces."""
        self._skip_spaces()
        if self.at_end:
            self.fail("missing_argument", name)
        item, block, position = self.items[self.index]
        if name == "\\hbox" and block is None:
            self.fail("forbidden_command", f"{name} {item}", position)
        if isinstance(block, BraceBlock):
            self.index += 1
            return TextParser(block.pieces, self.outer).row()
        return [self._node()]

    def _mathematics(self, name: str) -> Row:
        if self.at_end:
            self.fail("missing_argument", name)
        item = self.items[self.index]
        self.index += 1
        block = item[1]
        return (
            self.outer.mathematics(block.pieces)
            if isinstance(block, BraceBlock)
            else self.outer.subparser([item]).row()
        )

    def _raw(self, kind: str, name: str) -> Row:
        if self.at_end:
            self.fail("missing_argument", name)
        item = self.items[self.index]
        self.index += 1
        return self.outer.raw(item, kind, name)

    def _delimiter(self) -> str:
        item = self.peek() or ""
        if item not in DELIMITERS:
            self.fail("bad_delimiter", f"{item or 'this'} is not a delimiter")
        self.index += 1
        return item

    def _line_break(self) -> Node:
        self.index += 1
        self._skip_spaces()
        name = "\\\\"
        if self.peek() == "*":
            self.index += 1
            name += "*"
            self._skip_spaces()
        gap = self.bracketed()
        if gap is None:
            return Token(name)
        return Command(name, [Argument("b", [Token("".join(item for item, _, _ in gap if item != " "))])])

    def _skip_spaces(self) -> None:
        while self.peek() == " ":
            self.index += 1


def _without_idle_ends(row: Row) -> Row:
    r"""Remove each `\@` that only keeps the following space narrow, which `~` is, or that has no effect."""
    kept: Row = []
    narrow = False
    for node, after in zip(row, [*row[1:], None], strict=False):
        if node == _SENTENCE_GOES_ON:
            narrow = after in _WORD_SPACES
            if narrow or after == node or (_is_character(after) and not (kept and _is_character(kept[-1]))):
                continue
        elif narrow and node in _WORD_SPACES:
            node = Token("~")
        else:
            narrow = False
        kept.append(node)
    return kept


def _is_character(node: Node | None) -> bool:
    return isinstance(node, Token) and node.text.isalnum()
