"""Generator of random formulas from a seeded grammar, in the style in which people write LaTeX.

The formulas are the embedded dataset and inputs of property tests. A formula is a statement (an equation, a limit, a
case distinction) over expressions of bounded depth. Equivalent spellings occur, so that the normalizer has work to do.
With `expressions.flat_symbols` the productions use every symbol of symbols.txt with equal frequency, so that the
content of a formula cannot be guessed.

Pure functions of a `random.Random`: a seed gives the same formulas on every machine.
"""

import random
import re
from collections.abc import Callable, Sequence
from importlib.resources import files

from im2latex.latex.grammar.expressions import ExpressionGrammar, Symbols
from im2latex.latex.tokens import split

_LEXEME = re.compile(r"\\(?:begin|end)\{\w+\}|\\(?:[A-Za-z]+|.)|\S", re.DOTALL)

MIN_TOKENS, MAX_TOKENS = 8, 36
"""Shortest and longest formula, in lexemes of its source; normalization adds a few braces."""

SHORT_TOKENS, SHORT_KEPT = 12, 0.7
"""Formulas shorter than this are kept with this probability."""

ARROWS = r"\Rightarrow \Leftrightarrow"
QUANTIFIERS = r"\forall \exists"
MATRICES = ("pmatrix", "bmatrix", "vmatrix", "array")
LEQ, TO, SUBSET, MID, CAP, TEXT_IF = r"\leq", r"\to", r"\subset", r"\mid", r"\cap", r"\text{if } "
THIN_SPACES = (r"\:", r"\;")

_TABLE_MATRICES = split("matrix pmatrix bmatrix vmatrix Bmatrix Vmatrix smallmatrix")
_TABLE_ALIGNED = split("aligned aligned aligned gathered split")
_TABLE_CASES = split("cases cases cases dcases rcases")
MAX_ROWS, MAX_COLUMNS = 5, 5


def generate(count: int, seed: int, symbols: Symbols | None = None) -> list[str]:
    """Return `count` distinct formulas, by default of the most frequent symbols of papers."""
    generator = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[random_formula(generator, symbols)] = None
    return list(found)


def random_formula(generator: random.Random, symbols: Symbols | None = None) -> str:
    """Draw one formula of bounded length."""
    while True:
        text = FormulaGrammar(generator, symbols).statement()
        tokens = len(_LEXEME.findall(text))
        if MIN_TOKENS <= tokens <= MAX_TOKENS and (tokens >= SHORT_TOKENS or generator.random() < SHORT_KEPT):
            return text


def load_classics() -> list[str]:
    """Return classic formulas of mathematics and physics, in the order of classics.txt beside this file."""
    return (files("im2latex.latex.grammar") / "classics.txt").read_text(encoding="utf-8").splitlines()


def random_table(cells: Sequence[str], generator: random.Random) -> str:
    """Return LaTeX source of a random table of `cells`, two rows or more: a matrix, array, case distinction or lines.

    Cells that start with a bracket or a star are excluded: a row break would read them.
    """
    cells = [cell for cell in cells if not cell.startswith(("[", "*"))] or ["0", "1"]
    make = generator.choices([_random_matrix, _random_array, _random_aligned, _random_cases], [40, 20, 25, 15])[0]
    return make(lambda: generator.choice(cells), generator)


