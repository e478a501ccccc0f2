r"""LaTeX source to a tree, with a named reason for whatever is no formula.

pylatexenc's walker finds control sequences, brace groups, environments, comments and mathematics in text. The builder
here reads arguments, scripts and fences from its nodes as TeX does: the argument of `\frac12` is the next token, that
of `^` may be a command with arguments of its own, and an optional argument ends at the first bracket outside braces.
"""

import re
from functools import cache
from typing import NoReturn

from pylatexenc.latexwalker import (
    LatexCharsNode,
    LatexCommentNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexMathNode,
    LatexNode,
    LatexWalker,
    LatexWalkerParseError,
)
from pylatexenc.macrospec import LatexContextDb

from im2latex.errors import LatexError
from im2latex.latex.signatures import (
    BRACKET_AFTER_SPACE,
    COMMANDS,
    CONTROL_SPACE,
    ENVIRONMENTS,
    FONT_SWITCHES,
    FORBIDDEN,
    INFIX,
    PLAIN_TABLES,
    SPACE_COMMANDS,
    SPACES,
    STYLE_SWITCHES,
)
from im2latex.latex.symbols import known
from im2latex.latex.tokens import squeeze
from im2latex.latex.tree import Argument, Command, Environment, Fence, Group, Inline, Node, Row, Scripts, Token

MAX_DEPTH = 40
"""Deepest nesting of braces, environments and fences; the deepest of 47,888 arXiv formulas is far below."""

_NEST = re.compile(r"\\\\|\\(?:begin|left)(?![A-Za-z])|\\(?:end|right)(?![A-Za-z])|\\.|[{}]", re.DOTALL)
_FOREIGN = re.compile(r"[^\x20-\x7e\t\n\r]")
_UNIT = r"(?:true)?(?:pt|mm|cm|in|ex|em|bp|pc|dd|cc|sp|px|mu)"
_DIMENSION = rf"[-+]*(?:\d+[.,]?\d*|[.,]\d+){_UNIT}"
_LENGTH = re.compile(rf"=?({_DIMENSION}(?:plus{_DIMENSION})?(?:minus{_DIMENSION})?)")
_TEXT_LENGTH = re.compile(rf"[-+\s]*(?:\d+[.,]?\d*|[.,]\d+)\s*{_UNIT}\s?")
_INTEGER = re.compile(r"=?(`.|\"[0-9A-F]+|'[0-7]+|\d+)")
_SCRIPT_SLOTS = {"^": "sup", "_": "sub"}
_NO_NUCLEUS = SPACES | INFIX | STYLE_SWITCHES | FONT_SWITCHES.keys() | {"\\\\"}
_ROW_BREAKS = frozenset(["\\\\", "\\cr", "\\tabularnewline"])
_PLACEMENT = re.compile(r"\[[tbclr]\]")
_COLUMN_ARGUMENTS = dict.fromkeys("pmb@!><", 1) | dict.fromkeys("wW", 2)
_NO_FIELD = frozenset([*"^_'&", "\\right"])
_DELIMITER_CHARACTERS = frozenset("()[]<>|/.")
_NO_DELIMITER = COMMANDS.keys() | FORBIDDEN | _NO_NUCLEUS | {"\\left", "\\right"}


@cache
def _plain_context() -> LatexContextDb:
    """A context without macros: the builder reads all arguments."""
    return LatexContextDb()


def parse(source: str) -> Row:
    """Read one formula; raises `LatexError` and nothing else."""
    _check_characters(source)
    _check_nesting(source)
    walker = LatexWalker(source, latex_context=_plain_context(), tolerant_parsing=False)
    try:
        nodes, _, _ = walker.get_latex_nodes()
        return _Reader(source, _items(nodes)).row()
    except LatexWalkerParseError as error:
        raise _translated(error) from None
    except RecursionError:
        raise LatexError("too_deep", "the formula is nested too deeply") from None


def _check_characters(source: str) -> None:
    if (len(source) - len(source.rstrip("\\"))) % 2:
        raise LatexError("dangling_backslash", "the formula ends in a backslash", len(source) - 1)
    foreign = _FOREIGN.search(source)
    if foreign is None:
        return
    reason = "non_ascii" if ord(foreign[0]) > 0x9F else "control_character"
    raise LatexError(reason, f"U+{ord(foreign[0]):04X}", foreign.start())


