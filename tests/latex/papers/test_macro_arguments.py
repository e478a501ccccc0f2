"""User macros as unbraced arguments: TeX reads the token and expands it later; primitives expand first."""

import random

import pytest

from im2latex.images.compare import same_ink
from im2latex.latex.papers.macro_expander import _ARGUMENTS, _EXPAND_FIRST
from im2latex.latex.papers.paper_reader import read_definitions
from im2latex.rendering.document import TemplateParams
from im2latex.rendering.renderer import RenderParams, TexRenderer

DEFINITIONS = r"""\newcommand{\vv}{x+y}\newcommand{\emp}{}\newcommand{\one}{z}\newcommand{\alp}{\alpha}
\newcommand{\half}{\frac12}\newcommand{\bld}{\mathbf{q}}\newcommand{\opt}[1][p]{k_{#1}}\newcommand{\deep}{\vv-\half}
\let\same\vv\newcommand{\wrap}[1]{\frac#1\vv}\newcommand{\hatted}[1]{\hat#1}"""
MACROS = [r"\vv", r"\emp", r"\one", r"\alp", r"\half", r"\bld", r"\opt", r"\deep", r"\same"]
TWO = [r"\frac", r"\dfrac", r"\tfrac", r"\binom", r"\overset", r"\underset", r"\stackrel"]
ONE = [
    r"\hat",
    r"\bar",
    r"\tilde",
    r"\vec",
    r"\overline",
    r"\underline",
    r"\mathrm",
    r"\mathbf",
    r"\boldsymbol",
    r"\phantom",
]
ONE += [r"\widehat", r"\boxed", r"\text", r"\mbox", r"\dot", r"\ensuremath", r"\smash", r"\overbrace"]
FIRST = [r"\sqrt", r"\mathop", r"\mathbin", r"\mathrel", r"\mathord"]


def siblings(count: int, seed: int) -> list[str]:
    """Formulas with macros as arguments."""
    rng = random.Random(seed)

    def argument() -> str:
        return rng.choice([*MACROS, *MACROS, "2", "{ab}", r"{\vv}", r" \vv "])

    def piece() -> str:
        macro = rng.choice(MACROS)
        ways = [
            f"{rng.choice(TWO)}{argument()}{argument()}",
            f"{rng.choice(ONE[:-6])}{macro} ",
            f"{rng.choice(ONE[:10])} {macro}",
            f"{rng.choice(FIRST)}{{{macro}}}",
            r"\sqrt\bld + \mathop\vv + \mathrel\one\sqrt\vv",
            rf"\sqrt[{macro}]{{{macro}}}",
            rf"\frac{{\frac{macro}2}}{macro}",
            r"x^\vv + x_\bld + x^\half + x'^\opt",
            rf"\wrap{{1{macro}}}",
            rf"\hatted{{\alpha{macro}}}",
            rf"\left({macro}\right)\big|",
        ]
        return rng.choice(ways)

    return [f"a+{piece()} b {piece()}=c" for _ in range(count)]


@pytest.mark.needs_tex
def test_siblings_print_as_in_their_own_paper() -> None:
    written = siblings(120, 7)
    macros = read_definitions(DEFINITIONS)
    expanded = [macros.expand(formula) for formula in written]
    own = RenderParams(rasterizer="pdfium", template=TemplateParams(extra_preamble=DEFINITIONS))
    inside = TexRenderer(own).render(written)
    outside = TexRenderer(RenderParams(rasterizer="pdfium")).render(expanded)
    pairs = list(zip(written, expanded, inside, outside, strict=True))
    wrong = [
        (formula, result, a.reason, b.reason)
        for formula, result, a, b in pairs
        if (a.pixels is None) != (b.pixels is None)
        or (a.pixels is not None and b.pixels is not None and not same_ink(a.pixels, b.pixels))
    ]
    assert wrong == []
    assert sum(a.pixels is not None for _, _, a, _ in pairs) > 100


@pytest.mark.parametrize("command", sorted(name for name, kinds in _ARGUMENTS.items() if kinds == "m"))
def test_commands_take_a_macro_as_one_argument(command: str) -> None:
    assert read_definitions(DEFINITIONS).expand(rf"{command}\vv z") == rf"{command}{{x+y}}z"


@pytest.mark.parametrize("command", [r"\hat", r"\mathbf", r"\frac", r"\acc"])
@pytest.mark.parametrize("target", [r"\varepsilon", r"\mathcal", "*", "x"])
def test_a_name_that_is_let_to_a_symbol_is_that_symbol(command: str, target: str) -> None:
    macros = read_definitions(rf"\let\acc\vec\let\ve={target}")
    written = command.replace("acc", "vec")
    expanded = macros.expand(rf"{command}\ve 2+{command}{{\ve}}2+x_\ve").replace(" ", "")
    assert r"\ve" not in expanded.replace(r"\vec", "").replace(r"\varepsilon", "")
    assert expanded.endswith(rf"2+{written}{{{target}}}2+x_{target}")


@pytest.mark.parametrize("command", [*sorted(_EXPAND_FIRST), "^", "_", r"\left", r"\unknown"])
def test_primitives_expand_first(command: str) -> None:
    assert read_definitions(DEFINITIONS).expand(rf"{command}\vv z").replace(" ", "") == rf"{command}x+yz"


def test_an_empty_macro_is_an_empty_argument() -> None:
    assert read_definitions(DEFINITIONS).expand(r"\frac\emp\emp xy") == r"\frac{}{}xy"