class FormulaGrammar(ExpressionGrammar):
    """Productions of whole formulas: equations, sums, limits, matrices, case distinctions."""

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
        return self._production(kinds)()

    def relation(self) -> str:
        r"""`\alpha x^2 + 1 \leq \frac{y}{2}`"""
        parts = [self.expression(2), self._relation(), self.expression(2)]
        if self._chance(0.15):
            parts += [self._relation(), self.expression(1)]
        return " ".join(parts) + (self._choice([".", ","]) if self._chance(0.08) else "")

    def summation(self) -> str:
        r"""`\sum_{k=1}^{n} a_k = S`"""
        sign = self._choice([r"\sum", r"\sum", r"\sum", r"\prod", r"\bigcup"])
        index = self._choice(["i", "j", "k", "n", "m"])
        low = (
            "_{"
            + index
            + (rf"\in {self._capital()}" if self._chance(0.2) else f"={self._choice(['0', '1', '2'])}")
            + "}"
        )
        high = "^" + self._choice([r"\infty", "n", "{N}", "{n-1}", "m"]) if self._chance(0.8) else ""
        limits = r"\limits" if sign == r"\sum" and self._chance(0.05) else ""
        total = sign + limits + low + high
        return f"{total} {self.term(2)} {self._choice(['=', '=', '<', self._synonym(LEQ)])} {self.expression(1)}"

    def integral(self) -> str:
        r"""`\int_0^1 f(x) \,dx = 1`"""
        sign = self._choice([r"\int", r"\int", r"\int", r"\oint"])
        bounds = self._choice(
            ["_0^1", r"_{0}^{\infty}", "_a^b", r"_{-\infty}^{\infty}", "", rf"_{self._greek_capital()}"]
        )
        variable = self._letter()
        thin = self._choice([r"\,", r"\,", " ", ""])
        return f"{sign}{bounds} {self.term(2)}{thin} d{variable} = {self.expression(1)}"

    def limit(self) -> str:
        r"""`\lim_{n \to \infty} a_n = 0`"""
        operator = self._choice([r"\lim", r"\lim", r"\lim", r"\sup", r"\max"])
        goal = self._choice([r"\infty", "0", "1", "a"])
        under = rf"{self._letter()} {self._synonym(TO)} {goal}" if r"\lim" in operator else self._membership()
        return f"{operator}_{{{under}}} {self.term(2)} {self._relation()} {self.expression(1)}"

    def matrix_equation(self) -> str:
        r"""`A = \begin{pmatrix} a & 0 \\ 0 & b \end{pmatrix}`"""
        head = self._choice([self._font(), self._capital(), r"\det " + self._capital()])
        return f"{head} = {self.matrix()}" + (f" {self._sum()} {self.term(1)}" if self._chance(0.2) else "")

    def matrix(self) -> str:
        r"""`\begin{bmatrix} 1 & x \\ 0 & 1 \end{bmatrix}`"""
        kind = self._choice(MATRICES)
        rows, columns = self._choice([(2, 2), (2, 2), (2, 2), (2, 1), (3, 1), (1, 3)])
        cells = [" & ".join(self._cell() for _ in range(columns)) for _ in range(rows)]
        columns_given = "{" + self._choice("cr") * columns + "}" if kind == "array" else ""
        inner = rf"\begin{{{kind}}}{columns_given} " + r" \\ ".join(cells) + rf" \end{{{kind}}}"
        return rf"\left( {inner} \right)" if kind == "array" else inner

    def cases(self) -> str:
        r"""`f(x) = \begin{cases} 1 & x > 0 \\ 0 & \text{otherwise} \end{cases}`"""
        head = f"{self._function_name()}({self._letter()})"
        last = self._choice([r"\text{otherwise}", r"\text{else}", self._condition()])
        first = f"{self.term(1)}, & {self._choice(['', TEXT_IF])}{self._condition()}"
        return rf"{head} = \begin{{cases}} {first} \\ {self.atom()}, & {last} \end{{cases}}"

    def set_builder(self) -> str:
        r"""`S = \{ x \in \mathbb{R} : x > 0 \}`"""
        bar = self._choice([":", r"\mid", "|"])
        body = rf"\{{ {self._membership()} {bar} {self.term(1)} {self._relation()} {self.atom()} \}}"
        return f"{self._choice([self._capital(), self._font()])} {self._choice(['=', '=', SUBSET])} {body}"

    def derivative(self) -> str:
        r"""`\frac{\partial u}{\partial t} = \nabla f`"""
        sign = self._choice([r"\partial", r"\partial", "d", r"{\rm d}"])
        function, variable = self._choice([self._letter(), self._greek(), self._font()]), self._letter()
        square = self._chance(0.3)
        top, bottom = (
            (f"{sign}^2 {function}", f"{sign} {variable}^2") if square else (f"{sign} {function}", f"{sign} {variable}")
        )
        other = self._choice(
            [self.expression(1), rf"\nabla {self._letter()}", rf"\Delta {self._letter()} + {self.term(1)}"]
        )
        return f"{self._fraction(top, bottom)} {self._choice(['=', '=', '+', '-'])} {other}"

    def quantified(self) -> str:
        r"""`\forall x \in A, \; x < 1`"""
        first = f"{self._choice(QUANTIFIERS.split())} {self._membership()}"
        second = rf"\, \exists {self._letter()} " if first.startswith(r"\forall") and self._chance(0.3) else ""
        return f"{first}{self._choice([',', *THIN_SPACES])} {second}{self.term(2)} {self._relation()} {self.term(1)}"

    def implication(self) -> str:
        r"""`x > 0 \Rightarrow f(x) = 1`"""
        arrow = self._choice([*ARROWS.split(), r"\implies"])
        return f"{self._condition()} {arrow} {self.term(2)} {self._relation()} {self.term(1)}"

    def aligned(self) -> str:
        r"""`\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}`"""
        rows = [f"{self.term(1)} &= {self.expression(1)}" for _ in range(2)]
        return r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"

    def probability(self) -> str:
        r"""`P(A \mid B) = \frac{P(A)}{P(B)}`"""
        name = self._choice(["P", r"\mathbb{P}", r"\mathbb{E}", r"\mathrm{Pr}"])
        first, second = self._capital(), self._capital()
        inside = self._choice([f"{first}{self._choice([MID, '|', CAP, ','])} {second}", f"{first} > {self.atom()}"])
        brackets = self._choice(["()", "[]"])
        return f"{name}{brackets[0]}{inside}{brackets[1]} {self._relation()} {self.expression(2)}"

    def map_between_spaces(self) -> str:
        r"""`f : \mathbb{R}^n \to \mathbb{R}, \quad x \mapsto x^2`"""
        source = f"{self._font()}^{self._choice(['n', '2', 'm', 'd'])}"
        rest = rf", \quad {self._letter()} \mapsto {self.term(2)}" if self._chance(0.6) else rf" \times {self._font()}"
        return rf"{self._function_name()} : {source} {self._synonym(TO)} {self._font()}{rest}"

    def sequence(self) -> str:
        r"""`x_1, x_2, \ldots, x_n \in A`"""
        letter = self._choice([self._letter(), self._greek()])
        last, dots = self._choice(["n", "k", "m", "N"]), self._choice([r"\ldots", r"\dots", r"\cdots"])
        comma = " + " if dots == r"\cdots" else ", "
        return (
            comma.join([f"{letter}_1", f"{letter}_2", dots, f"{letter}_{last}"]) + f" {self._relation()} {self.term(1)}"
        )

    def annotated(self) -> str:
        r"""`\underbrace{x + y}_{n} = \overbrace{z}^{k}`"""
        kind, mark = self._choice([(r"\underbrace", "_"), (r"\overbrace", "^")])
        if self._chance(0.3):
            return rf"{self.term(1)} \xrightarrow{{{self.atom()}}} {self.expression(1)}"
        return f"{kind}{{{self.expression(1)}}}{mark}{{{self.atom()}}} {self._relation()} {self.expression(1)}"

    def _condition(self) -> str:
        left = f"{self._letter()} {self._relation()}"
        return f"{left} {self._production([(3, self.atom), (2, lambda: self._scripted(0))])()}"

    def _membership(self) -> str:
        return rf"{self._letter()} \in {self._choice([self._capital(), self._font()])}"


