import pytest

from im2latex.config import check
from im2latex.errors import ParamsError
from im2latex.rendering import document
from im2latex.rendering.document import PageParams, TemplateParams


def test_the_mark_is_in_no_formula_and_the_source_repeats() -> None:
    formulas = ["x", "@0 start 1"]
    source, mark = document.body(formulas, TemplateParams(), 24)
    assert document.body(formulas, TemplateParams(), 24) == (source, mark)
    assert not any(mark in formula for formula in formulas)
    assert document.body(formulas[::-1], TemplateParams(), 24)[1] != mark


def test_each_formula_has_lines_of_its_own() -> None:
    source, _ = document.body(["a % comment", "b\n+ c"], TemplateParams(math_style="textstyle"), 24)
    assert "{$\\textstyle\na % comment\n$}\\stopformula\\endgroup\n" in source
    assert "\nb\n+ c\n$}" in source


def test_preamble_loads_what_the_template_says() -> None:
    template = TemplateParams(packages=("amsmath", "[dvipsnames]{xcolor}"), extra_preamble=r"\def\x{y}")
    text = document.preamble(template, PageParams())
    assert "\\documentclass[12pt]{article}\n\\usepackage{amsmath}\n\\usepackage[dvipsnames]{xcolor}\n" in text
    assert text.index(r"\let\bm\boldsymbol") < text.index(r"\def\x{y}") < text.index(r"\begin{document}")
    assert r"\let\bm\boldsymbol" not in document.preamble(TemplateParams(definitions=False), PageParams())


def test_every_placeholder_is_filled_in() -> None:
    assert "@ROOM@" not in document.preamble(TemplateParams(), PageParams())
    assert document.preamble(TemplateParams(), PageParams(dpi=100)) != document.preamble(TemplateParams(), PageParams())


def test_parameters_are_checked() -> None:
    with pytest.raises(ParamsError, match=r"render\.math_style"):
        check({"math_style": "scriptscriptstyle}"}, TemplateParams, "render")


def test_a_sheet_too_large_for_tex_is_refused() -> None:
    document.preamble(TemplateParams(), PageParams(dpi=100))
    with pytest.raises(ParamsError, match=r"at 20 dpi.*lower one of them"):
        document.preamble(TemplateParams(), PageParams(dpi=20))
