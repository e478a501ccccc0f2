r"""Formulas from a seeded grammar, written the way people write LaTeX.

They are the embedded dataset and feed the property tests. A formula is a statement (`an equation`, `a limit`, `a case
distinction`, ...) over expressions of bounded depth. Symbols are drawn by falling weight, as in real papers, and
spelled in several ways that mean the same (`\frac12` and `\frac{1}{2}`, `{\rm x}` and `\mathrm{x}`), so that the
normalizer has work to do.

Pure functions of a `random.Random`: the same seed gives the same formulas on every machine.

With `flat_symbols` of `grammar_symbols` the same productions are filled with every symbol of symbols.txt, each as often
as any other of its kind: formulas whose content cannot be guessed.
"""

import random
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from im2latex.latex.grammar.symbol_sets import Symbols

T = TypeVar("T")

_LEXEME = re.compile(r"\\(?:begin|end)\{\w+\}|\\(?:[A-Za-z]+|.)|\S", re.DOTALL)

OPERATORS = "tr rank sgn Hom"
ARROWS = r"\Rightarrow \Leftrightarrow"
QUANTIFIERS = r"\forall \exists"
SYNONYMS = {
    r"\leq": r"\le",
    r"\geq": r"\ge",
    r"\neq": r"\ne",
    r"\to": r"\rightarrow",
    r"\wedge": r"\land",
    r"\vee": r"\lor",
}
OLD_FONTS = {r"\mathbf": r"\bf", r"\mathcal": r"\cal", r"\mathrm": r"\rm"}
MATRICES = ("pmatrix", "bmatrix", "vmatrix", "array")

LEQ, TO, SUBSET, MID, CAP, TEXT_IF = r"\leq", r"\to", r"\subset", r"\mid", r"\cap", r"\text{if } "
THIN_SPACES = (r"\:", r"\;")

MIN_TOKENS, MAX_TOKENS = 8, 36
"""Shortest and longest formula, in lexemes of its source; normalizing adds a few braces."""

SHORT_TOKENS, SHORT_KEPT = 12, 0.7
"""Formulas shorter than this are thinned out, to this share."""


def generate(count: int, seed: int, symbols: Symbols | None = None) -> list[str]:
    """`count` distinct formulas; of the symbols that papers use most, unless others are given."""
    generator = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[formula(generator, symbols)] = None
    return list(found)


def formula(generator: random.Random, symbols: Symbols | None = None) -> str:
    """One formula of bounded length."""
    while True:
        text = Writer(generator, symbols).statement()
        tokens = len(_LEXEME.findall(text))
        if MIN_TOKENS <= tokens <= MAX_TOKENS and (tokens >= SHORT_TOKENS or generator.random() < SHORT_KEPT):
            return text


