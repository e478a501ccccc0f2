r"""Serializer: a syntax tree to canonical tokens, which parse to the same tree.

Every argument and script is in braces, the subscript before the superscript (unless it sets a color: see
`tree.sets_colour`). A text is one token without whitespace, `~` for a space. The width of a space depends on TeX's
space factor (The TeXbook, chapter 12; tex.web, section 1034), which is tracked through groups and font commands; after
a box or a formula it is 1000. A wider space at the end of a sentence is `\space{}`.
"""

from im2latex.errors import LatexError
from im2latex.latex.parser.quantities import QUANTITIES
from im2latex.latex.parser.signatures import (
    BORDERED,
    BRACKET_AFTER_SPACE,
    FONT_SWITCHES,
    SPACES,
    SUBARRAYS,
    TEXT_SWITCHES,
)
from im2latex.latex.parser.tree import (
    Argument,
    Command,
    Environment,
    Fence,
    Group,
    Inline,
    Node,
    Row,
    Scripts,
    Token,
    limit_recursion,
    sets_colour,
)
from im2latex.latex.tokens import ends_in_control_word, one_word, split, squeeze

_BARE = frozenset("d") | QUANTITIES.keys()
_RAW = frozenset("byrq")
r"""Kinds whose spaces would count, so that they are part of the name's token: `\color{red}`."""
_READ_BY_BREAK = frozenset("*[")
_RIGHT_BEHIND_BRACKET = frozenset(["\\leftroot", "\\uproot"])
r"""Commands that amsmath's `\root` finds by `\futurelet`, which does not skip a space."""

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


@limit_recursion
def write(row: Row) -> list[str]:
    """Return the tokens of a row."""
    tokens: list[str] = []
    _write_row(row, tokens)
    return tokens


def _write_row(row: Row, out: list[str]) -> None:
    for node in row:
        if type(node) is Token and node.text not in _READ_BY_BREAK:  # the common case
            if node.text:
                out.append(node.text)
        else:
            _write_node(node, out)


def _write_node(node: Node, out: list[str]) -> None:
    match node:
        case Token():
            if node.text in _READ_BY_BREAK and out and out[-1].startswith("\\\\"):
                out.append(_behind_break(node.text, out))
            elif node.text:
                out.append(node.text)
        case Group():
            _write_braced(node.body, out)
        case Command():
            _write_command(node, out)
        case Scripts():
            _write_node(node.nucleus, out)
            scripts = (("_", node.sub), ("^", node.sup))
            for mark, script in reversed(scripts) if node.sub and sets_colour(node.sub) else scripts:
                if script is not None:
                    out.append(mark)
                    _write_braced(script, out)
        case Fence():
            out += ("\\left", node.left)
            _write_row(node.body, out)
            out += ("\\right", node.right)
        case Environment():
            _write_environment(node, out)
        case Inline():
            out.append(f"${one_word(write(node.body))}$")


def _holds_open_bracket(tokens: list[str]) -> bool:
    """Whether a bracket in the tokens is outside of braces, where it would end an optional argument."""
    depth = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        if depth == 0 and "]" in token:
            return True
    return False


def _write_braced(row: Row, out: list[str]) -> None:
    out.append("{")
    _write_row(row, out)
    out.append("}")


def _write_command(command: Command, out: list[str]) -> None:
    if command.arguments and command.arguments[-1].kind in "tv":
        _write_text_command(command, out)
        return
    out.append(command.name)
    for argument in command.arguments:
        if argument.kind in _BARE:
            _write_row(argument.body, out)
        elif argument.kind in "fu":
            _write_field(argument, out)
        elif argument.kind in _RAW:
            out[-1] += f"[{_raw(argument)}]" if argument.kind in "by" else f"{{{_raw(argument)}}}"
        elif argument.kind == "o":
            _write_optional(argument.body, out)
        elif argument.kind == "c":
            _write_columns(argument.body, out)
        else:
            _write_braced(argument.body, out)


