"""Properties of a node as an atom of TeX's math list, shared by the rules."""

from im2latex.latex.parser.signatures import COMMANDS, SPACE_COMMANDS, SPACES
from im2latex.latex.parser.symbols import is_ordinary_symbol
from im2latex.latex.parser.tree import Command, Node, Scripts, Token
from im2latex.latex.tokens import split

ACCENTS = frozenset(
    split(r"""\hat \widehat \check \tilde \widetilde \acute \grave \dot \ddot \breve \bar \vec \mathring""")
)
_ORDINARY_COMMANDS = ACCENTS | frozenset(
    split(r"""\frac \dfrac \tfrac \binom \dbinom \tbinom \genfrac \sqrt \overline \underline \mathrm \mathbf \mathit
    \mathsf \mathtt \mathcal \mathbb \mathfrak \mathscr \mathnormal \mathds \mathbbm""")
)
TRANSPARENT = frozenset(split(r"\boldsymbol \bm \pmb"))


def is_ordinary(node: Node) -> bool:
    """Whether the node is exactly one ordinary atom without scripts, so that braces around it change nothing."""
    if isinstance(node, Token):
        return is_ordinary_symbol(node.text)
    if not isinstance(node, Command):
        return False
    if node.name in ACCENTS:  # amsmath handles accents on accents, and scripts on them, specially
        return not any(isinstance(inner, Command) and inner.name in ACCENTS for inner in node.arguments[0].body)
    if node.name in TRANSPARENT:
        return all(is_ordinary(inner) for inner in node.arguments[0].body)
    return node.name in _ORDINARY_COMMANDS or COMMANDS.get(node.name) == "t"


def has_ordinary_nucleus(node: Node) -> bool:
    """Whether the node is one ordinary atom, with or without scripts."""
    return is_ordinary(node.nucleus if isinstance(node, Scripts) else node)


def is_space(node: Node) -> bool:
    """Whether the node is explicit horizontal space."""
    return (isinstance(node, Token) and node.text in SPACES) or (
        isinstance(node, Command) and node.name in SPACE_COMMANDS
    )
