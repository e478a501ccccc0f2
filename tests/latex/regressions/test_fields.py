"""Math fields without braces, and scripts that belong to a nucleus of the macro."""

from collections.abc import Callable

import pytest

from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.symbols import symbol_classes
from tests.latex.regressions.variants import Draw, assert_same

pytestmark = pytest.mark.needs_tex
_CLASSES = [
    r"\mathop",
    r"\mathrel",
    r"\mathbin",
    r"\mathord",
    r"\mathopen",
    r"\mathclose",
    r"\mathpunct",
    r"\mathinner",
]
_ALL = [*"+-=<>:;,!?*()[]|/x2", *sorted(symbol_classes()["bin"] | symbol_classes()["rel"] | symbol_classes()["ord"])]
_SYMBOLS = [symbol for symbol in _ALL if "olon" not in symbol]  # made of several, which TeX refuses without braces


def _bare(draw: Draw) -> str:
    name, symbol = draw.choice(_CLASSES), draw.choice(_SYMBOLS)
    field = draw.choice([f" {symbol}", f" {symbol}", f"\\relax {symbol}", f"{{{symbol}}}", f" {{ {symbol} }}"])
    scripts = (
        draw.choice(["", "_i", "^n", "_i^n", r"\limits_{ab}"]) if name == r"\mathop" else draw.choice(["", "_i^2"])
    )
    return draw.place(
        f"a{name}{field}{scripts} b", [*["{}"] * 3, r"\sqrt{{ {} }}", r"\frac{{1}}{{ {} }}", "x_{{ {} }}"]
    )


def _colon(draw: Draw) -> str:
    colon = draw.choice([r"\mathop:", r"\mathop :", r"\mathop{:}", r"\mathop\relax:"])
    outer = draw.choice([r"\mathrel{{{}}}=", r"\mathrel{{{}}}\mkern-1.2mu=", r"={}", r"\mathrel{{\mathrel{{{}}}=}}"])
    return draw.place(f"{draw.body()} {outer.format(colon)} {draw.body()}")


def _sideset(draw: Draw) -> str:
    sides = ["", "_1", "^2", "_1^2", "'", "''", "^{*}_{ab}", r"_\alpha", "x", "_e v", "^{a}{}_b", "^\\prime", "_1'"]
    operator = draw.choice([r"\prod", r"\sum", r"{\sum}", r"\int", r"{\bigcup}", r"{\mathop{X}}", r"\bigoplus"])
    scripts = draw.choice(["", "_k", "_{k}^n", "^n", r"\limits_k", r"\nolimits_k"])
    left, right = draw.choice(sides), draw.choice(sides)
    part = rf"\sideset{draw.space()}{{{left}}}{{{right}}}{operator}{scripts} x"
    return draw.place(
        part, ["{}", "a {}", r"\frac{{ {} }}{{2}}", r"\left[ {} \right]", r"\begin{{cases}} {} \end{{cases}}"]
    )


def _scanned(draw: Draw) -> str:
    script = draw.choice([r"^\relax 2", r"_\relax i", r"^\relax\relax{ab}", r"_\relax\alpha ", r"^\relax\frac12"])
    return draw.place(draw.choice(["x", r"\sum", "{ab}", ")"]) + script)


@pytest.mark.parametrize("kind", [_bare, _colon, _sideset, _scanned])
def test_fields_keep_their_braces_or_lack_of_them(kind: Callable[[Draw], str]) -> None:
    assert_same(kind)


@pytest.mark.parametrize(
    ("source", "normalized"),
    [
        (r"\mathrel{\mathop:}=", r"\mathrel { \mathop : } ="),
        (r"\mathop\cup_i", r"\mathop \cup _ { i }"),
        (r"\mathop{\cup}_i", r"\mathop { \cup } _ { i }"),
        (r"\mathop x", r"\mathop { x }"),
        (r"\sideset{_1^2}{'}\prod_k", r"\sideset { _ { 1 } ^ { 2 } } { ^ { \prime } } \prod _ { k }"),
        (r"\sideset{}{'}{\sum}", r"\sideset { } { ^ { \prime } } \sum"),
    ],
)
def test_one_spelling(source: str, normalized: str) -> None:
    assert normalize(source, NormalizerParams()) == normalized


@pytest.mark.parametrize("first", [r"'a \over b", r"_1 \over 2", r"^* a \choose b", r"{'a \over b}", r"a \over b"])
def test_fractions_beside_leading_scripts_settle(first: str) -> None:
    normal = normalize(rf"\sideset{{{first}}}{{{first}}}\sum_k x", NormalizerParams())
    assert normalize(normal, NormalizerParams()) == normal
