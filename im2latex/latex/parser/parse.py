"""Parser of formulas: LaTeX source to a tree, or an error with a reason.

The walker finds control sequences, brace groups, environments, comments and mathematics in the source; `RowParser`
reads arguments, scripts, fences and tables from its pieces. A command unknown to LaTeX is an error.
"""

import re
from collections.abc import Mapping

from im2latex.errors import LatexError
from im2latex.latex import allowed_commands
from im2latex.latex.parser.argument_parser import ArgumentParser, refusal
from im2latex.latex.parser.cursor import (
    COMMENT,
    Item,
    allows_space_before_gap,
    items,
    read_row_break,
)
from im2latex.latex.parser.quantities import character_of_code
from im2latex.latex.parser.signatures import (
    COMMANDS,
    CONTROL_SPACE,
    INFIX,
    MAX_DEPTH,
    NO_NUCLEUS,
    NO_SPACE_BEFORE_BRACKET,
    PLAIN_TABLES,
    SPACE_COMMANDS,
    UNDELIMITED_BY,
)
from im2latex.latex.parser.symbols import is_ordinary_symbol, known_symbols, unicode_commands
from im2latex.latex.parser.table_parser import read_environment, read_plain_table
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
    check_depth,
    limit_recursion,
    sets_colour,
    too_deep_error,
)
from im2latex.latex.parser.walker import Block, BraceBlock, EnvironmentBlock, MathBlock, walk

_END_COMMAND = re.compile(r"\\end((?:[pbBvV]|small)?matrix|cases|aligned|gathered|split|array)(?![A-Za-z])")
_SHIFT = re.compile(r"\\.|%[^\n]*|[{}$]", re.DOTALL)
_FOREIGN = re.compile(r"[^\x20-\x7e\t\n\r]")

_WRITTEN_AS = {"h": "m", "x": "t"}
"""Kinds that differ only in parsing, not in writing."""
_SCRIPT_SLOTS = {"^": "sup", "_": "sub"}


@limit_recursion
def parse(source: str, commands: Mapping[str, str] = COMMANDS) -> Row:
    """Parse one formula; `commands` maps names to argument kinds. Raises only `LatexError`."""
    _check_characters(source)
    allowed_commands.check(source, commands)
    if (len(source) - len(source.rstrip("\\"))) % 2:
        source += " "  # a backslash at the end of a line is TeX's control space
    source = _with_environments(_without_empty_formulas(source))
    check_depth(source)
    return RowParser(source, _without_shifts(items(walk(source))), commands).row()


def parses(source: str) -> bool:
    """Whether `parse` accepts a formula."""
    try:
        parse(source)
    except LatexError:
        return False
    return True


def _without_empty_formulas(source: str) -> str:
    r"""Replace `$$` in a text by `\@`: it is an empty formula there, as no display begins (The TeXbook, chapter 25)."""
    if "$$" not in source:
        return source
    pieces: list[str] = []
    in_formula = [False]
    at = 0
    while match := _SHIFT.search(source, at):
        pieces.append(source[at : match.start()])
        at = match.end()
        piece = match[0]
        if piece == "{":
            in_formula.append(False)
        elif piece == "}" and len(in_formula) > 1:
            in_formula.pop()
        elif piece == "$" and len(in_formula) > 1:
            if not in_formula[-1] and source.startswith("$", at):
                piece, at = "\\@", at + 1
            else:
                in_formula[-1] = not in_formula[-1]
        pieces.append(piece)
    return "".join(pieces) + source[at:]


def _with_environments(source: str) -> str:
    r"""Replace AmSTeX's pairs of commands, `\matrix ... \endmatrix`, by LaTeX's environments of the same names."""
    for name in set(_END_COMMAND.findall(source)):
        source = re.sub(rf"\\end{name}(?![A-Za-z])", rf"\\end{{{name}}}", source)
        source = re.sub(rf"\\{name}(?![A-Za-z])", rf"\\begin{{{name}}}", source)
    return source


def _without_shifts(inside: list[Item]) -> list[Item]:
    r"""Remove one `$`, `$$`, `\(` or `\[` around the whole formula."""
    while len(inside) == 1 and isinstance(inside[0][1], MathBlock):
        inside = items(inside[0][1].pieces)
    return inside


def _check_characters(source: str) -> None:
    if _FOREIGN.search(source) is None:
        return
    for foreign in _FOREIGN.finditer(COMMENT.sub(lambda match: " " * len(match[0]), source)):
        if foreign[0] not in unicode_commands():
            reason = "non_ascii" if ord(foreign[0]) > 0x9F else "control_character"
            raise LatexError(reason, f"U+{ord(foreign[0]):04X}", foreign.start())


