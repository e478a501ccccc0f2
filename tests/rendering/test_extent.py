import pytest

from im2latex.rendering import document, extent, texformat
from im2latex.rendering.process import LimitParams
from im2latex.rendering.texrun import Fresh
from im2latex.rendering.typesetter import Typesetter

# With whether ink lies more than 24 px, which is 8.7 pt, outside the box.
FORMULAS = {
    r"\frac{\int f}{\mathcal{Y}}": False,
    r"\rlap{x}": False,
    r"\rlap{$x+y$}": True,
    r"\rlap{\hspace{30pt}\rule{9pt}{1pt}}": True,
    r"\hspace{-20pt}x": True,
    r"\smash{\raise 40pt\hbox{$\sqrt{x}$}}": True,
    r"\smash{\lower 40pt\hbox{x}}": True,
    r"\rlap{\hspace{30pt}}": False,
}


@pytest.mark.needs_tex
def test_ink_outside_the_page_is_seen() -> None:
    template = document.TemplateParams()
    preamble = texformat.load(document.preamble(template, document.PageParams()))
    for printed in Typesetter(template, Fresh(preamble, LimitParams()), 3).typeset(list(FORMULAS), 24):
        assert printed.pdf is not None
        expected = {number + 1 for number, outside in enumerate(FORMULAS.values()) if outside}
        assert extent.overflowing(printed.pdf, range(1, len(FORMULAS) + 1)) == expected