def _write_optional(row: Row, out: list[str]) -> None:
    """Write an optional argument; part of the name's token where the macro reads what directly follows the bracket."""
    if row and isinstance(row[0], Command) and row[0].name in _RIGHT_BEHIND_BRACKET:
        out[-1] += f"[{one_word(write(row))}]"
        return
    inside = write(row)
    out += ["[", *(["{", *inside, "}"] if _holds_open_bracket(inside) else inside), "]"]


def _write_field(argument: Argument, out: list[str]) -> None:
    """Write a single symbol as it is, all else in braces; a bracket might end an optional argument around it."""
    alone = argument.body[0] if len(argument.body) == 1 else None
    if isinstance(alone, Token) and (argument.kind == "f" or not alone.text.isalnum()):
        out.append("\\rbrack" if alone.text == "]" else alone.text)
    else:
        _write_braced(argument.body, out)


def _behind_break(text: str, out: list[str]) -> str:
    r"""Return a star or bracket after a row break, under a name that `\\` does not read."""
    if text == "*":
        return "\\ast"
    closed = 0
    for index in range(len(out) - 1, -1, -1):
        token = out[index]
        if token == "}" or token.startswith("\\end{"):
            closed += 1
        elif token == "{" or token.startswith("\\begin{"):
            if not closed and token != "{":
                return "\\lbrack" if token[7:].partition("}")[0] in BRACKET_AFTER_SPACE else text
            if not closed and index and out[index - 1] in SUBARRAYS:
                return text
            closed = max(closed - 1, 0)
    return "\\lbrack"


def _write_columns(columns: Row, out: list[str]) -> None:
    """Write one token per column; keywords of a rule stay separate from its name, since only a space can end it."""
    out.append("{")
    for column in columns:
        if isinstance(column, Command):
            out += f"{column.name}{{{one_word(write(column.arguments[0].body))}}}".split(" ")
        else:
            _write_node(column, out)
    out.append("}")


def _write_text_command(command: Command, out: list[str]) -> None:
    """Write one token, since a space would print; the arguments before the text are part of it."""
    before = "".join(
        f"[{_raw(argument)}]" if argument.kind in "by" else f"{{{_raw(argument)}}}"
        for argument in command.arguments[:-1]
    )
    out.append(f"{command.name}{before}{{{text(command.arguments[-1])}}}")


def _raw(argument: Argument) -> str:
    return one_word(write(argument.body))


def text(argument: Argument) -> str:
    """Return a text as one word (`TextWriter`); raises `LatexError` for a rule with keywords, which need a space."""
    word = TextWriter(is_paragraph=argument.kind == "v").text(argument.body)
    if " " in word:
        raise LatexError("forbidden_command", f"{word.split(' ')[1]} inside a text")
    return word


def _write_environment(environment: Environment, out: list[str]) -> None:
    end = f"\\end{{{environment.name}}}"
    if environment.name == BORDERED:
        out += (BORDERED, "{")
        end = "}"
    else:
        out.append(f"\\begin{{{environment.name}}}{environment.option}")
    for argument in environment.arguments:
        if argument.kind == "w":
            out[-1] += f"{{{_raw(argument)}}}"
        elif argument.kind == "c":
            _write_columns(argument.body, out)
        else:
            _write_braced(argument.body, out)
    for index, row in enumerate(environment.rows):
        for column, cell in enumerate(row):
            if column:
                out.append("&")
            _write_row(cell, out)
        if index < len(environment.breaks):
            out.append(environment.breaks[index])
    out.append(end)


class TextWriter:
    """Writes one text, with the mathematics inside it; `factor` is the space factor before it."""

    def __init__(self, factor: int = 1000, is_paragraph: bool = False) -> None:
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
                self._add(one_word(write([node])))
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
                self._pieces.append(f"{{{one_word(write(argument.body))}}}")
        if not transparent and command.name not in _SETS_NOTHING and not command.name.startswith("\\\\"):
            self._factor = 1000

    def _inner(self, row: Row) -> str:
        writer = TextWriter(self._factor, self._is_paragraph)
        text = writer.text(row)
        self._factor = writer._factor
        return text

    def _apart(self, argument: Argument) -> str:
        return TextWriter(is_paragraph=argument.kind == "v").text(argument.body)

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
