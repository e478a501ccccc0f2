r"""Formulas that try to change others of the same TeX run, or to read their source.

The words of the first kind are refused before TeX. The second kind has allowed words only: TeX's error recovery inserts
the braces and dollar signs that it misses, which can end the box of a formula (tex.web, sections 1064 to 1069).
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from im2latex.errors import LatexError
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.rendering import sanitize
from im2latex.rendering.renderer import RenderParams, TexRenderer

NEIGHBOURS = [
    r"\left( \frac{a}{b} \right) + c \cdot d_{1}^{2} , e",
    r"\begin{array}{cc} a & b \\ c & d \end{array} = \left\{ x \right.",
    r"\text{a $b$ c} \in \mathbf{R} \sum_i \textcolor{red}{x} \mathcolor{blue}{z}_1 y",
    r"\parbox{99pt}{x \begin{align} a & b \label{c} \\ d & e \end{align} $\sqrt{x}$}",
]
WORDS = [
    r"\tagcode\textfont3 0=-7 x",
    r"\mintagsep x",
    r"\globalcolorstrue\definecolorset{rgb}{}{}{red,1,1,0} x",
    r"\pagenumbering{Roman} x",
    r"\UseName{gdef}\frac{}x",
    r"\MHInternalSyntaxOn\cs_gset_eq:NN\frac\sqrt",
    r"\ExpandArgs{c}\gdef{frac}{} x",
    r"\lpcode\textfont0 0=9 x",
    r"\fontdimen22\textfont2=9pt x",
    r"\UseName{openin}5=batch.tex \UseName{readline}5to\x \text{\texttt{\meaning\x}}",
    r"\openin5=batch.tex \read5 to\x \x",
    r"\input{batch.log}",
    r"\color{red!!+} \color{red!!+} x",
    r"\textcolor[rgb]{0 g 1 0 0 rg,0,0}{x}",
    r"\fontsize{12}{1}\selectfont x",
    r"\text{\fontsize{12}{90}\selectfont $x$}",
    r"\parbox{99pt}{\begin{align} a \label{x} \label{y} \tag{1} \tag{2} \end{align}}",
    r"\parbox{99pt}{\begin{equation} a \tag{7} \nonumber \end{equation}}",
    r"\parbox{99pt}{\begin{equation} a \begin{align} b \end{align} \end{equation}}",
    r"\lowercase{\begin{ARRAY}{c} x \end{ARRAY}}",
    r"\mathcolor{red}{a \right) b}",
    r"\mathcolor{red}{a & b}",
    r"{\color{red} a $} \hbox{$x}",
    r"{\mathcolor{red} a $} \hbox{$x}",
]
ESCAPES = [
    r"{a $} %s \hbox{$x}",
    r"{a $} %s \hbox{x \alpha}",
    r"\mbox{ \alpha { b $ \alpha $ } $ \alpha $ } %s \hbox{ \alpha }",
    r"\begin{tiny} {a $} \end{tiny} %s \hbox{$x}",
    r"\begin{tiny} {a $} %s \end{tiny} \hbox{$x}",
    r"\text{ \alpha { b \) \alpha $ } \) \alpha $ } %s \hbox{ \alpha }",
    r"\mbox{\endarray $ \endarray %s } \hbox{ \alpha }",
    r"\mbox{\endarray $ \endarray \endarray %s } \array{c} \alpha",
]
ASSIGNMENTS = [
    r"\thinmuskip=60mu\medmuskip=60mu\thickmuskip=60mu",
    r"\nulldelimiterspace=40pt",
    r"\scriptspace=40pt",
    r"\arraycolsep=40pt",
    r"\mathsurround=30pt",
    r"\baselineskip=99pt\lineskip=99pt",
    r"\Huge",
    r"\boldmath",
    r"\color{green}",
]


def changed(attacks: Sequence[str]) -> list[str]:
    """Those of the attacks after which a neighbour has other pixels."""
    renderer = TexRenderer(RenderParams(rasterizer="pdfium", timeout_seconds=1))
    expected = renderer.render(NEIGHBOURS)
    assert [one.reason for one in expected] == [None] * len(NEIGHBOURS)
    drawn = renderer.render([*NEIGHBOURS, *(formula for attack in attacks for formula in (attack, *NEIGHBOURS))])
    size = len(NEIGHBOURS) + 1
    found = []
    for number, attack in enumerate(attacks):
        after = drawn[(number + 1) * size : (number + 2) * size - 1]
        for one, other in zip(after, expected, strict=True):
            if one.pixels is None or other.pixels is None or not np.array_equal(one.pixels, other.pixels):
                found.append(attack)
    return found


@pytest.mark.needs_tex
def test_no_formula_changes_a_neighbour() -> None:
    attacks = [*WORDS, *(escape % assignment for escape, assignment in product(ESCAPES, ASSIGNMENTS))]
    assert len(attacks) >= 70
    assert changed(attacks) == []


READS = [
    r"\UseName{%s}{secret}",
    r"\UseName{immediate}\UseName{%s} stream file{secret}",
    r"\csname %s\endcsname{secret}",
    r"\csname @@%s\endcsname secret",
    r"\begin{csname}%s\end{csname}",
    r"\ExpandArgs{c}\%s{secret}",
    r"\MHInternalSyntaxOn\use:c{%s}{secret}",
    r"\%s{secret}",
    r"\begin{%s}{secret}\end{%s}",
    r"\text{\%s secret}",
    r"\color{\%s{secret}}",
    r"\hspace{\dimexpr\%s secret}",
    r"^^5c%s{secret}",
    r"\^^5c%s{secret}",
    r"\alpha^^5c%s{secret}",
    r"\lowercase{\csname %s\endcsname}{secret}",
    r"\expandafter\string\%s{secret}",
    r"\begin{array}{@{\%s{secret}}c} x \end{array}",
    r"\tag{\%s{secret}} x",
    r"\label{\%s{secret}} x",
    r"\parbox{\%s{secret}}{x}",
    r"\char\%s secret",
]
PRIMITIVES = [
    "input",
    "openin",
    "read",
    "readline",
    "pdfobj",
    "pdfximage",
    "pdffiledump",
    "pdfmdfivesum",
    "pdfmapfile",
    "font",
    "special",
]


@pytest.mark.parametrize(("way", "primitive"), list(product(READS, PRIMITIVES)))
def test_no_formula_reaches_a_primitive_that_reads_files(way: str, primitive: str) -> None:
    formula = way.replace("%s", primitive)
    with pytest.raises(LatexError) as refused:
        sanitize.check_formula(formula)
    assert refused.value.reason == "not_allowed"
    with pytest.raises(LatexError):
        normalize(formula, NormalizerParams())