def _check_nesting(source: str) -> None:
    """Refuse what would exhaust the stack of a recursive reader."""
    depth = 0
    for match in _NEST.finditer(source):
        if match[0] in ("{", "\\begin", "\\left"):
            depth += 1
        elif match[0] in ("}", "\\end", "\\right"):
            depth -= 1
        if depth > MAX_DEPTH:
            raise LatexError("too_deep", f"more than {MAX_DEPTH} levels", match.start())


def _translated(error: LatexWalkerParseError) -> LatexError:
    """The parser's finding under the project's names."""
    message = str(error.msg)
    lowered = message.lower()
    if "environment" in lowered or "expecting \\end" in lowered:
        reason = "unbalanced_environment"
    elif "math mode" in lowered or "mathmode" in lowered:
        reason = "math_shift"
    else:
        reason = "unbalanced_group"
    return LatexError(reason, " ".join(message.split()), error.pos)


_Item = tuple[str, LatexNode | None, int]
"""What stands there (a character, a control sequence, or "" for a larger node), the larger node, its position."""


class _Reader:
    """Turns the items of one group, or of one cell, into a row."""

    def __init__(self, source: str, items: list[_Item]) -> None:
        self.source = source
        self.items = items
        self.at = 0

    def row(self) -> Row:
        """Read everything; a fence left open is an error."""
        row, closer = self._until_right()
        if closer is not None:
            self._fail("unbalanced_left_right", "\\right without \\left")
        return row

    def _until_right(self) -> tuple[Row, str | None]:
        row: Row = []
        while (item := self._peek()) is not None:
            if item == "^" or item == "_":
                self.at += 1
                self._attach(row, _SCRIPT_SLOTS[item], self._field())
            elif item == "'":
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
        self.at += 1
        if isinstance(node, LatexGroupNode):
            return Group(_Reader(self.source, _items(node.nodelist)).row())
        if isinstance(node, LatexEnvironmentNode):
            return _environment(self.source, node)
        if node is not None:
            self._fail("math_shift", "a formula holds no $", position)
        if item[0] == "\\":
            return self._command(item, position)
        if item == "&":
            self._fail("stray_alignment", "& outside a table", position)
        if item == "#":
            self._fail("parameter_character", "# stands for an argument of a definition", position)
        return Token(item)

    def _command(self, name: str, position: int) -> Node:
        if name in FORBIDDEN:
            self._fail("forbidden_command", name, position)
        if name == "\\left":
            return self._fence(position)
        if name == "\\\\":
            return Token(self.row_break(False, position))
        if name in PLAIN_TABLES and self.at < len(self.items):
            return self._plain_table(PLAIN_TABLES[name])
        kinds = COMMANDS.get(name)
        if kinds is not None:
            return self._arguments(name, kinds)
        if name in known() or name in _NO_NUCLEUS or not name[1].isalpha():
            return Token(name)
        return self._undeclared(name)

    def _plain_table(self, name: str) -> Environment:
        _, node, position = self.items[self.at]
        if not isinstance(node, LatexGroupNode):
            self._fail("missing_argument", f"\\{name} takes its rows in braces", position)
        self.at += 1
        rows, breaks = _rows(_Reader(self.source, _items(node.nodelist)), name)
        return Environment(name, "", [], rows, breaks)

    def _arguments(self, name: str, kinds: str) -> Node:
        arguments: list[Argument] = []
        for kind in kinds:
            if kind == "*":
                if self._peek() == "*":
                    self.at += 1
                    name += "*"
                continue
            body = self.argument(kind, name)
            if body is not None:
                arguments.append(Argument(kind, body))
        return Command(name, arguments)

    def argument(self, kind: str, name: str) -> Row | None:
        """Read one argument; None for an absent optional one."""
        if kind in "ob":
            return self._optional(kind)
        if kind == "n":
            return [
                Token(self._characters(_LENGTH, "bad_length", f"{name} takes a length such as 2pt").replace(",", "."))
            ]
        if kind == "i":
            return [Token(self._characters(_INTEGER, "bad_number", f"{name} takes a number"))]
        if self.at >= len(self.items):
            self._fail("missing_argument", name)
        if kind == "d":
            return [Token(self.delimiter())]
        if kind == "m":
            return self._field()
        item, node, position = self.items[self.at]
        self.at += 1
        if not isinstance(node, LatexGroupNode):
            if node is not None:
                self._fail("missing_argument", name, position)
            if item in FORBIDDEN:
                self._fail("forbidden_command", item, position)
            return [Token(column) for column in columns(item)] if kind == "c" else [Token(item)]
        if kind == "t":
            return _text(self.source, node.nodelist)
        inside = self.source[node.pos + 1 : node.pos + node.len - 1]
        if kind == "c":
            return [Token(column) for column in columns(inside)]
        return [Token(squeeze(inside))] if inside.strip() else []

    def _field(self) -> Row:
        """Read a script or an argument: the inside of a group, or one node."""
        if self.at >= len(self.items):
            self._fail("missing_argument", "the formula ends where an argument is due")
        item, node, position = self.items[self.at]
        if isinstance(node, LatexGroupNode):
            self.at += 1
            return _Reader(self.source, _items(node.nodelist)).row()
        if item in _NO_FIELD:
            self._fail("missing_argument", f"{item} where an argument is due", position)
        return [self._node()]

    def _optional(self, kind: str) -> Row | None:
        if self._peek() != "[":
            return None
        for close in range(self.at + 1, len(self.items)):
            if self.items[close][0] == "]":
                inside = self.items[self.at + 1 : close]
                self.at = close + 1
                if kind == "b":
                    return [Token("".join(item for item, _, _ in inside))]
                return _Reader(self.source, inside).row()
        return None

    def _undeclared(self, name: str) -> Node:
        """A command of no known signature keeps the groups behind it, in case they are its arguments."""
        arguments: list[Argument] = []
        while self.at < len(self.items) and isinstance(self.items[self.at][1], LatexGroupNode):
            arguments.append(Argument("m", self._field()))
        return Command(name, arguments) if arguments else Token(name)

    def _fence(self, position: int) -> Fence:
        left = self.delimiter()
        body, right = self._until_right()
        if right is None:
            self._fail("unbalanced_left_right", "\\left without \\right", position)
        return Fence(left, body, right)

    def delimiter(self) -> str:
        """Read one delimiter, which may stand in braces after `\\big`."""
        if self.at >= len(self.items):
            self._fail("missing_argument", "a delimiter is due")
        item, node, position = self.items[self.at]
        self.at += 1
        if isinstance(node, LatexGroupNode):
            inside = _items(node.nodelist)
            item = inside[0][0] if len(inside) == 1 else ""
        if item in _NO_DELIMITER or (len(item) < 2 and item not in _DELIMITER_CHARACTERS):
            self._fail("bad_delimiter", f"{item or 'this'} is no delimiter", position)
        return item

    def _characters(self, pattern: re.Pattern[str], reason: str, detail: str) -> str:
        """Read what matches the pattern's group, which stands there in single characters."""
        characters = []
        for item, node, _ in self.items[self.at :]:
            if node is not None or len(item) != 1:
                break
            characters.append(item)
        match = pattern.match("".join(characters))
        if match is None:
            self._fail(reason, detail)
        self.at += match.end()
        return match[1]

    def row_break(self, after_space: bool, position: int) -> str:
        r"""Read the star and the gap that may follow `\\`; `position` is that of the backslash."""
        star = ""
        if self._peek() == "*":
            self.at += 1
            star = "*"
        if self._peek() != "[" or (not after_space and self.items[self.at][2] != position + 2 + len(star)):
            return "\\\\" + star
        start = self.at
        inside = self._optional("b")
        if inside and isinstance(inside[0], Token) and _LENGTH.fullmatch(inside[0].text):
            return f"\\\\{star}[{inside[0].text}]"
        self.at = start
        return "\\\\" + star

    def _primes(self, row: Row) -> None:
        """Read a run of primes, which TeX merges with a superscript right behind it."""
        primes: Row = []
        while self._peek() == "'":
            self.at += 1
            primes.append(Token("\\prime"))
        if self._peek() == "^":
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
            self._fail("double_script", "two superscripts or two subscripts on one symbol")
        setattr(last, slot, script)

    def _peek(self) -> str | None:
        """The next item's character or control sequence, "" for a larger node, None at the end."""
        return self.items[self.at][0] if self.at < len(self.items) else None

    def _fail(self, reason: str, detail: str, position: int | None = None) -> NoReturn:
        if position is None and self.items:
            position = self.items[min(self.at, len(self.items) - 1)][2]
        raise LatexError(reason, detail, position)


