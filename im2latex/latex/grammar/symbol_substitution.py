"""Random substitution of the symbols of a formula, so that their identity cannot be inferred from the context.

Letters, digits, relations, operators, functions, accents, brackets and types of matrices are replaced by others of the
same kind. With `consistent`, all occurrences of a symbol get one replacement; otherwise each has its own. Structure,
spaces, punctuation, words and names of operators stay. Bold is never added: a bold symbol stays bold or becomes plain.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from im2latex.latex.grammar.expressions import NEVER_ALONE, flat_symbols, small_greek
from im2latex.latex.grammar.subformulas import delimiter
from im2latex.latex.parser.signatures import BOLD
from im2latex.latex.parser.symbols import symbol_classes
from im2latex.latex.parser.tree import Argument, Command, Environment, Fence, Group, Inline, Node, Row, Scripts, Token
from im2latex.latex.rules.atoms import ACCENTS
from im2latex.latex.tokens import split

LETTER_FONTS = frozenset(
    split(r"""\mathrm \mathbf \mathit \mathsf \mathtt \mathcal \mathbb \mathfrak \mathscr \mathds \mathbbm \mathpzc
    \mathbfcal \mathsfit""")
)
CAPITALS_ONLY = frozenset(split(r"\mathcal \mathbb \mathscr \mathds \mathbbm \mathbfcal"))
"""Fonts without small letters."""
_OTHER_FONTS = split(r"\mathcal \mathbb \mathscr \mathfrak \mathsf \mathrm \mathit \mathtt")
_KEPT = frozenset(split(r"\operatorname \operatorname* \tag \label \color \textcolor"))
"""Commands whose content is a word."""

_BRACKETS = [("(", ")"), ("[", "]"), (r"\{", r"\}"), (r"\langle", r"\rangle"), ("|", "|"), (r"\|", r"\|")]
_BRACKETS += [(r"\lfloor", r"\rfloor"), (r"\lceil", r"\rceil")]
_OPENERS, _CLOSERS = ({pair[side] for pair in _BRACKETS if pair[0] != pair[1]} for side in (0, 1))
_MATRICES = ["matrix", "pmatrix", "bmatrix", "vmatrix", "Vmatrix", "Bmatrix"]
_RELATIONS = split(r"= = = < > \le \ge \ne \approx \sim \simeq \equiv \in \subset \subseteq \to \mapsto \propto \cong")
_SUMS = split(r"+ + - - \pm \times \cdot \otimes \oplus \cup \cap \wedge \vee \circ / \setminus \ast")

FREQUENT = 0.7
"""Share of relations and operators that are drawn from the frequent ones, the rest from all."""
CHANGED_BRACKET, CHANGED_ACCENT, CHANGED_FONT, PLAIN = 0.3, 0.5, 0.3, 0.5
"""Probabilities that a pair of brackets, an accent or a font is replaced, and that a font is dropped."""


@cache
def _pools() -> dict[str, Sequence[str]]:
    """Map a kind of symbol to its members."""
    symbols = flat_symbols()
    kinds = symbol_classes()
    return {
        "small": symbols.letters.split(),
        "capital": symbols.capitals.split(),
        "greek": symbols.greek.split(),
        "capital greek": symbols.greek_capitals.split(),
        "digit": symbols.digits.split(),
        "other": symbols.constants.split(),
        "sum": symbols.sums.split(),
        "relation": symbols.relations.split(),
        "function": symbols.functions.split(),
        "accent": sorted(ACCENTS - {r"\widehat", r"\widetilde"}),
        "wide accent": split(r"\widehat \widetilde \overline \underline \overrightarrow"),
        "large": sorted(kinds["op"] - {r"\smallint"}),
    }


_KEEPS_KIND = 0.5
_VARIABLES = {"small": 8, "capital": 6, "greek": 6, "capital greek": 1, "other": 1}
"""Weights of the kinds that replace a variable."""


@cache
def _kind(token: str) -> str | None:
    """Return the kind of a replaceable symbol, or None."""
    if len(token) == 1 and token.isalpha():
        return "small" if token.islower() else "capital"
    if len(token) == 1 and token.isdecimal():
        return "digit"
    kinds = symbol_classes()
    named = {
        "greek": small_greek(),
        "capital greek": kinds["alpha"],
        "other": kinds["ord"] - small_greek() - NEVER_ALONE,
        "sum": kinds["bin"] | {"+", "-"},
        "relation": (kinds["rel"] - NEVER_ALONE) | {"=", "<", ">"},
        "function": kinds["function"],
        "large": kinds["op"],
    }
    return next((kind for kind, members in named.items() if token in members), None)


@dataclass
class SymbolSubstitution:
    """Replaces symbols; every choice comes from `generator`."""

    generator: random.Random
    consistent: bool
    _chosen: dict[tuple[str, str], str] = field(default_factory=dict)

    def row(self, row: Row, font: str | None = None) -> Row:
        """Return a new row with other symbols; `font` is the surrounding letter font."""
        changed = [self._node(node, font) for node in row]
        self._change_brackets(changed)
        return changed

    def _node(self, node: Node, font: str | None) -> Node:
        match node:
            case Token():
                return Token(self._symbol(node.text, font))
            case Group():
                return Group(self.row(node.body, font))
            case Inline():
                return node
            case Scripts():
                scripts = (script if script is None else self.row(script) for script in (node.sub, node.sup))
                return Scripts(self._node(node.nucleus, font), *scripts)
            case Fence():
                left, right = self._pair(node.left, node.right)
                return Fence(left, self.row(node.body, font), right)
            case Environment():
                rows = [[self.row(cell) for cell in cells] for cells in node.rows]
                name = self.generator.choice(_MATRICES) if node.name in _MATRICES else node.name
                return Environment(name, node.option, node.arguments, rows, node.breaks)
            case Command():
                return self._command(node, font)

    def _command(self, node: Command, font: str | None) -> Node:
        if node.name in _KEPT:
            return node
        if node.name in LETTER_FONTS or node.name in BOLD:
            return self._font(node, font)
        name = node.name
        for kind in ("accent", "wide accent"):
            if name in _pools()[kind] and self._chance(CHANGED_ACCENT):
                name = self._replaced(kind, name, lambda kind=kind: self._of(kind))  # type: ignore[misc]
        arguments = [
            Argument(argument.kind, self.row(argument.body, font) if argument.kind in "mo" else argument.body)
            for argument in node.arguments
        ]
        return Command(name, arguments)

    def _font(self, node: Command, outer: str | None) -> Node:
        """Replace a font command by itself, by another one that is not bold, or by its content."""
        body = node.arguments[0].body
        one = body[0] if len(body) == 1 else None
        if isinstance(one, Token) and node.arguments[0].kind == "m" and _kind(one.text) in ("small", "capital"):
            if self._chance(PLAIN):
                return self._node(one, outer)
            if self._chance(CHANGED_FONT) and node.name not in BOLD:
                font = self.generator.choice(_OTHER_FONTS)
                return Command(font, [Argument("m", [Token(self._symbol(one.text, font))])])
        inner = node.name if node.name in LETTER_FONTS else outer
        arguments = [
            Argument(argument.kind, self.row(argument.body, inner) if argument.kind == "m" else argument.body)
            for argument in node.arguments
        ]
        return Command(node.name, arguments)

    def _symbol(self, token: str, font: str | None) -> str:
        kind = _kind(token)
        if kind is None or (font is not None and kind not in ("small", "capital")):
            return token
        if font is not None:
            return self._replaced(f"{kind} in {font}", token, lambda: self._letter(kind, font))
        return self._replaced(kind, token, lambda: self._sample(kind))

    def _letter(self, kind: str, font: str) -> str:
        return self._of("capital" if font in CAPITALS_ONLY or kind == "capital" else "small")

    def _sample(self, kind: str) -> str:
        if kind in _VARIABLES and not self._chance(_KEEPS_KIND):
            return self._of(self.generator.choices(list(_VARIABLES), list(_VARIABLES.values()))[0])
        frequent = {"relation": _RELATIONS, "sum": _SUMS}.get(kind)
        if frequent is not None and self._chance(FREQUENT):
            return self.generator.choice(frequent)
        return self._of(kind)

    def _of(self, kind: str) -> str:
        return self.generator.choice(_pools()[kind])

    def _replaced(self, kind: str, token: str, draw: Callable[[], str]) -> str:
        """Return a replacement; with `consistent`, that of the first occurrence."""
        if not self.consistent:
            return draw()
        if (kind, token) not in self._chosen:
            self._chosen[kind, token] = draw()
        return self._chosen[kind, token]

    def _pair(self, left: str, right: str) -> tuple[str, str]:
        """Replace the brackets of a fence; a side that prints nothing stays."""
        if "." in (left, right) or not self._chance(CHANGED_BRACKET):
            return left, right
        return self.generator.choice(_BRACKETS)

    def _change_brackets(self, row: Row) -> None:
        """Replace pairs of brackets in a row."""
        open_: list[Token] = []
        for node in row:
            token = delimiter(node)
            if token is None:
                continue
            if token.text in _OPENERS:
                open_.append(token)
            elif token.text in _CLOSERS and open_:
                first = open_.pop()
                if self._chance(CHANGED_BRACKET):
                    first.text, token.text = self.generator.choice(_BRACKETS)

    def _chance(self, chance: float) -> bool:
        return self.generator.random() < chance
