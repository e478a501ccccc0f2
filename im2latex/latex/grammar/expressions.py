r"""Expression productions of the formula grammar (expressions, terms, factors, atoms, scripts), and their symbols.

A production is a method that returns LaTeX source; `depth` bounds the nesting. Symbols are the frequent symbols of
papers, drawn with weights that fall with their rank, or all of symbols.txt. They are written in one of several
equivalent ways (`\frac12` or `\frac{1}{2}`).
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from im2latex.latex.parser.symbols import symbol_classes
from im2latex.latex.tokens import split

T = TypeVar("T")

LETTERS = "x a n k y b t f z i c m p u v r s g d j"
CAPITALS = "A X B F P M V S T E G K N H"
GREEK = r"\alpha \beta \lambda \theta \mu \pi \gamma \phi \sigma \epsilon \omega \delta \rho \tau \psi \xi"
GREEK_CAPITALS = r"\Omega \Gamma \Delta \Phi \Lambda"
DIGITS = "1 2 0 3 4 5 6 8 7 9"
CONSTANTS = r"\infty \hbar \ell"
SUMS = r"+ - + - \cdot \times \pm \otimes \oplus \circ \cup \wedge"
RELATIONS = r"= = = < > \leq \geq \neq \approx \equiv \sim \in \subset \to \mapsto \propto \notin"
FUNCTIONS = r"\sin \cos \log \exp \ln \max \det \min \ker"
ACCENTS = r"\hat \bar \tilde \vec \dot \overline \widehat"
FONTS = (
    (r"\mathbf", "A x v B u"),
    (r"\mathcal", "L F H M A"),
    (r"\mathbb", "R N C Z E"),
    (r"\mathrm", "d T e i"),
    (r"\mathfrak", "g a m"),
)

OPERATORS = "tr rank sgn Hom"
SYNONYMS = {
    r"\leq": r"\le",
    r"\geq": r"\ge",
    r"\neq": r"\ne",
    r"\to": r"\rightarrow",
    r"\wedge": r"\land",
    r"\vee": r"\lor",
}
OLD_FONTS = {r"\mathbf": r"\bf", r"\mathcal": r"\cal", r"\mathrm": r"\rm"}

NEVER_ALONE = frozenset(split(r"\not \lhook \rhook \prime \arrowvert \Arrowvert \bracevert"))
"""Parts of other symbols."""
_GREEK_NAMES = frozenset(
    split("""alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi
    psi omega digamma""")
)


@dataclass(frozen=True)
class Symbols:
    """Terminal symbols by kind, as words by falling frequency; with `flat`, all are equally frequent.

    The defaults are the most frequent symbols of papers.
    """

    letters: str = LETTERS
    capitals: str = CAPITALS
    greek: str = GREEK
    greek_capitals: str = GREEK_CAPITALS
    digits: str = DIGITS
    constants: str = CONSTANTS
    sums: str = SUMS
    relations: str = RELATIONS
    functions: str = FUNCTIONS
    accents: str = ACCENTS
    fonts: tuple[tuple[str, str], ...] = FONTS
    flat: bool = False


def flat_symbols() -> Symbols:
    """Return all symbols of each kind, equally frequent, without bold fonts."""
    kinds = symbol_classes()
    greek = small_greek()
    upper = " ".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    letters = f"{upper} {upper.lower()}"
    return Symbols(
        letters=upper.lower(),
        capitals=upper,
        greek=_listed(greek),
        greek_capitals=_listed(kinds["alpha"]),
        digits="0 1 2 3 4 5 6 7 8 9",
        constants=_listed(kinds["ord"] - greek - NEVER_ALONE),
        sums=f"+ - {_listed(kinds['bin'])}",
        relations=f"= < > {_listed(kinds['rel'] - NEVER_ALONE)}",
        functions=_listed(kinds["function"]),
        accents=ACCENTS + r" \ddot \check \acute \grave \breve \mathring \widetilde \underline \overrightarrow",
        fonts=tuple((f"\\{name}", upper) for name in ("mathcal", "mathbb", "mathscr"))
        + tuple((f"\\{name}", letters) for name in ("mathrm", "mathfrak", "mathsf", "mathit", "mathtt")),
        flat=True,
    )


def small_greek() -> frozenset[str]:
    """Return the small Greek letters and their variants."""
    return frozenset(
        name for name in symbol_classes()["ord"] if name.removeprefix("\\").removeprefix("var") in _GREEK_NAMES
    )


def _listed(names: Iterable[str]) -> str:
    return " ".join(sorted(names))


class ExpressionGrammar:
    """Productions of expressions; every random choice comes from `generator`."""

    def __init__(self, generator: random.Random, symbols: Symbols | None = None) -> None:
        self._random = generator
        self._symbols = symbols or Symbols()

    def expression(self, depth: int) -> str:
        r"""`2 x^2 - \frac{1}{y}`"""
        parts = [("-" if self._chance(0.06) else "") + self.term(depth)]
        while len(parts) < 6 and self._chance(0.3):
            parts += [self._sum(), self.term(depth - 1)]
        return " ".join(parts)

    def term(self, depth: int) -> str:
        """One factor, or two side by side."""
        first = self._factor(depth)
        return f"{first} {self._factor(depth - 1)}" if self._chance(0.2) else first

    def _factor(self, depth: int) -> str:
        if depth <= 0:
            return self._scripted(0) if self._chance(0.35) else self.atom()
        kinds: list[tuple[int, Callable[[], str]]] = [
            (26, self.atom),
            (32, lambda: self._scripted(depth)),
            (12, lambda: self._fraction(self.expression(depth - 1), self.expression(depth - 1))),
            (5, lambda: self._root(depth)),
            (9, lambda: f"{self._function_name()}({self.expression(depth - 1)})"),
            (6, lambda: self._choice(self._symbols.functions.split()) + self._argument(depth)),
            (2, lambda: rf"\operatorname{{{self._choice(OPERATORS.split())}}}({self._capital()})"),
            (10, lambda: self._fenced(depth)),
            (3, self._binomial),
            (3, lambda: rf"\mathop{{\rm {self._choice(['Tr', 'Re', 'Im'])}}} {self._capital()}"),
        ]
        return self._production(kinds)()

    def atom(self) -> str:
        """One symbol, possibly with an accent or in a font."""
        kinds: list[tuple[int, Callable[[], str]]] = [
            (42, self._letter),
            (18, self._greek),
            (16, lambda: self._zipf_choice(self._symbols.digits)),
            (9, self._capital),
            (3, self._greek_capital),
            (4, lambda: self._choice(self._symbols.constants.split())),
            (6, self._accented),
            (8, self._font),
            (1, lambda: self._choice(["10", "12", "2n", "100", "0.5"])),
        ]
        return self._production(kinds)()

    def _scripted(self, depth: int) -> str:
        base = self._production(
            [(5, self._letter), (3, self._greek), (2, self._capital), (1, self._accented), (1, self._font)]
        )()
        below = self._script(depth) if self._chance(0.6) else None
        above = None if below is not None and self._chance(0.72) else self._script(depth)
        if above is not None and self._chance(0.12):
            return base + (f"_{below}" if below else "") + self._choice(["'", "'", "''", r"^\prime", r"^{\prime}"])
        if above is not None and self._chance(0.12):
            above = self._choice([r"\dagger", "*", r"\ast", "{-1}", r"\top", "{+}"])
        scripts = [f"_{below}"] * (below is not None) + [f"^{above}"] * (above is not None)
        self._random.shuffle(scripts)
        return base + "".join(scripts)

    def _script(self, depth: int) -> str:
        if depth > 1 and self._chance(0.18):
            return f"{{{self.expression(depth - 2)}}}"
        if self._chance(0.25):
            return "{" + self._choice(["i+1", "n-1", "k+1", "ij", "n+1", "2n", "-1", "jk", "0,1", r"\mu\nu"]) + "}"
        symbol = self._production(
            [(5, self._letter), (3, lambda: self._zipf_choice(self._symbols.digits)), (2, self._greek)]
        )()
        return symbol if self._chance(0.6) else f"{{{symbol}}}"

    def _fraction(self, top: str, bottom: str) -> str:
        if self._chance(0.1):
            return rf"{{{top} \over {bottom}}}"
        command = self._choice([r"\frac"] * 8 + [r"\tfrac", r"\dfrac"])
        if len(top) == len(bottom) == 1 and self._chance(0.5):
            return f"{command}{top}{bottom}" if top.isdigit() else f"{command} {top}{bottom}"
        return f"{command}{{{top}}}{{{bottom}}}"

    def _binomial(self) -> str:
        top, bottom = self._letter(), self._choice([self._letter(), self._zipf_choice(self._symbols.digits)])
        return self._choice([rf"\binom{{{top}}}{{{bottom}}}", rf"{{{top} \choose {bottom}}}"])

    def _root(self, depth: int) -> str:
        index = f"[{self._choice(['3', 'n', '4', 'k'])}]" if self._chance(0.25) else ""
        return rf"\sqrt{index}{{{self.expression(depth - 1)}}}"

    def _fenced(self, depth: int) -> str:
        inside = self.expression(depth - 1)
        pairs = [
            ("(", ")"),
            ("(", ")"),
            (r"\left(", r"\right)"),
            ("[", "]"),
            (r"\left[", r"\right]"),
            ("|", "|"),
            (r"\left|", r"\right|"),
            (r"\|", r"\|"),
            (r"\langle", r"\rangle"),
            (r"\lfloor", r"\rfloor"),
            (r"\{", r"\}"),
            (r"\big(", r"\big)"),
        ]
        left, right = self._choice(pairs)
        power = f"^{self._script(0)}" if self._chance(0.2) else ""
        return f"{left} {inside} {right}{power}"

    def _argument(self, depth: int) -> str:
        if self._chance(0.5):
            return f" {self.atom()}"
        return self._choice([f"({self.expression(depth - 1)})", rf"\left({self.expression(depth - 1)}\right)"])

    def _accented(self) -> str:
        accent = self._zipf_choice(self._symbols.accents)
        symbol = self._choice([self._letter(), self._capital(), self._greek()])
        return f"{accent}{{{symbol}}}" if self._chance(0.7) or accent[1] in "ou" else f"{accent} {symbol}"

    def _font(self) -> str:
        command, letters = self._choice(self._symbols.fonts)
        letter = self._zipf_choice(letters)
        if command in OLD_FONTS and self._chance(0.2):
            return f"{{{OLD_FONTS[command]} {letter}}}"
        return f"{command}{{{letter}}}" if self._chance(0.8) else f"{command} {letter}"

    def _cell(self) -> str:
        return self._production(
            [(4, self.atom), (3, lambda: self._zipf_choice("0 1 0 1 2")), (2, lambda: self._scripted(0))]
        )()

    def _relation(self) -> str:
        return self._synonym(self._zipf_choice(self._symbols.relations))

    def _sum(self) -> str:
        return self._synonym(self._zipf_choice(self._symbols.sums))

    def _function_name(self) -> str:
        return self._choice(["f", "f", "g", "h", "F", "P", r"\phi", r"\psi", "u"])

    def _letter(self) -> str:
        return self._zipf_choice(self._symbols.letters)

    def _capital(self) -> str:
        return self._zipf_choice(self._symbols.capitals)

    def _greek(self) -> str:
        return self._zipf_choice(self._symbols.greek)

    def _greek_capital(self) -> str:
        return self._zipf_choice(self._symbols.greek_capitals)

    def _synonym(self, command: str) -> str:
        """Return the command or its synonym."""
        return SYNONYMS[command] if command in SYNONYMS and self._chance(0.4) else command

    def _zipf_choice(self, words: str) -> str:
        """Draw a word with weights by its rank, or uniformly."""
        choices = words.split()
        if self._symbols.flat:
            return self._random.choice(choices)
        return self._random.choices(choices, [1 / (place + 4) for place in range(len(choices))])[0]

    def _choice(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)

    def _production(self, kinds: Sequence[tuple[int, Callable[[], str]]]) -> Callable[[], str]:
        """Draw a production by its weight."""
        return self._random.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]

    def _chance(self, share: float) -> bool:
        return self._random.random() < share
