"""A place in a list of items: look at the next one, take it, or say what is wrong there.

An item is one character, one control sequence, or a larger node of pylatexenc's walker (a group, an environment,
mathematics between dollars). Spaces and comments are no items.
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
from im2latex.latex.signatures import CONTROL_SPACE, DELIMITERS, REGISTERS

Item = tuple[str, LatexNode | None, int]
"""What stands there (a character, a control sequence, or "" for a larger node), the larger node, its position."""

_READ_AS = {"sb": "_", "sp": "^"}
"""Plain TeX's names of the characters that begin scripts."""
_COMMENT = re.compile(r"(?<!\\)%[^\n]*(?:\n[ \t]*|$)")


@cache
def _plain_context() -> LatexContextDb:
    """A context without macros: the reader takes all arguments."""
    return LatexContextDb()


def walk(source: str, start: int = 0) -> list[LatexNode]:
    """The nodes of the source from `start` on; raises `LatexWalkerParseError`."""
    walker = LatexWalker(source, latex_context=_plain_context(), tolerant_parsing=False)
    nodes: list[LatexNode] = walker.get_latex_nodes(pos=start)[0]
    return nodes


def items(nodes: list[LatexNode]) -> list[Item]:
    """Characters, control sequences and larger nodes in order."""
    found: list[Item] = []
    for node in nodes:
        if isinstance(node, LatexCharsNode):
            position = node.pos
            found += [(c, None, position + i) for i, c in enumerate(node.chars) if not c.isspace()]
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
        self.at = 0

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.items)

    def peek(self) -> str | None:
        """The next item's character or control sequence, "" for a larger node, None at the end."""
        return self.items[self.at][0] if self.at < len(self.items) else None

    @property
    def position(self) -> int:
        """Where the next item stands in the source; at the end, where the last one does."""
        return self.items[min(self.at, len(self.items) - 1)][2] if self.items else 0

    @property
    def end(self) -> int:
        """Where the last item that was taken ends, if it is one character."""
        return self.items[self.at - 1][2] + 1

    def touches(self, end: int) -> bool:
        """Whether the next item stands at `end` in the source, nothing but comments between."""
        if self.ended:
            return False
        between = self.source[end : self.items[self.at][2]]
        return not between or not _COMMENT.sub("", between)

    def option(self) -> str | None:
        """Take the source between brackets as TeX does, spaces kept and braces around all of it taken off.

        None, and nothing taken, where no bracket stands or none closes it.
        """
        start = self.position + 1
        inside = self.bracketed()
        if inside is None:
            return None
        word = _COMMENT.sub("", self.source[start : self.end - 1])
        alone = len(inside) == 1 and isinstance(inside[0][1], LatexGroupNode)
        return word[1:-1] if alone and word[:1] + word[-1:] == "{}" else word

    def group(self) -> list[Item] | None:
        """Take the inside of a brace group; None, and nothing taken, where none stands."""
        node = None if self.ended else self.items[self.at][1]
        if not isinstance(node, LatexGroupNode):
            return None
        self.at += 1
        return items(node.nodelist)

    def bracketed(self) -> list[Item] | None:
        """Take what stands between brackets, the first closing one outside braces; None where there are none."""
        if self.peek() != "[":
            return None
        for close in range(self.at + 1, len(self.items)):
            if self.items[close][0] == "]":
                inside = self.items[self.at + 1 : close]
                self.at = close + 1
                return inside
        return None

    def characters(self, pattern: re.Pattern[str], reason: str, detail: str) -> str:
        """Take what matches the pattern's first group, spaces between its characters ignored."""
        found = ""
        for item, node, _ in self.items[self.at :]:
            if node is not None or (len(item) != 1 and item not in REGISTERS):
                break
            found += item
            if item in REGISTERS:
                break
        match = pattern.match(found)
        if match is None:
            self.fail(reason, detail)
        taken = 0
        while taken < match.end():
            taken += len(self.items[self.at][0])
            self.at += 1
        return match[1]

    def delimiter(self) -> str:
        r"""Take one delimiter, which may stand in braces after `\big`."""
        if self.ended:
            self.fail("missing_argument", "a delimiter is due")
        item, node, position = self.items[self.at]
        inside = self.group()
        if inside is not None:
            item = inside[0][0] if len(inside) == 1 else ""
        elif node is None:
            self.at += 1
        if item not in DELIMITERS:
            self.fail("bad_delimiter", f"{item or 'this'} is no delimiter", position)
        return item

    def fail(self, reason: str, detail: str, position: int | None = None) -> NoReturn:
        """Refuse the formula at `position`, by default here."""
        if position is None and self.items:
            position = self.items[min(self.at, len(self.items) - 1)][2]
        raise LatexError(reason, detail, position)
