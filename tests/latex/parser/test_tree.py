import pytest

from im2latex.latex.parser.parse import parse
from im2latex.latex.parser.tree import MathStyle, Row, Token, copy_row, holds_group, nuclei, rewrite
from im2latex.latex.serializer import write


def _styles_of(source: str) -> dict[str, MathStyle]:
    """The style of each row, by its first token."""
    found: dict[str, MathStyle] = {}

    def note(row: Row, style: MathStyle) -> Row:
        if row and isinstance(row[0], Token):
            found[row[0].text] = style
        return row

    rewrite(parse(source), note)
    return found


def test_styles_follow_tex() -> None:
    styles = _styles_of(r"a + \frac{b}{\frac{c}{d}} + x^{e} + \tfrac{f}{g} + \begin{matrix} h \end{matrix}")
    assert styles["a"] == MathStyle.DISPLAY
    assert styles["b"] == styles["h"] == MathStyle.TEXT
    assert styles["c"] == styles["e"] == styles["f"] == MathStyle.SCRIPT


def test_a_style_switch_holds_for_what_follows() -> None:
    assert _styles_of(r"\scriptstyle {a}")["a"] == MathStyle.SCRIPT


def test_text_is_no_row_but_its_mathematics_is() -> None:
    assert set(_styles_of(r"\text{abc $x$}")) == {"x"}


def test_heads_look_through_scripts() -> None:
    assert list(nuclei(parse("a^2 b"))) == [Token("a"), Token("b")]


def test_rewrite_goes_innermost_first() -> None:
    seen: list[int] = []

    def note(row: Row, _: MathStyle) -> Row:
        seen.append(len(row))
        return row

    rewrite(parse("{a {b}}"), note)
    assert seen == [1, 2, 1]


def test_a_copy_shares_no_node() -> None:
    for text in [
        r"a_{i}^{2} \frac{x}{y}",
        r"\begin{array}{c|c} a & b \\ c & d \end{array}",
        r"\left( \text{if $x$} \right) {z}",
    ]:
        row = parse(text)
        before = write(row)
        copy = copy_row(row)
        assert write(copy) == before
        rewrite(copy, lambda inner, style: [])
        assert write(row) == before


@pytest.mark.parametrize(
    "around",
    [
        "#",
        "x ^ {y _ {a #}}",
        "{#} ^ 2",
        r"\frac{a}{b #}",
        r"\sqrt[#]{x}",
        r"\left( a # \right)",
        r"\begin{matrix} a & b \\ c & d # \end{matrix}",
        r"\begin{array}{c@{a #}c} a & b \end{array}",
        r"\text{a $b #$}",
        r"\text{a #}",
    ],
)
def test_a_group_is_found_wherever_it_is(around: str) -> None:
    assert holds_group(parse(around.replace("#", "{ab}")))
    assert holds_group(parse(around.replace("#", "z"))) == around.startswith("{")