def _environment(source: str, node: LatexEnvironmentNode) -> Environment:
    """Read placement, arguments and cells."""
    name: str = node.environmentname
    reader = _Reader(source, _items(node.nodelist))
    option = ""
    arguments: list[Argument] = []
    for kind in ENVIRONMENTS.get(name, ""):
        if kind == "p":
            option = _placement(reader)
        else:
            arguments.append(Argument(kind, reader.argument(kind, name) or []))
    rows, breaks = _rows(reader, name)
    return Environment(name, option, arguments, rows, breaks)


def _rows(reader: _Reader, name: str) -> tuple[list[list[Row]], list[str]]:
    """Cut what the reader has left into rows of cells and the breaks between the rows."""
    rows: list[list[Row]] = [[]]
    breaks: list[str] = []
    start = reader.at
    while reader.at < len(reader.items):
        item, _, position = reader.items[reader.at]
        here = reader.at
        reader.at += 1
        if item == "&" or item in _ROW_BREAKS:
            rows[-1].append(_Reader(reader.source, reader.items[start:here]).row())
            if item != "&":
                after_space = name in BRACKET_AFTER_SPACE
                breaks.append(reader.row_break(after_space, position) if item == "\\\\" else "\\\\")
                rows.append([])
            start = reader.at
    rows[-1].append(_Reader(reader.source, reader.items[start:]).row())
    return rows, breaks


