import pytest

from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.symbols import known_symbols
from im2latex.latex.rules.names import SYNONYMS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"a \not\in b", r"a \not \in b"),
        (r"a \not=_i b", r"a \ne _ { i } b"),
        (r"\lbrack x \rbrack", r"\lbrack x ]"),
        (r"\left\lbrack x \right\rbrack", r"\left [ x \right ]"),
        (r"\operatorname{max} x", r"\max x"),
        (r"\operatorname{max}_x", r"\operatorname { m a x } _ { x }"),
        (r"\frac{\operatorname{max}_x}{2}", r"\frac { \max _ { x } } { 2 }"),
        (r"\operatorname*{max}_x", r"\max _ { x }"),
        (r"\operatorname*{sin}\nolimits_x", r"\operatorname* { s i n } \nolimits _ { x }"),
        (r"\operatorname{lim\,sup}", r"\operatorname { l i m \, s u p }"),
        (r"\int\nolimits_a \sum\limits_b \sin\nolimits x", r"\int _ { a } \sum _ { b } \sin x"),
        (r"\textstyle\sum\limits_b", r"\textstyle \sum \limits _ { b }"),
        (r"\frac{\sum\nolimits_b}{\sum\limits_c}", r"\frac { \sum _ { b } } { \sum \limits _ { c } }"),
    ],
)
def test_names(before: str, after: str) -> None:
    assert normalize(before, NormalizerParams()) == after


def test_synonyms_end_at_once() -> None:
    assert not SYNONYMS.keys() & set(SYNONYMS.values())
    assert {name for name in SYNONYMS if name[1:].isalpha()} <= known_symbols()