class RowParser(ArgumentParser):
    """Parses the items of one group, or of one cell, to a row: nodes with scripts, fences, tables and commands."""

    def subparser(self, inside: list[Item], table: str | None = None, deeper: int = 1) -> "RowParser":
        around = self.table if table is None else table
        parser = RowParser(self.source, inside, self.commands, around, self._depth + deeper)
        parser._plain_codes = self._plain_codes
        parser.spaced = self.spaced and around not in NO_SPACE_BEFORE_BRACKET
        return parser

    def row(self, before: Row | None = None) -> Row:
        r"""Parse all items and append the nodes to `before`; a `\right` without `\left` is an error."""
        row, closer = self._until_right(before or [])
        if closer is not None:
            self.fail("unbalanced_left_right", "\\right without \\left")
        return row

    def _until_right(self, row: Row) -> tuple[Row, str | None]:
        infix = ""
        symbols = self.symbols()
        while self.index < len(self.items):
            item = self.items[self.index][0]
            if item in symbols and item not in self.commands:
                self.index += 1
                row.append(Token(item))
                continue
            if item in INFIX:
                if infix:
                    self.fail("double_infix", f"{item} in one group with {infix}")
                infix = item
            if item == "^" or item == "_":
                self.index += 1
                self._skip_relax()
                self._attach(row, _SCRIPT_SLOTS[item], self._field())
            elif item == "'" and not self._plain_codes:
                self._primes(row)
            elif item == "\\right":
                self.index += 1
                return row, self.delimiter()
            else:
                row.append(self._node())
        return row, None

    def _node(self) -> Node:
        """Parse one node: a symbol, a group, an environment, or a command with its arguments."""
        item, block, position = self.items[self.index]
        if self._depth > MAX_DEPTH:
            raise too_deep_error(position)
        self.index += 1
        if block is not None:
            return self._nested(block)
        if item[0] == "\\":
            return self._command(item, position)
        if item == "&":
            self.fail("stray_alignment", "& outside a table", position)
        if item == "#":
            self.fail("parameter_character", "# is a parameter of a definition", position)
        if not item.isascii():
            if item == "\u00a0":
                return Token(CONTROL_SPACE)
            self.fail("non_ascii", f"U+{ord(item):04X}", position)
        return Token(item)

    def _nested(self, block: Block) -> Node:
        if isinstance(block, EnvironmentBlock):
            return self.environment(block)
        if not isinstance(block, BraceBlock):
            self.fail("math_shift", "$ inside a formula", block.start)
        body = self.mathematics(block.pieces)
        if self._plain_codes and body == [Token(".")]:  # punctuation there, but ordinary in braces
            return Command("\\mathord", [Argument("m", body)])
        return Group(body)

    def _command(self, name: str, position: int) -> Node:
        if name == "\\left":
            return self._fence(position)
        if name == "\\\\":
            return Token(read_row_break(self, self.spaced and allows_space_before_gap(self.table), position + 2))
        if name in PLAIN_TABLES and not self.at_end:
            return read_plain_table(self, PLAIN_TABLES[name])
        if name in UNDELIMITED_BY:
            return self._plain_command(name, position)
        kinds = self.commands.get(name)
        if kinds is not None:
            return self._arguments(name, kinds)
        if name in known_symbols() or name in NO_NUCLEUS:
            return Token(name)
        raise refusal(name, position)

    def _arguments(self, name: str, kinds: str) -> Node:
        arguments: list[Argument] = []
        for kind in kinds:
            if kind == "*":
                if self.peek() == "*":
                    self.index += 1
                    name += "*"
                continue
            if kind == "f":
                self._skip_relax()
            if kind in "by" and arguments and not self.spaced and not self.is_adjacent(self.end):
                continue
            braced = kind == "f" and not self.at_end and isinstance(self.items[self.index][1], BraceBlock)
            body = self.argument(kind, name)
            if body is not None:
                written = _WRITTEN_AS.get(kind, kind)
                arguments.append(Argument("m" if kind == "f" and (braced or not _is_bare(body)) else written, body))
        if name == "\\char" and (character := character_of_code(str(getattr(arguments[0].body[0], "text", "")))):
            return Token(character)
        return Command(name, arguments)

    def _fence(self, position: int) -> Fence:
        left = self.delimiter()
        self._depth += 1
        body, right = self._until_right([])
        self._depth -= 1
        if right is None:
            self.fail("unbalanced_left_right", "\\left without \\right", position)
        return Fence(left, body, right)

    def _primes(self, row: Row) -> None:
        """Parse a run of primes, which TeX merges with a following superscript."""
        primes: Row = []
        while self.peek() == "'":
            self.index += 1
            primes.append(Token("\\prime"))
        if self.peek() == "^":
            self.index += 1
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
        r"""Parse plain TeX's `\root n \of x`, which is `\sqrt[n]{x}`, or `\buildrel a \over =`."""
        end = UNDELIMITED_BY[name]
        ends = [index for index in range(self.index, len(self.items)) if self.items[index][0] == end]
        if not ends:
            self.fail("missing_argument", f"{name} needs a {end}", position)
        first = self.subparser(self.items[self.index : ends[0]]).row()
        self.index = ends[0] + 1
        second = self._field()
        if name == "\\root":
            return Command("\\sqrt", [Argument("o", first), Argument("m", second)])
        stacked = Command("\\overset", [Argument("m", first), Argument("m", second)])
        return Command("\\mathrel", [Argument("m", [stacked])])

    def environment(self, block: EnvironmentBlock) -> Environment:
        return read_environment(self, block)


def _is_bare(body: Row) -> bool:
    """Whether the body of a math field is one symbol whose braces TeX keeps (tex.web, section 1186)."""
    return len(body) == 1 and isinstance(body[0], Token) and not is_ordinary_symbol(body[0].text)


def _ends_in_colour(node: Node) -> bool:
    """Whether a script of the node sets a color, so that no other script can follow it."""
    return isinstance(node, Scripts) and any(script and sets_colour(script) for script in (node.sub, node.sup))


def _carries_scripts(node: Node) -> bool:
    """Whether TeX attaches a script to this node; after a space it creates an empty nucleus."""
    if isinstance(node, Token):
        return node.text not in NO_NUCLEUS
    return not (isinstance(node, Command) and node.name in SPACE_COMMANDS)
