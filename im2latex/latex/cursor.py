"""A place in a list of items: look at the next one, take it, or say what is wrong there.

An item is one character, one control sequence, or a larger node of pylatexenc's walker (a group, an environment,
mathematics between dollars). Spaces and comments are no items.
"""

import re
from typing import NoReturn

from pylatexenc.latexwalker import LatexCharsNode, LatexCommentNode, LatexGroupNode, LatexMacroNode, LatexNode

from im2latex.errors import LatexError
from im2latex.latex.signatures import CONTROL_SPACE, DELIMITERS

Item = tuple[str, LatexNode | None, int]
"""What stands there (a character, a control sequence, or "" for a larger node), the larger node, its position."""

_READ_AS = {"sb": "_", "sp": "^"}
"""Plain TeX's names of the characters that begin scripts."""


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
        found = []
        for item, node, _ in self.items[self.at :]:
            if node is not None or len(item) != 1:
                break
            found.append(item)
        match = pattern.match("".join(found))
        if match is None:
            self.fail(reason, detail)
        self.at += match.end()
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
