import pytest

from im2latex.latex.parser.parse import parse
from im2latex.latex.rules.atoms import has_ordinary_nucleus, is_ordinary, is_space


@pytest.mark.parametrize("source", ["x", r"\alpha", "/", r"\frac12", r"\hat x", r"\mathbf{x}", r"\bm{x}", r"\text{a}"])
def test_ordinary(source: str) -> None:
    (node,) = parse(source)
    assert is_ordinary(node)


@pytest.mark.parametrize(
    "source", ["=", ",", r"\sum", r"\sin", "{ab}", "x^2", r"\bm{=}", r"\operatorname{a}", "(", r"\hat{\hat x}"]
)
def test_not_ordinary(source: str) -> None:
    (node,) = parse(source)
    assert not is_ordinary(node)


def test_scripts_do_not_change_the_class() -> None:
    assert [has_ordinary_nucleus(node) for node in parse(r"x^2 \sum_i")] == [True, False]


@pytest.mark.parametrize("source", [r"\,", "~", r"\ ", r"\quad", r"\hspace{1em}", r"\kern 1pt"])
def test_space(source: str) -> None:
    (node,) = parse(source)
    assert is_space(node)
