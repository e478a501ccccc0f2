"""Deep nesting: accepted twice, or rejected with a reason, for any remaining stack."""

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest

from im2latex.errors import LatexError
from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.grammar.respell import respell
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.papers.macro_expander import MacroExpander
from im2latex.latex.papers.macro_table import Macro, plain
from im2latex.latex.tokens import split

NORMALIZER = Normalizer(NormalizerParams(max_characters=1_000_000))
REASONS = {"too_deep", "double_infix", "double_script", "macro_bomb", "unbalanced_left_right", "missing_argument"}
SMALL_LIMIT = 250

PAIRS = [
    ("{", "}"),
    ("{a", "}"),
    (r"\left(", r"\right)"),
    (r"\left.a", r"\right|"),
    (r"\frac{a}{", "}"),
    (r"\sqrt{", "}"),
    (r"\sqrt[{", "}]{x}"),
    ("x^{", "}"),
    ("x_{a", "}^b"),
    (r"\begin{matrix}", r"\end{matrix}"),
    (r"\hat{", "}"),
    (r"\begin{array}{c} a & ", r"\end{array}"),
    (r"\text{$", "$}"),
    (r"\text{a $b", "$ c}"),
    (r"\mbox{\textbf{", "}}"),
    (r"{a \over ", "}"),
    ("{", r" \over a}"),
    (r"\mathbf{", "}"),
    (r"{\bf ", "}"),
    (r"\bar{\cal ", "}"),
    (r"\operatorname{", "}"),
    (r"\text{\begin{aligned}$", r"$\end{aligned}}"),
    (r"\substack{a\\", "}"),
    (r"\phantom{", "}"),
    (r"\textcolor{red}{", "}"),
    (r"\begin{array}{c@{", r"}} a \end{array}"),
    (r"\text{\'{", "}}"),
    (r"\mathop{", "}"),
    (r"\ensuremath{a\over ", "}"),
    (r"\pmatrix{", "}"),
    (r"\buildrel a\over{", "}"),
    (r"\text{\(", r"\)}"),
    (r"\underbar{", "}"),
    (r"\mathord{.", "}"),
]
CHAINS = [
    r"\frac",
    r"\sqrt",
    r"\hat",
    r"\bar\tilde",
    r"\mathbf",
    r"^\frac",
    r"_\sqrt",
    "x^",
    "^",
    "_",
    r"\text",
    r"\frac1",
    r"\binom2",
    r"a\over ",
    r"a\choose ",
    r"a\over b\atop ",
    r"\sqrt[",
    r"\left(",
    r"\root",
    r"\buildrel",
    r"\mathop",
    r"\big",
    r"\not",
    r"\rm\bf ",
    r"\begin{matrix}",
    r"\text{",
    "{",
    "[",
    r"\(",
    r"\[",
    r"\mathbf\hat",
    r"\overline\underline",
    r"\raise 2pt",
    r"\substack",
    r"\operatorname",
    r"\ensuremath",
    "x'^",
    r"\color{red}",
    r"\textcolor{red}",
    r"\genfrac{}{}{}{}a",
    r"\mbox\'",
]


def _deep(depth: int) -> list[str]:
    random = Random(depth)
    nested = [before * depth + "x" + after * depth for before, after in PAIRS]
    for _ in range(30):
        chosen = random.choices(PAIRS, k=depth)
        nested.append("".join(before for before, _ in chosen) + "x" + "".join(after for _, after in reversed(chosen)))
    chained = [chain * depth + "x" for chain in CHAINS]
    mixed = ["".join(random.choices(CHAINS, k=depth)) + "x" for _ in range(30)]
    return nested + chained + mixed


def _normalized(formula: str) -> str | None:
    try:
        return NORMALIZER.normalize(formula)
    except LatexError:
        return None


@pytest.mark.parametrize("depth", [3, 12, 19, 20, 21, 38, 39, 40, 41, 60])
def test_what_is_accepted_is_accepted_again(depth: int) -> None:
    unstable = [
        (formula[:80], latex)
        for formula in _deep(depth)
        if (latex := _normalized(formula)) is not None and _normalized(latex) != latex
    ]
    assert unstable == []


@pytest.mark.parametrize("pair", PAIRS)
def test_any_depth_is_refused_by_name(pair: tuple[str, str]) -> None:
    with pytest.raises(LatexError) as caught:
        NORMALIZER.normalize(pair[0] * 3000 + "x" + pair[1] * 3000)
    assert caught.value.reason in REASONS


@pytest.mark.parametrize("chain", CHAINS)
def test_any_chain_is_refused_by_name_or_is_none(chain: str) -> None:
    _refused_or_done(NORMALIZER.normalize, chain * 3000 + "x")
    for work in WORKS.values():
        _refused_or_done(work, chain * 300 + "x")


def _explain(formula: str) -> None:
    NORMALIZER.explain(formula)


def _balance(formula: str) -> None:
    accepts(split(formula))


def _expand(formula: str) -> None:
    macros = MacroExpander()
    macros.define("\\x", Macro(plain(1), ("{", "\\x", "#1", "}")))
    macros.expand(formula.replace("x", "\\x"))


WORKS: dict[str, Callable[[str], object]] = {
    "normalize": NORMALIZER.normalize,
    "explain": _explain,
    "respell": lambda formula: respell(formula, 0),
    "balanced": _balance,
    "expand": _expand,
}


def _refused_or_done(work: Callable[[str], object], formula: str) -> None:
    with suppress(LatexError):
        work(formula)


@pytest.mark.parametrize("work", WORKS)
def test_a_short_stack_is_no_traceback(work: str) -> None:
    failed: list[tuple[str, str]] = []

    def run() -> None:
        for formula in formulas:
            try:
                _refused_or_done(WORKS[work], formula)
            except RecursionError as error:
                failed.append((formula[:60], str(error)))

    formulas = [formula for depth in (5, 20, 38) for formula in _deep(depth)]
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(SMALL_LIMIT)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(usual)
    assert failed == []


@pytest.mark.parametrize("infix", [r"\over", r"\choose", r"\atop", r"\above 2pt", r"\overwithdelims()"])
@pytest.mark.parametrize(
    "place", ["%s", "{%s}", r"\sqrt{%s}", r"\left(%s\right)", r"\begin{matrix}%s\end{matrix}", r"x^{%s}"]
)
def test_two_infix_commands_in_one_group_are_refused_as_tex_does(infix: str, place: str) -> None:
    for count in (2, 3, 60, 300):
        with pytest.raises(LatexError) as caught:
            NORMALIZER.normalize(place % (f"a{infix} " * count + "b"))
        assert caught.value.reason == "double_infix"
        assert caught.value.position is not None
    assert NORMALIZER.normalize(place % f"a{infix} {{b{infix} c}}")
