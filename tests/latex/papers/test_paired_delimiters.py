"""Paired delimiters of mathtools, in the three sizes."""

import pytest

from tests.latex.papers.paper_formulas import formulas

PAIR = r"\DeclarePairedDelimiter\abs{\lvert}{\rvert}"
INNER = r"\DeclarePairedDelimiterX{\inner}[2]{\langle}{\rangle}{#1,#2}"
SET = r"\DeclarePairedDelimiterX\set[1]\lbrace\rbrace{#1\;\delimsize\vert y}"
MEAN = r"\DeclarePairedDelimiterXPP\mean[1]{\mathbb{E}}[]{_0}{#1}"


@pytest.mark.parametrize(
    ("definition", "used", "kept"),
    [
        (PAIR, r"\abs{x}", r"\lvertx\rvert"),
        (PAIR, r"\abs[\big] x", r"\mathopen{\big\lvert}x\mathclose{\big\rvert}"),
        (PAIR, r"\abs* {x}", r"\mathopen{}\mathclose{\left\lvertx\right\rvert}"),
        (INNER, r"\inner{x}{y}", r"\langlex,y\rangle"),
        (INNER, r"\inner xy", r"\langlex,y\rangle"),
        (INNER, r"\inner*{x}{y}", r"\mathopen{}\mathclose{\left\langlex,y\right\rangle}"),
        (SET, r"\set{x}", r"\lbracex\;\verty\rbrace"),
        (SET, r"\set[\Big]{x}", r"\mathopen{\Big\lbrace}x\;\Big\verty\mathclose{\Big\rbrace}"),
        (SET, r"\set*{x}", r"\mathopen{}\mathclose{\left\lbracex\;\middle\verty\right\rbrace}"),
        (MEAN, r"\mean{x}", r"\mathbb{E}[x]_0"),
        (MEAN, r"\mean[\big]{x}", r"\mathbb{E}\mathopen{\big[}x\mathclose{\big]}_0"),
    ],
)
def test_a_pair_of_delimiters_is_written_out_in_the_size_that_is_asked_for(
    definition: str, used: str, kept: str
) -> None:
    assert formulas(f"{definition} $a={used}$") == [f"a={kept}"]
