"""Formats of a formula for other programs."""

import xml.etree.ElementTree as ET

import pytest

from im2latex.latex.formats import FORMATS, Format, format_formula
from im2latex.latex.normalizer import normalize


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("latex", r"x^2 < \frac{1}{2}"),
        ("tokens", r"x ^ { 2 } < \frac { 1 } { 2 }"),
        ("inline", r"$x^2 < \frac{1}{2}$"),
        ("display", r"\[ x^2 < \frac{1}{2} \]"),
        ("equation", r"\begin{equation} x^2 < \frac{1}{2} \end{equation}"),
    ],
)
def test_latex(format: Format, expected: str) -> None:
    tokens = normalize(r"x^2 < \frac12")
    assert format_formula(tokens, format) == format_formula(tokens.split(), format) == expected


def test_every_format_is_one_line() -> None:
    tokens = normalize(r"\begin{cases}1&\text{if }x>0\\0&\text{otherwise}\end{cases}")
    for format in FORMATS:
        assert "\n" not in format_formula(tokens, format)


def test_mathml() -> None:
    found = ET.fromstring(format_formula(normalize(r"x^2 < \frac12"), "mathml"))
    names = [element.tag.rpartition("}")[2] for element in found.iter()]
    assert names[0] == "math"
    assert {"msup", "mfrac", "mo"} <= {*names}


def test_mathml_of_a_beginning_shows_its_latex() -> None:
    found = ET.fromstring(format_formula([r"\frac", r"{", r"1", r"<", r"2", r"}", r"{"], "mathml"))
    assert "".join(found.itertext()) == r"\frac{1 < 2}{"
