"""Cursor over the items of a source: lookahead, consumption, and errors with positions.

An item is one character, one control sequence, or a larger node of pylatexenc's walker (a group, an environment,
mathematics between dollars). Spaces and comments are not items.
"""

import re
from functools import cache
from typing import NoReturn

from pylatexenc.latexwalker import (
    LatexCharsNode,
    LatexCommentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexNode,
    LatexWalker,
)
from pylatexenc.macrospec import LatexContextDb

from im2latex.errors import LatexError
from im2latex.latex.parser.quantities import QUANTITIES, REGISTERS, canonical_quantity
from im2latex.latex.parser.signatures import CONTROL_SPACE, DELIMITERS

Item = tuple[str, LatexNode | None, int]
"""Character or control sequence ("" for a larger node), the larger node, and its position."""

COMMENT = re.compile(r"(?<!\\)%[^\n]*(?:\n[ \t]*|\Z)")
_LONGEST_QUANTITY = 200
_READ_AS = {"sb": "_", "sp": "^"}
"""Plain TeX's control sequences for the script characters."""


@cache
def _plain_context() -> LatexContextDb:
    """Create a context without macros, since the parser reads all arguments itself."""
    return LatexContextDb()


def walk(source: str, start: int = 0) -> list[LatexNode]:
    """Return the nodes of the source from `start` on; raises `LatexWalkerParseError`."""
    walker = LatexWalker(source, latex_context=_plain_context(), tolerant_parsing=False)
    nodes: list[LatexNode] = walker.get_latex_nodes(pos=start)[0]
    return nodes


def items(nodes: list[LatexNode]) -> list[Item]:
    """Convert nodes to items: characters, control sequences and larger nodes, in order."""
    found: list[Item] = []
    for node in nodes:
        if isinstance(node, LatexCharsNode):
            position = node.pos
            found += [(c, None, position + i) for i, c in enumerate(node.chars) if not c.isspace() or c == "\u00a0"]
        elif isinstance(node, LatexMacroNode):
            name = node.macroname
            found.append((_READ_AS.get(name) or (CONTROL_SPACE if name.isspace() else "\\" + name), None, node.pos))
        elif not isinstance(node, LatexCommentNode):
            found.append(("", node, node.pos))
    return found


class Cursor:
    """Reads what needs no grammar: single items, delimiters, and runs of characters."""

    def __init__(self, source: str, inside: list[Item]) -> None:
        self.source = source
        self.items = inside
        self.index = 0

    @property
    def at_end(self) -> bool:
        """Whether no items are left."""
        return self.index >= len(self.items)

    def peek(self) -> str | None:
        """Return the next item's character or control sequence; "" for a larger node, None at the end."""
        return self.items[self.index][0] if self.index < len(self.items) else None

    @property
    def position(self) -> int:
        """Position of the next item in the source; at the end, of the last item."""
        return self.items[min(self.index, len(self.items) - 1)][2] if self.items else 0

    @property
    def end(self) -> int:
        """End position of the last consumed item in the source."""
        item, node, position = self.items[self.index - 1]
        return position + (node.len if node is not None else len(item))

    def is_adjacent(self, end: int) -> bool:
        """Whether the next item is at `end` in the source, with only comments in between."""
        if self.at_end:
            return False
        between = self.source[end : self.items[self.index][2]]
        return not between or not COMMENT.sub("", between)

    def option(self) -> str | None:
        """Consume brackets and return their source as TeX reads it: spaces stay, braces around all of it do not.

        Returns None and consumes nothing where there is no bracket or none closes it.
        """
        start = self.position + 1
        inside = self.bracketed()
        if inside is None:
            return None
        word = COMMENT.sub("", self.source[start : self.end - 1])
        alone = len(inside) == 1 and isinstance(inside[0][1], LatexGroupNode)
        return word[1:-1] if alone and word[:1] + word[-1:] == "{}" else word

    def group(self) -> list[Item] | None:
        """Consume a brace group and return its items; None where there is none."""
        node = None if self.at_end else self.items[self.index][1]
        if not isinstance(node, LatexGroupNode):
            return None
        self.index += 1
        return items(node.nodelist)

    def bracketed(self) -> list[Item] | None:
        """Consume brackets, up to the first closing one outside braces, and return their items, or None."""
        if self.peek() != "[":
            return None
        for close in range(self.index + 1, len(self.items)):
            if self.items[close][0] == "]":
                inside = self.items[self.index + 1 : close]
                self.index = close + 1
                return inside
        return None

    def quantity(self, kind: str, name: str) -> str:
        """Consume a number or lengths without braces; `kind` as in `quantities.QUANTITIES`."""
        given, ends = self._characters()
        pattern, reason, example = QUANTITIES[kind]
        match = pattern.match(given)
        if match is None:
            self.fail(reason, f"{name} needs {example}")
        self.index = ends[match.end() - 1] if match.end() else self.index
        return canonical_quantity(kind, match[1])

    def _characters(self) -> tuple[str, list[int]]:
        """Return the following characters, runs of spaces as one, and for each the index of the item after it.

        Includes the names of registers, and a control sequence of one character after the mark of a character code.
        """
        text = ""
        ends: list[int] = []
        behind = self.items[self.index][2] if not self.at_end else 0
        for index in range(self.index, min(self.index + _LONGEST_QUANTITY, len(self.items))):
            item, node, position = self.items[index]
            if node is not None or not (len(item) == 1 or item in REGISTERS or (len(item) == 2 and text[-1:] == "`")):
                break
            if position > behind and not text.endswith(" ") and _holds_space(self.source[behind:position]):
                text += " "
                ends.append(index)
            text += item
            ends += [index + 1] * len(item)
            behind = position + len(item)
        return text, ends

    def delimiter(self) -> str:
        r"""Consume one delimiter, which may be in braces after `\big`."""
        if self.at_end:
            self.fail("missing_argument", "a delimiter is missing")
        item, node, position = self.items[self.index]
        inside = self.group()
        if inside is not None:
            item = inside[0][0] if len(inside) == 1 else ""
        elif node is None:
            self.index += 1
        if item not in DELIMITERS:
            self.fail("bad_delimiter", f"{item or 'this'} is not a delimiter", position)
        return item

    def fail(self, reason: str, detail: str, position: int | None = None) -> NoReturn:
        """Raise `LatexError` with `position`, by default the present one."""
        if position is None and self.items:
            position = self.items[min(self.index, len(self.items) - 1)][2]
        raise LatexError(reason, detail, position)


def _holds_space(between: str) -> bool:
    """Whether TeX reads a space there, and not only a comment with the line end that it removes."""
    return bool(COMMENT.sub("", between))