def _random_matrix(cell: Callable[[], str], generator: random.Random) -> str:
    name = generator.choice(_TABLE_MATRICES)
    return _written(name, "", cell, generator.randint(2, MAX_ROWS), generator.randint(1, MAX_COLUMNS))


def _random_array(cell: Callable[[], str], generator: random.Random) -> str:
    columns = generator.randint(1, MAX_COLUMNS)
    bar = generator.random() < 0.2
    kinds = [generator.choice("lcr") for _ in range(columns)]
    given = "|".join(kinds) if bar else "".join(kinds)
    inside = _written("array", f"{{{given}}}", cell, generator.randint(2, MAX_ROWS), columns)
    left, right = generator.choice([("(", ")"), ("[", "]"), (r"\{", "."), ("|", "|"), ("", "")])
    return rf"\left{left} {inside} \right{right}" if left else inside


def _random_aligned(cell: Callable[[], str], generator: random.Random) -> str:
    name = generator.choice(_TABLE_ALIGNED)
    columns = 1 if name == "gathered" else 2
    return _written(name, "", cell, generator.randint(2, MAX_ROWS), columns)


def _random_cases(cell: Callable[[], str], generator: random.Random) -> str:
    name = generator.choice(_TABLE_CASES)
    return _written(name, "", cell, generator.randint(2, 4), generator.choice([1, 2, 2, 2]))


def _written(name: str, given: str, cell: Callable[[], str], rows: int, columns: int) -> str:
    lines = (" & ".join(cell() for _ in range(columns)) for _ in range(rows))
    return rf"\begin{{{name}}}{given} " + r" \\ ".join(lines) + rf" \end{{{name}}}"
