r"""Serializer of text inside mathematics: one token without whitespace, `~` for a space.

The width of a space depends on TeX's space factor (The TeXbook, chapter 12; tex.web, section 1034), which is tracked
through groups and font commands; after a box or a formula it is 1000. A wider space at the end of a sentence is
`\space{}`.
"""

from collections.abc import Callable

from im2latex.latex.parser.quantities import QUANTITIES
from im2latex.latex.parser.signatures import FONT_SWITCHES, SPACES, TEXT_SWITCHES
from im2latex.latex.parser.tree import Argument, Command, Group, Node, Row, Token
from im2latex.latex.tokens import ends_in_control_word, one_word, split, squeeze

_FACTORS = dict.fromkeys(".?!", 3000) | {":": 2000, ";": 1500, ",": 1250} | dict.fromkeys(")']", 0)
_FACTORS |= dict.fromkeys(split(r"\dots \ldots \textellipsis"), 3000) | dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 999)
"""Space factor codes of LaTeX, for characters and for commands that end in one; all others have 1000."""
_WIDE = 2000
_NEUTRAL = (
    SPACES | FONT_SWITCHES.keys() | TEXT_SWITCHES | {"\\/", "\\-", "\\\\", "\\\\*", "\\relax", "\\protect", "\\null"}
)
"""Commands that set no character and no box."""
_TRANSPARENT = frozenset(
    split(r"""\textbf \textit \emph \textrm \textsf \texttt \textnormal \textup \textmd \textsc \textsl \textcolor
    \MakeUppercase \MakeLowercase \uppercase \lowercase""")
)
"""Commands whose text is part of the surrounding text, and no box."""
_SETS_NOTHING = frozenset(split(r"\hspace \hspace* \hskip \kern \color \fontsize \label"))
_GLUE_WORDS = ("p", "P", "m", "M")
"""First letters of `plus` and `minus`, which TeX looks for after glue."""


class TextWriter:
    """Writes one text; `mathematics` serializes what is not text inside it."""

    def __init__(self, mathematics: Callable[[Row], list[str]], factor: int = 1000, is_paragraph: bool = False) -> None:
        self._mathematics = mathematics
        self._is_paragraph = is_paragraph  # where a line may break at a space, but not at `~`
        self._factor = factor
        self._pieces: list[str] = []

    def text(self, row: Row) -> str:
        """Return the token of a text."""
        for node in row:
            self._node(node)
        return "".join(self._pieces)

    def _node(self, node: Node) -> None:
        match node:
            case Token(text=" "):
                self._add("\\space{}" if self._factor >= _WIDE or self._is_paragraph else "~")
            case Token(text=text):
                self._add(text)
                if text not in _NEUTRAL:
                    self._advance(_FACTORS.get(text, 1000))
            case Group():
                self._add(f"{{{self._inner(node.body)}}}")
            case Command():
                self._command(node)
            case _:
                self._add(one_word(self._mathematics([node])))
                self._factor = 1000

    def _command(self, command: Command) -> None:
        self._add(command.name)
        transparent = command.name in _TRANSPARENT
        for argument in command.arguments:
            if argument.kind in "tv":
                self._pieces.append(f"{{{self._inner(argument.body) if transparent else self._apart(argument)}}}")
            elif argument.kind in QUANTITIES or argument.kind == "d":
                if argument.body:
                    self._add(_word(argument))
            elif argument.kind in "by":
                self._pieces.append(f"[{_word(argument)}]")
            else:
                self._pieces.append(f"{{{one_word(self._mathematics(argument.body))}}}")
        if not transparent and command.name not in _SETS_NOTHING and not command.name.startswith("\\\\"):
            self._factor = 1000

    def _inner(self, row: Row) -> str:
        writer = TextWriter(self._mathematics, self._factor, self._is_paragraph)
        text = writer.text(row)
        self._factor = writer._factor
        return text

    def _apart(self, argument: Argument) -> str:
        return TextWriter(self._mathematics, is_paragraph=argument.kind == "v").text(argument.body)

    def _advance(self, code: int) -> None:
        if code:
            self._factor = 1000 if self._factor < 1000 < code else code

    def _add(self, piece: str) -> None:
        """Append a piece, separated from a preceding name or number that it would become part of."""
        before = self._pieces[-1] if self._pieces else ""
        if (piece[0].isalpha() and ends_in_control_word(before)) or (
            before[-1:].isalnum() and before[:1] != "\\" and len(before) > 1 and _goes_on(before, piece)
        ):
            self._pieces.append("{}")
        self._pieces.append(piece)


def _goes_on(quantity: str, piece: str) -> bool:
    """Whether TeX would read the piece as part of the preceding number or length."""
    return piece[0] in _GLUE_WORDS or piece[0] == "l" if quantity[-1].isalpha() else piece[0] in "0123456789ABCDEF"


def _word(argument: Argument) -> str:
    return squeeze("".join(node.text for node in argument.body if isinstance(node, Token)))
