r"""Walker: LaTeX source to nested pieces: runs of characters, control sequences, groups, environments, mathematics.

One regular expression reads the source once; comments are dropped, and so are the spaces after a control word. The
pieces are those of pylatexenc's walker, which would need most of the normalizer's time. It is called if something does
not match, reads the source again, and says what is wrong.
"""

import re
from dataclasses import dataclass, field

from pylatexenc.latexwalker import LatexWalker, LatexWalkerParseError
from pylatexenc.macrospec import LatexContextDb

from im2latex.errors import LatexError

_PIECE = re.compile(
    r"""(?P<characters>[^\\{}$%]+)
    | \\(?:begin\s*\{(?P<begin>[\w*\ ._-]+)\} | end\s*\{(?P<end>[\w*\ ._-]+)\})
    | (?P<word>\\[^\W\d_]+) (?:[^\S\n]|\n(?!\n))*
    | (?P<open>\{)
    | (?P<close>\})
    | (?P<shift>\\[][()])
    | (?P<symbol>\\.)
    | (?P<dollars>\$+)
    | %[^\n\r]*(?:[\n\r](?![\n\r])\s*)?  # a comment, its line end, and the spaces of the next line
    """,
    re.DOTALL | re.VERBOSE,
)
_CLOSERS = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_NO_WORDS = frozenset(["\\begin", "\\end"])


@dataclass(slots=True)
class Block:
    """A larger piece: `start` is its position in the source, `stop` that of its `closer`, and `end` the one behind."""

    closer: str
    start: int
    pieces: list["Piece"] = field(default_factory=list)
    stop: int = 0
    end: int = 0


class BraceBlock(Block):
    """A brace group."""

    __slots__ = ()


class MathBlock(Block):
    r"""Mathematics between dollar signs, or in `\(` and `\)`, or in `\[` and `\]`."""

    __slots__ = ()


@dataclass(slots=True)
class EnvironmentBlock(Block):
    """An environment."""

    name: str = ""


Piece = tuple[str, Block | None, int]
"""A run of characters, or a control sequence, or "" for a block; the block; the position in the source."""


def walk(source: str, start: int = 0, stop: int | None = None) -> list[Piece]:
    """Return the pieces of the source from `start` to `stop`; raises `LatexError` where something does not match."""
    walked = _Walk()
    for match in _PIECE.finditer(source, start, len(source) if stop is None else stop):
        kind = match.lastgroup
        if kind == "characters" or kind == "symbol":
            walked.pieces.append((match[0], None, match.start()))
        elif kind == "word":
            walked.word(match["word"], match.start())
        elif kind == "open":
            walked.open(BraceBlock("}", match.start()))
        elif kind == "close":
            walked.close("}", match.start())
        elif kind == "begin":
            walked.open(EnvironmentBlock(f"\\end{{{match['begin']}}}", match.start(), name=match["begin"]))
        elif kind == "end":
            walked.close(f"\\end{{{match['end']}}}", match.start(), match.end())
        elif kind == "shift":
            walked.shift(match[0], match.start())
        elif kind == "dollars":
            walked.dollars(match.start(), match.end())
    if walked.mismatched or walked.around:
        raise _error(source[:stop], start)
    return walked.pieces


class _Walk:
    """The pieces so far of the innermost block."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.around: list[tuple[Block, list[Piece]]] = []
        """The open blocks, the innermost last, each with the pieces around it."""
        self.mismatched = False
        self._shifts: list[str] = []
        """The beginnings of the open mathematics, the innermost last."""

    def word(self, name: str, position: int) -> None:
        self.mismatched = self.mismatched or name in _NO_WORDS
        self.pieces.append((name, None, position))

    def open(self, block: Block) -> None:
        self.pieces.append(("", block, block.start))
        self.around.append((block, self.pieces))
        self.pieces = block.pieces

    def close(self, closer: str, position: int, end: int | None = None) -> None:
        if self._ends(closer):
            block, self.pieces = self.around.pop()
            block.stop, block.end = position, position + len(closer) if end is None else end
        else:
            self.mismatched = True

    def _ends(self, closer: str) -> bool:
        return bool(self.around) and self.around[-1][0].closer == closer

    def shift(self, mark: str, position: int) -> None:
        if mark in _CLOSERS and not self._ends(mark):
            self.open(MathBlock(_CLOSERS[mark], position))
            self._shifts.append(mark)
        else:
            self.close(mark, position)
            del self._shifts[-1:]

    def dollars(self, position: int, end: int) -> None:
        """Read a run of dollar signs; two of them are one shift, except inside of `$...$`."""
        while position < end:
            mark = "$$" if position + 1 < end and self._shifts[-1:] != ["$"] else "$"
            self.shift(mark, position)
            position += len(mark)


def _error(source: str, start: int) -> LatexError:
    """Build the error that names what does not match."""
    walker = LatexWalker(source, latex_context=LatexContextDb(), tolerant_parsing=False)
    try:
        walker.get_latex_nodes(pos=start)
    except LatexWalkerParseError as error:
        message = " ".join(str(error.msg).split())
        return LatexError(_reason(message.lower()), message, error.pos)
    return LatexError("unbalanced_group", "braces, environments or dollar signs do not match", start)


def _reason(message: str) -> str:
    if "environment" in message or "expecting \\end" in message:
        return "unbalanced_environment"
    if "math mode" in message or "mathmode" in message:
        return "math_shift"
    return "unbalanced_group"
