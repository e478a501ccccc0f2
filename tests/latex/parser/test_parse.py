import pytest

from im2latex.errors import LatexError
from im2latex.latex.parser.parse import parse
from im2latex.latex.parser.signatures import MAX_DEPTH
from im2latex.latex.parser.tree import Environment, Group, Scripts, Token
from im2latex.latex.serializer import write


@pytest.mark.parametrize(
    ("source", "reason", "position"),
    [
        ("a}", "unbalanced_group", 1),
        ("{a", "unbalanced_group", None),
        (r"\begin{matrix} a", "unbalanced_environment", None),
        (r"\begin{matrix} a \end{array}", "unbalanced_environment", None),
        (r"a \left( b", "unbalanced_left_right", 2),
        (r"a \right) b", "unbalanced_left_right", None),
        (r"{\left( a} \right)", "unbalanced_left_right", 1),
        ("a & b", "stray_alignment", 2),
        ("a $b$", "math_shift", 2),
        ("x^2^3", "double_script", None),
        ("x^2'", "double_script", None),
        ("x^", "missing_argument", None),
        (r"\frac{1}", "missing_argument", None),
        (r"\left\frac a \right)", "bad_delimiter", 5),
        (r"\sqrt\right", "missing_argument", 5),
        (r"\begin{array}{cX} a \end{array}", "bad_columns", None),
        (r"\begin{array}{p{1cm}} a b \end{array}", "text_column", 22),
        (r"\text\def", "not_allowed", 5),
        (r"\hskip x", "bad_length", None),
        (r"\hspace{1{m}m}", "bad_length", 7),
        (r"\mspace\,", "bad_length", 7),
        (r"\mathchar x", "bad_number", None),
        (r"\def\x{1}", "not_allowed", 0),
        (r"\text{\input x}", "not_allowed", 6),
        (r"a + \undeclared{b}", "not_allowed", 4),
        (r"\text{a \undeclared}", "not_allowed", 8),
        (r"a \~b", "wrong_mode", 2),
        (r"\begin{undeclared} a \end{undeclared}", "not_allowed", 0),
        (r"\begin{tabular}{c} a \end{tabular}", "not_allowed", 0),
        (r"\root n", "missing_argument", 0),
        (r"\begin{array}{*{999}{*{999}{c}}} a \end{array}", "bad_columns", None),
        ("#1", "parameter_character", 0),
        ("é", "non_ascii", 0),
        ("a\0", "control_character", 1),
        ("{" * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1), "too_deep", MAX_DEPTH),
        (r"\sqrt" * 4000 + " x", "too_deep", None),
    ],
)
def test_refusals_have_a_reason(source: str, reason: str, position: int | None) -> None:
    with pytest.raises(LatexError) as caught:
        parse(source)
    assert caught.value.reason == reason
    assert position is None or caught.value.position == position


@pytest.mark.parametrize(
    ("source", "tokens"),
    [
        (r"\frac12", r"\frac { 1 } { 2 }"),
        (r"\frac\alpha{b}c", r"\frac { \alpha } { b } c"),
        (r"x^\frac12", r"x ^ { \frac { 1 } { 2 } }"),
        (r"x^2_i", "x _ { i } ^ { 2 }"),
        ("f''^2_i", r"f _ { i } ^ { \prime \prime 2 }"),
        (r"\,^2", r"\, { } ^ { 2 }"),
        (r"^\top{\bm x}", r"{ } ^ { \top } { \bm { x } }"),
        (r"\sqrt[{]}]x", r"\sqrt [ { ] } ] { x }"),
        (r"\big{(} \left\{ a \right.", r"\big ( \left \{ a \right ."),
        (r"\hskip -1.5 em plus 1 pt x", r"\hskip -1.5emplus1pt x"),
        (r"\mathchar`-", r"\mathchar 45"),
        (r"\operatorname*{arg\,max}_x", r"\operatorname* { a r g \, m a x } _ { x }"),
        (r"\root n \of x", r"\sqrt [ n ] { x }"),
        (r"\buildrel a \over = b", r"\mathrel { \overset { a } { = } } b"),
        (r"x\sb i\sp 2", "x _ { i } ^ { 2 }"),
        (r"$$x$$", "x"),
        ("a, \\", r"a , \nobreakspace"),
        (r"\[ x \]", "x"),
        (r"\bmatrix a & b \\ c & d \endbmatrix", r"\begin{bmatrix} a & b \\ c & d \end{bmatrix}"),
        (r"a % comment", "a"),
        (r"\pmatrix{a & b \cr c & d}", r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}"),
        (r"\begin{aligned}[t] a \\ [2pt] \end{aligned}", r"\begin{aligned}[t] a \\ [ 2 p t ] \end{aligned}"),
        (r"\begin{array}{c} a \\ [2 pt] b \end{array}", r"\begin{array} { c } a \\[2pt] b \end{array}"),
    ],
)
def test_source_is_read_as_tex_reads_it(source: str, tokens: str) -> None:
    assert " ".join(write(parse(source))) == tokens


def test_a_team_may_declare_commands_of_its_own() -> None:
    assert " ".join(write(parse(r"\qty 12", {"\\qty": "m"}))) == r"\qty { 1 } 2"


def test_rows_and_cells() -> None:
    (table,) = parse(r"\begin{matrix} a & b \\ & c \end{matrix}")
    assert isinstance(table, Environment)
    assert [len(row) for row in table.rows] == [2, 2]
    assert table.rows[1][0] == []


def test_an_empty_nucleus_is_an_empty_group() -> None:
    assert parse("_a") == [Scripts(Group([]), sub=[Token("a")])]