class Writer:
    """Writes the productions of the grammar; `depth` bounds what may still be nested."""

    def __init__(self, generator: random.Random, symbols: Symbols | None = None) -> None:
        self._random = generator
        self._symbols = symbols or Symbols()

    def statement(self) -> str:
        """A whole formula."""
        kinds: list[tuple[int, Callable[[], str]]] = [
            (34, self.relation),
            (9, self.summation),
            (8, self.integral),
            (6, self.limit),
            (8, self.matrix_equation),
            (8, self.cases),
            (5, self.set_builder),
            (5, self.derivative),
            (5, self.quantified),
            (5, self.implication),
            (7, self.aligned),
            (4, self.probability),
            (4, self.map_between_spaces),
            (3, self.sequence),
            (3, self.annotated),
        ]
        return self._one_of(kinds)()

    def relation(self) -> str:
        r"""`\alpha x^2 + 1 \leq \frac{y}{2}`"""
        parts = [self.expression(2), self._relation(), self.expression(2)]
        if self._chance(0.15):
            parts += [self._relation(), self.expression(1)]
        return " ".join(parts) + (self._drawn([".", ","]) if self._chance(0.08) else "")

    def summation(self) -> str:
        r"""`\sum_{k=1}^{n} a_k = S`"""
        sign = self._drawn([r"\sum", r"\sum", r"\sum", r"\prod", r"\bigcup"])
        index = self._drawn(["i", "j", "k", "n", "m"])
        low = (
            "_{"
            + index
            + (rf"\in {self._capital()}" if self._chance(0.2) else f"={self._drawn(['0', '1', '2'])}")
            + "}"
        )
        high = "^" + self._drawn([r"\infty", "n", "{N}", "{n-1}", "m"]) if self._chance(0.8) else ""
        limits = r"\limits" if sign == r"\sum" and self._chance(0.05) else ""
        total = sign + limits + low + high
        return f"{total} {self.term(2)} {self._drawn(['=', '=', '<', self._spelled(LEQ)])} {self.expression(1)}"

    def integral(self) -> str:
        r"""`\int_0^1 f(x) \,dx = 1`"""
        sign = self._drawn([r"\int", r"\int", r"\int", r"\oint"])
        bounds = self._drawn(
            ["_0^1", r"_{0}^{\infty}", "_a^b", r"_{-\infty}^{\infty}", "", rf"_{self._greek_capital()}"]
        )
        variable = self._letter()
        thin = self._drawn([r"\,", r"\,", " ", ""])
        return f"{sign}{bounds} {self.term(2)}{thin} d{variable} = {self.expression(1)}"

    def limit(self) -> str:
        r"""`\lim_{n \to \infty} a_n = 0`"""
        operator = self._drawn([r"\lim", r"\lim", r"\lim", r"\sup", r"\max"])
        goal = self._drawn([r"\infty", "0", "1", "a"])
        under = rf"{self._letter()} {self._spelled(TO)} {goal}" if r"\lim" in operator else self._membership()
        return f"{operator}_{{{under}}} {self.term(2)} {self._relation()} {self.expression(1)}"

    def matrix_equation(self) -> str:
        r"""`A = \begin{pmatrix} a & 0 \\ 0 & b \end{pmatrix}`"""
        head = self._drawn([self._font(), self._capital(), r"\det " + self._capital()])
        return f"{head} = {self.matrix()}" + (f" {self._sum()} {self.term(1)}" if self._chance(0.2) else "")

    def matrix(self) -> str:
        r"""`\begin{bmatrix} 1 & x \\ 0 & 1 \end{bmatrix}`"""
        kind = self._drawn(MATRICES)
        rows, columns = self._drawn([(2, 2), (2, 2), (2, 2), (2, 1), (3, 1), (1, 3)])
        cells = [" & ".join(self._cell() for _ in range(columns)) for _ in range(rows)]
        columns_given = "{" + self._drawn("cr") * columns + "}" if kind == "array" else ""
        inner = rf"\begin{{{kind}}}{columns_given} " + r" \\ ".join(cells) + rf" \end{{{kind}}}"
        return rf"\left( {inner} \right)" if kind == "array" else inner

    def cases(self) -> str:
        r"""`f(x) = \begin{cases} 1 & x > 0 \\ 0 & \text{otherwise} \end{cases}`"""
        head = f"{self._function_name()}({self._letter()})"
        last = self._drawn([r"\text{otherwise}", r"\text{else}", self._condition()])
        first = f"{self.term(1)}, & {self._drawn(['', TEXT_IF])}{self._condition()}"
        return rf"{head} = \begin{{cases}} {first} \\ {self.atom()}, & {last} \end{{cases}}"

    def set_builder(self) -> str:
        r"""`S = \{ x \in \mathbb{R} : x > 0 \}`"""
        bar = self._drawn([":", r"\mid", "|"])
        body = rf"\{{ {self._membership()} {bar} {self.term(1)} {self._relation()} {self.atom()} \}}"
        return f"{self._drawn([self._capital(), self._font()])} {self._drawn(['=', '=', SUBSET])} {body}"

    def derivative(self) -> str:
        r"""`\frac{\partial u}{\partial t} = \nabla f`"""
        sign = self._drawn([r"\partial", r"\partial", "d", r"{\rm d}"])
        function, variable = self._drawn([self._letter(), self._greek(), self._font()]), self._letter()
        square = self._chance(0.3)
        top, bottom = (
            (f"{sign}^2 {function}", f"{sign} {variable}^2") if square else (f"{sign} {function}", f"{sign} {variable}")
        )
        other = self._drawn(
            [self.expression(1), rf"\nabla {self._letter()}", rf"\Delta {self._letter()} + {self.term(1)}"]
        )
        return f"{self._fraction(top, bottom)} {self._drawn(['=', '=', '+', '-'])} {other}"

    def quantified(self) -> str:
        r"""`\forall x \in A, \; x < 1`"""
        first = f"{self._drawn(QUANTIFIERS.split())} {self._membership()}"
        second = rf"\, \exists {self._letter()} " if first.startswith(r"\forall") and self._chance(0.3) else ""
        return f"{first}{self._drawn([',', *THIN_SPACES])} {second}{self.term(2)} {self._relation()} {self.term(1)}"

    def implication(self) -> str:
        r"""`x > 0 \Rightarrow f(x) = 1`"""
        arrow = self._drawn([*ARROWS.split(), r"\implies"])
        return f"{self._condition()} {arrow} {self.term(2)} {self._relation()} {self.term(1)}"

    def aligned(self) -> str:
        r"""`\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}`"""
        rows = [f"{self.term(1)} &= {self.expression(1)}" for _ in range(2)]
        return r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"

    def probability(self) -> str:
        r"""`P(A \mid B) = \frac{P(A)}{P(B)}`"""
        name = self._drawn(["P", r"\mathbb{P}", r"\mathbb{E}", r"\mathrm{Pr}"])
        first, second = self._capital(), self._capital()
        inside = self._drawn([f"{first}{self._drawn([MID, '|', CAP, ','])} {second}", f"{first} > {self.atom()}"])
        brackets = self._drawn(["()", "[]"])
        return f"{name}{brackets[0]}{inside}{brackets[1]} {self._relation()} {self.expression(2)}"

    def map_between_spaces(self) -> str:
        r"""`f : \mathbb{R}^n \to \mathbb{R}, \quad x \mapsto x^2`"""
        source = f"{self._font()}^{self._drawn(['n', '2', 'm', 'd'])}"
        rest = rf", \quad {self._letter()} \mapsto {self.term(2)}" if self._chance(0.6) else rf" \times {self._font()}"
        return rf"{self._function_name()} : {source} {self._spelled(TO)} {self._font()}{rest}"

    def sequence(self) -> str:
        r"""`x_1, x_2, \ldots, x_n \in A`"""
        letter = self._drawn([self._letter(), self._greek()])
        last, dots = self._drawn(["n", "k", "m", "N"]), self._drawn([r"\ldots", r"\dots", r"\cdots"])
        comma = " + " if dots == r"\cdots" else ", "
        return (
            comma.join([f"{letter}_1", f"{letter}_2", dots, f"{letter}_{last}"]) + f" {self._relation()} {self.term(1)}"
        )

    def annotated(self) -> str:
        r"""`\underbrace{x + y}_{n} = \overbrace{z}^{k}`"""
        kind, mark = self._drawn([(r"\underbrace", "_"), (r"\overbrace", "^")])
        if self._chance(0.3):
            return rf"{self.term(1)} \xrightarrow{{{self.atom()}}} {self.expression(1)}"
        return f"{kind}{{{self.expression(1)}}}{mark}{{{self.atom()}}} {self._relation()} {self.expression(1)}"

    def expression(self, depth: int) -> str:
        r"""`2 x^2 - \frac{1}{y}`"""
        parts = [("-" if self._chance(0.06) else "") + self.term(depth)]
        while len(parts) < 6 and self._chance(0.3):
            parts += [self._sum(), self.term(depth - 1)]
        return " ".join(parts)

    def term(self, depth: int) -> str:
        """A factor, or two of them side by side."""
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
            (6, lambda: self._drawn(self._symbols.functions.split()) + self._argument(depth)),
            (2, lambda: rf"\operatorname{{{self._drawn(OPERATORS.split())}}}({self._capital()})"),
            (10, lambda: self._fenced(depth)),
            (3, self._binomial),
            (3, lambda: rf"\mathop{{\rm {self._drawn(['Tr', 'Re', 'Im'])}}} {self._capital()}"),
        ]
        return self._one_of(kinds)()

    def atom(self) -> str:
        """One symbol, perhaps under an accent or in a font."""
        kinds: list[tuple[int, Callable[[], str]]] = [
            (42, self._letter),
            (18, self._greek),
            (16, lambda: self._weighted(self._symbols.digits)),
            (9, self._capital),
            (3, self._greek_capital),
            (4, lambda: self._drawn(self._symbols.constants.split())),
            (6, self._accented),
            (8, self._font),
            (1, lambda: self._drawn(["10", "12", "2n", "100", "0.5"])),
        ]
        return self._one_of(kinds)()

    def _scripted(self, depth: int) -> str:
        base = self._one_of(
            [(5, self._letter), (3, self._greek), (2, self._capital), (1, self._accented), (1, self._font)]
        )()
        below = self._script(depth) if self._chance(0.6) else None
        above = None if below is not None and self._chance(0.72) else self._script(depth)
        if above is not None and self._chance(0.12):
            return base + (f"_{below}" if below else "") + self._drawn(["'", "'", "''", r"^\prime", r"^{\prime}"])
        if above is not None and self._chance(0.12):
            above = self._drawn([r"\dagger", "*", r"\ast", "{-1}", r"\top", "{+}"])
        scripts = [f"_{below}"] * (below is not None) + [f"^{above}"] * (above is not None)
        self._random.shuffle(scripts)
        return base + "".join(scripts)

    def _script(self, depth: int) -> str:
        if depth > 1 and self._chance(0.18):
            return f"{{{self.expression(depth - 2)}}}"
        if self._chance(0.25):
            return "{" + self._drawn(["i+1", "n-1", "k+1", "ij", "n+1", "2n", "-1", "jk", "0,1", r"\mu\nu"]) + "}"
        symbol = self._one_of(
            [(5, self._letter), (3, lambda: self._weighted(self._symbols.digits)), (2, self._greek)]
        )()
        return symbol if self._chance(0.6) else f"{{{symbol}}}"

    def _fraction(self, top: str, bottom: str) -> str:
        if self._chance(0.1):
            return rf"{{{top} \over {bottom}}}"
        command = self._drawn([r"\frac"] * 8 + [r"\tfrac", r"\dfrac"])
        if len(top) == len(bottom) == 1 and self._chance(0.5):
            return f"{command}{top}{bottom}" if top.isdigit() else f"{command} {top}{bottom}"
        return f"{command}{{{top}}}{{{bottom}}}"

    def _binomial(self) -> str:
        top, bottom = self._letter(), self._drawn([self._letter(), self._weighted(self._symbols.digits)])
        return self._drawn([rf"\binom{{{top}}}{{{bottom}}}", rf"{{{top} \choose {bottom}}}"])

    def _root(self, depth: int) -> str:
        index = f"[{self._drawn(['3', 'n', '4', 'k'])}]" if self._chance(0.25) else ""
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
        left, right = self._drawn(pairs)
        power = f"^{self._script(0)}" if self._chance(0.2) else ""
        return f"{left} {inside} {right}{power}"

    def _argument(self, depth: int) -> str:
        if self._chance(0.5):
            return f" {self.atom()}"
        return self._drawn([f"({self.expression(depth - 1)})", rf"\left({self.expression(depth - 1)}\right)"])

    def _accented(self) -> str:
        accent = self._weighted(self._symbols.accents)
        symbol = self._drawn([self._letter(), self._capital(), self._greek()])
        return f"{accent}{{{symbol}}}" if self._chance(0.7) or accent[1] in "ou" else f"{accent} {symbol}"

    def _font(self) -> str:
        command, letters = self._drawn(self._symbols.fonts)
        letter = self._weighted(letters)
        if command in OLD_FONTS and self._chance(0.2):
            return f"{{{OLD_FONTS[command]} {letter}}}"
        return f"{command}{{{letter}}}" if self._chance(0.8) else f"{command} {letter}"

    def _cell(self) -> str:
        return self._one_of(
            [(4, self.atom), (3, lambda: self._weighted("0 1 0 1 2")), (2, lambda: self._scripted(0))]
        )()

    def _condition(self) -> str:
        return f"{self._letter()} {self._relation()} {self._one_of([(3, self.atom), (2, lambda: self._scripted(0))])()}"

    def _membership(self) -> str:
        return rf"{self._letter()} \in {self._drawn([self._capital(), self._font()])}"

    def _relation(self) -> str:
        return self._spelled(self._weighted(self._symbols.relations))

    def _sum(self) -> str:
        return self._spelled(self._weighted(self._symbols.sums))

    def _function_name(self) -> str:
        return self._drawn(["f", "f", "g", "h", "F", "P", r"\phi", r"\psi", "u"])

    def _letter(self) -> str:
        return self._weighted(self._symbols.letters)

    def _capital(self) -> str:
        return self._weighted(self._symbols.capitals)

    def _greek(self) -> str:
        return self._weighted(self._symbols.greek)

    def _greek_capital(self) -> str:
        return self._weighted(self._symbols.greek_capitals)

    def _spelled(self, command: str) -> str:
        """The command or a synonym of it."""
        return SYNONYMS[command] if command in SYNONYMS and self._chance(0.4) else command

    def _weighted(self, words: str) -> str:
        """A word; the earlier ones more often, unless all symbols are alike."""
        choices = words.split()
        if self._symbols.flat:
            return self._random.choice(choices)
        return self._random.choices(choices, [1 / (place + 4) for place in range(len(choices))])[0]

    def _drawn(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)

    def _one_of(self, kinds: Sequence[tuple[int, Callable[[], str]]]) -> Callable[[], str]:
        """One of the productions, by weight."""
        return self._random.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]

    def _chance(self, share: float) -> bool:
        return self._random.random() < share
