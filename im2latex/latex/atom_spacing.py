r"""Classes of the atoms of a formula, and the spaces between them in the paste-ready spelling (`latex.pretty`).

The classes, and where a binary operator is a sign, are those of TeX (The TeXbook, chapters 17 and 18 and appendix G).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

from im2latex.latex.parser.signatures import FONT_SWITCHES, INFIX, SPACES, STYLE_SWITCHES, TEXT_SWITCHES
from im2latex.latex.parser.symbols import symbol_classes
from im2latex.latex.tokens import ends_in_control_word, split


class AtomClass(Enum):
    """Classes of atoms that decide the spaces between them."""

    ORDINARY = auto()
    OPERATOR = auto()
    FUNCTION = auto()
    BINARY = auto()
    RELATION = auto()
    OPEN = auto()
    CLOSE = auto()
    PUNCTUATION = auto()
    THIN_SPACE = auto()
    WIDE_SPACE = auto()
    SWITCH = auto()  # changes what follows, as \displaystyle does: a space after it
    SEPARATOR = auto()  # \\, &, begin or end of an environment, a length without braces: a space on both sides


_CHARACTERS = {
    AtomClass.BINARY: "+-*",
    AtomClass.RELATION: "=<>:",
    AtomClass.OPEN: "([",
    AtomClass.CLOSE: ")]!?",
    AtomClass.PUNCTUATION: ",;",
    AtomClass.SEPARATOR: "&",
}
_SYMBOLS = {
    "op": AtomClass.OPERATOR,
    "function": AtomClass.FUNCTION,
    "bin": AtomClass.BINARY,
    "rel": AtomClass.RELATION,
    "open": AtomClass.OPEN,
    "close": AtomClass.CLOSE,
    "punct": AtomClass.PUNCTUATION,
}
_COMMANDS = {
    AtomClass.OPERATOR: r"\bigtimes \idotsint \iiiint \iiint \iint",
    AtomClass.FUNCTION: r"\argmax \argmin \operatorname \operatorname* \operatornamewithlimits",
    AtomClass.BINARY: r"\And \bmod \mathbin",
    AtomClass.RELATION: r"""\Approxcolon \Colondash \Coloneq \Coloneqq \Doteq \Eqqcolon \Join \Longleftarrow
        \Longleftrightarrow \Longrightarrow \bowtie \colonapprox \colondash \coloneq \coloneqq \colonsim \cong
        \dasharrow \dashleftarrow \dashrightarrow \dblcolon \doteq \eqcolon \eqqcolon \gggtr \hookleftarrow
        \hookrightarrow \iff \impliedby \implies \leadsto \llless \longleftarrow \longleftrightarrow \longmapsto
        \longrightarrow \mapsto \models \ndownarrow \ne \neq \notin \nuparrow \rightleftharpoons \vcentcolon \mathrel
        \stackrel \xleftarrow \xrightarrow \xleftrightarrow \xRightarrow \xLeftarrow \xLeftrightarrow \xmapsto
        \xhookrightarrow \xhookleftarrow \xlongrightarrow \xlongleftarrow \xrightleftharpoons \middle \bigm \Bigm
        \biggm \Biggm""",
    AtomClass.OPEN: r"\{ \lbrack \lparen \llbracket \left \bigl \Bigl \biggl \Biggl \mathopen",
    AtomClass.CLOSE: r"\} \rbrack \rparen \rrbracket \right \bigr \Bigr \biggr \Biggr \mathclose",
    AtomClass.PUNCTUATION: r"\mathpunct",
    AtomClass.WIDE_SPACE: r"\quad \qquad \enspace \enskip",
    AtomClass.SWITCH: r"\hline \nonumber \notag",
    AtomClass.SEPARATOR: r"\cr \tag \tag*",
}
_OPERANDS = frozenset([AtomClass.ORDINARY, AtomClass.OPERATOR, AtomClass.FUNCTION])
_BEFORE_OPERATOR = frozenset([AtomClass.ORDINARY, AtomClass.CLOSE])
"""What precedes a binary operator; behind anything else it is a sign, such as that of `= -1`."""
_NO_SECOND_OPERAND = frozenset([AtomClass.RELATION, AtomClass.CLOSE, AtomClass.PUNCTUATION, AtomClass.SEPARATOR])
_SPACED = frozenset([AtomClass.RELATION, AtomClass.BINARY, AtomClass.WIDE_SPACE])
"""With a space on both sides, except in scripts."""


@dataclass(slots=True)
class Atom:
    """An atom as text; `is_open` where it ends in a script that a letter or digit would seem to continue."""

    text: str
    kind: AtomClass = AtomClass.ORDINARY
    is_open: bool = False


@cache
def atom_classes() -> dict[str, AtomClass]:
    """The classes of characters and commands; those of others are ordinary."""
    found: dict[str, AtomClass] = {}
    for name, commands in symbol_classes().items():
        if name in _SYMBOLS:
            found |= dict.fromkeys(commands, _SYMBOLS[name])
    found |= dict.fromkeys(SPACES, AtomClass.THIN_SPACE) | dict.fromkeys(INFIX, AtomClass.SEPARATOR)
    found |= dict.fromkeys([*STYLE_SWITCHES, *FONT_SWITCHES, *TEXT_SWITCHES], AtomClass.SWITCH)
    for members in (_CHARACTERS, {kind: split(names) for kind, names in _COMMANDS.items()}):
        for kind, names in members.items():
            found |= dict.fromkeys(names, kind)
    return found


def join_atoms(atoms: Sequence[Atom], is_compact: bool) -> str:
    """Join the atoms of a row with the spaces between them."""
    text = ""
    operand = AtomClass.SEPARATOR  # class of the last atom that is no space
    left: Atom | None = None
    for place, atom in enumerate(atoms):
        kind = atom.kind
        if kind == AtomClass.BINARY:
            right = next(
                (one.kind for one in atoms[place + 1 :] if one.kind != AtomClass.THIN_SPACE), AtomClass.SEPARATOR
            )
            if operand not in _BEFORE_OPERATOR or right in _NO_SECOND_OPERAND:
                kind = AtomClass.ORDINARY
                atom.kind = kind
        if left is not None and _needs_space(text, left, atom, is_compact):
            text += " "
        text += atom.text
        if kind not in (AtomClass.THIN_SPACE, AtomClass.WIDE_SPACE):
            operand = kind
        left = atom
    return text


def _needs_space(text: str, left: Atom, right: Atom, is_compact: bool) -> bool:
    first = right.text[:1]
    if not first or text.endswith("\\ "):
        return False
    if AtomClass.SEPARATOR in (left.kind, right.kind) or left.kind == AtomClass.SWITCH:
        return True
    if first.isalnum() and first.isascii() and (left.is_open or ends_in_control_word(text)):
        return True
    if is_compact:
        return False
    if left.kind == right.kind == AtomClass.RELATION:
        return right.text[0] == "\\" or left.text[0] == "\\"
    if left.kind in _SPACED or right.kind in _SPACED:
        return left.kind != AtomClass.THIN_SPACE != right.kind
    if left.kind == AtomClass.PUNCTUATION:
        return right.kind not in (
            AtomClass.THIN_SPACE,
            AtomClass.CLOSE,
            AtomClass.PUNCTUATION,
        ) and not right.text.startswith("\\text{ ")
    if left.kind == AtomClass.OPERATOR:
        return right.kind in _OPERANDS or right.kind == AtomClass.OPEN
    return left.kind == AtomClass.FUNCTION and right.kind in _OPERANDS
