import pytest

from im2latex.latex.normalizer import NormalizerParams, normalize


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"\quad x\ ", r"\quad x"),
        ("a\\\nb", "a ~ b"),
        (r"a =\ \left(b\right)", r"a = \nobreakspace \left ( b \right )"),
        (r"\hskip10pt plus 2pt x", r"\hspace { 10ptplus2pt } x"),
        (r"\hspace{-.50em}\rule{0.0pt}{10pt} x", r"\hspace { -0.5em } \rule { 0pt } { 10pt } x"),
        (r"\begin{matrix} a \\[01.0pt] b \end{matrix}", r"\begin{matrix} a \\[1pt] b \end{matrix}"),
    ],
)
def test_spacing(before: str, after: str) -> None:
    assert normalize(before, NormalizerParams()) == after