def _placement(head: _Reader) -> str:
    option = "".join(item for item, _, _ in head.items[head.at : head.at + 3])
    if _PLACEMENT.fullmatch(option) is None:
        return ""
    head.at += 3
    return option


def _items(nodes: list[LatexNode]) -> list[_Item]:
    """Characters, control sequences and larger nodes in order; spaces and comments are gone."""
    items: list[_Item] = []
    for node in nodes:
        if isinstance(node, LatexCharsNode):
            position = node.pos
            items += [(c, None, position + i) for i, c in enumerate(node.chars) if not c.isspace()]
        elif isinstance(node, LatexMacroNode):
            name = node.macroname
            items.append((CONTROL_SPACE if name.isspace() else "\\" + name, None, node.pos))
        elif not isinstance(node, LatexCommentNode):
            items.append(("", node, node.pos))
    return items


def _carries_scripts(node: Node) -> bool:
    """Whether TeX hangs a script on this node; behind a space it makes an empty nucleus."""
    if isinstance(node, Token):
        return node.text not in _NO_NUCLEUS
    return not (isinstance(node, Command) and node.name in SPACE_COMMANDS)


def _text(source: str, nodes: list[LatexNode]) -> Row:
    """Read a text: characters with single spaces, control sequences, groups, and mathematics between dollars."""
    row: Row = []
    for node in nodes:
        if isinstance(node, LatexCharsNode):
            row.extend(Token(piece) for piece in _text_pieces(node.chars, row))
        elif isinstance(node, LatexMacroNode):
            name = "\\" + node.macroname
            if name in FORBIDDEN:
                raise LatexError("forbidden_command", name, node.pos)
            row.append(Token("~" if node.macroname.isspace() else name))
        elif isinstance(node, LatexGroupNode):
            row.append(Group(_text(source, node.nodelist)))
        elif isinstance(node, LatexMathNode):
            row.append(Inline(_Reader(source, _items(node.nodelist)).row()))
        elif isinstance(node, LatexEnvironmentNode):
            row.append(_environment(source, node))
    return row


def _text_pieces(characters: str, before: Row) -> list[str]:
    """Single characters with single spaces; the length of a primitive such as `\\hskip` takes the space behind it."""
    pieces: list[str] = []
    last = before[-1] if before else None
    if isinstance(last, Token) and COMMANDS.get(last.text) == "n":
        length = _TEXT_LENGTH.match(characters)
        if length is not None:
            pieces.append(squeeze(length[0]))
            characters = characters[length.end() :]
    return pieces + list(re.sub(r"\s+", " ", characters))


def columns(specification: str) -> list[str]:
    r"""Cut a column specification: `l@{\,}p{2cm}*{2}{c}` is `l`, `@{\,}`, `p{2cm}`, `c`, `c`."""
    found: list[str] = []
    rest = specification
    while rest := rest.lstrip():
        head, rest = rest[0], rest[1:].lstrip()
        if head == "*":
            count, rest = _braced(rest)
            repeated, rest = _braced(rest)
            found += columns(repeated) * min(int(count) if count.isdecimal() else 1, 100)
        elif head in _COLUMN_ARGUMENTS:
            column = head
            for _ in range(_COLUMN_ARGUMENTS[head]):
                inside, rest = _braced(rest)
                column += f"{{{squeeze(inside)}}}"
            found.append(column)
        elif head in "lcr|":
            found.append(head)
        else:
            raise LatexError("bad_columns", f"{head} in {{{specification}}} is no column")
    return found


def _braced(text: str) -> tuple[str, str]:
    """The inside of the brace group that leads the text, and what follows it."""
    if not text.startswith("{"):
        raise LatexError("bad_columns", "a column lacks its argument in braces")
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[1:index], text[index + 1 :].lstrip()
    return text[1:], ""
