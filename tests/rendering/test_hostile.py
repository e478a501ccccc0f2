"""Formulas written to do harm: to the machine, to the clock, to their neighbours."""

from pathlib import Path

import numpy as np
import pytest

from im2latex.rendering import document, sanitize, tex_format
from im2latex.rendering.renderer import Rendering, RenderParams, TexRenderer
from im2latex.rendering.tex_process import TexLauncher
from im2latex.rendering.typesetter import Typesetter
from im2latex.sandbox.resource_limits import ProcessLimits

pytestmark = pytest.mark.needs_tex

SECRET = "canary7391"
# {0} is a file outside the working folder that holds SECRET; {1} is one that must not come to be.
FILES = [
    r"\input{{{0}}}",
    r"\input {0} ",
    r"\text{{\input{{{0}}}}}",
    r"\include{{{0}}}",
    r"\InputIfFileExists{{{0}}}{{}}{{}}",
    r"\openin5={0} \read5 to\x \x",
    r"\openin 15 {0} \readline15 to\x \text{{\x}}",
    r"\input{{../../../../../../../../{0}}}",
    r"\pdffiledump length 20 {{{0}}}",
    r"\text{{\pdffiledump offset 0 length 20 {{{0}}}}}",
    r"\pdfmdfivesum file {{{0}}}",
    r"\pdfobj stream file {{{0}}}",
    r"\pdfximage{{{0}}}\pdfrefximage\pdflastximage",
    r"\includegraphics{{{0}}}",
    r"\pdfmapfile{{{0}}}",
    r"\font\x={0} \x",
    r"\special{{psfile={0}}}",
    r"\immediate\write18{{cp {0} {1}}}",
    r"\write18{{touch {1}}}",
    r"\input{{|touch {1}}}",
    r"\input|'cat {0}'",
    r"\openin5='|cat {0}' \read5 to\x \x",
    r"\immediate\openout5={1} \immediate\write5{{x}}\immediate\closeout5",
    r"\openout5={1} \write5{{x}}\closeout5 ",
    r"\newwrite\x \immediate\openout\x={1} ",
    r"\immediate\openout5=../im2latex-escaped ",
    r"\begin{{filecontents}}{{{1}}}x\end{{filecontents}}",
    r"\usepackage{{{0}}}",
    r"\csname input\endcsname {0} ",
    r"\csname @@input\endcsname {0} ",
    r"\expandafter\csname in\string put\endcsname{{{0}}}",
    r"^^5cinput{{{0}}}",
    r"\inp^^75t{{{0}}}",
    r"\catcode`\|=0 |input{{{0}}}",
    r"\scantokens{{\input{{{0}}}}}",
    r"\lowercase{{\csname INPUT\endcsname}}{{{0}}}",
    r"\begin{{input}}{{{0}}}\end{{input}}",
    r"\let\x\input \x{{{0}}}",
    r"\everypar{{\input{{{0}}}}}\hbox{{x}}",
    r"\aftergroup\input\aftergroup{{{0}}}",
    r"\AtEndDocument{{\input{{{0}}}}}",
    r"\verbatiminput{{{0}}}",
    r"\UseName{{input}}{{{0}}}",
    r"\UseName{{immediate}}\UseName{{pdfobj}} stream file{{{0}}}",
    r"\UseName{{openin}}5={0} \UseName{{readline}}5to\x \text{{\texttt{{\meaning\x}}}}",
    r"\ExpandArgs{{c}}\input{{input}}{{{0}}}",
    r"\MHInternalSyntaxOn\use:c{{input}}{{{0}}}",
    r"\text{{\fontfamily{{{0}}}\selectfont x}}",
    r"\begin{{csname}}input\endcsname{{{0}}}\end{{csname}}",
    r"\^^69nput{{{0}}}",
]
ENDLESS = [
    r"\def\x{\x}\x",
    r"\def\x{x\x}\x",
    r"\def\x{{\x}}\x",
    r"\loop x\iftrue\repeat",
    r"\loop\hbox{\shipout\hbox{x}}\iftrue\repeat",
    r"\loop\immediate\write16{xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}\iftrue\repeat",
    r"\def\x#1{\x{#1#1}}\x{ab}",
    r"\edef\x{\noexpand\x\noexpand\x}\x",
    r"\everymath{$x$}\hbox{$x$}",
    r"\let\x=\par\def\par{\x\par}\hbox{\vbox{a\par}}",
]
NEIGHBOURS = [
    r"\gdef\alpha{\beta}",
    r"\global\let\alpha\beta",
    r"\xdef\alpha{x}",
    r"\globaldefs=1 \def\alpha{\beta}",
    r"\catcode`\a=13 a",
    r"\global\catcode`\\=12 ",
    r"\mathcode`\a=`\b a",
    r"\global\mathcode`\a=`\b a",
    r"\makeatletter\im@lost",
    r"\end{document}",
    r"\stop",
    r"\csname @@end\endcsname",
    r"\endinput",
    r"$}\stopformula\startformula{0}\setbox0\hbox{$x",
    r"x}}}}{{{{ x",
    r"}$\end{document}",
    r"{{{{{{",
    r"\begin{array}{c",
    r"\newcommand\alpha{\beta}",
    r"\renewcommand{\alpha}{\beta}",
    r"\batchmode",
    r"\errorstopmode",
    r"\message{@start 0}",
    r"\setcounter{equation}{7}",
    r"\fontdimen16\textfont2=99pt x",
    r"\mag=2000 x",
    r"\hoffset=99pt\pdfpagewidth=1pt x",
    r"\pdfcolorstack0 push{1 0 0 rg} x",
    "x\0y",
    "x\x1b[2Jy",
    "x\x7fy",
    "x^^00y",
    "a\n\nb",
    r"\rule{16000pt}{16000pt}",
    r"\hskip 16383pt\hskip 16383pt x",
    r"\verb|x",
    r"x % }",
    "x\ud800",
]
HEAVY = [
    r"\hbox to 20pt{\leaders\hbox to .005pt{$\sqrt{\sqrt{\sqrt{\sqrt{x}}}}$\hss}\hfill}",
    r"\hbox to 1pt{\leaders\hbox to .0001pt{\rule{1400pt}{600pt}\hss}\hfill}",
    r"\vbox to 20pt{\leaders\vbox to .01pt{\hrule height 9pt width 20pt\vss}\vfill}",
    r"\vbox to 2pt{\leaders\vbox to .0002pt{\hbox to 20pt{\leaders\hbox to .01pt{$x$\hss}\hfill}\vss}\vfill}",
    r"\hbox to 20pt{\leaders\hbox to 1sp{$x$\hss}\hfill}\hbox to 20pt{\leaders\hbox to 1sp{$x$\hss}\hfill}",
]
GOOD = [r"\alpha + \frac{a}{b}", r"x_1^2 \textcolor{red}{y}"]


def alike(first: Rendering, second: Rendering) -> bool:
    if first.pixels is None or second.pixels is None:
        return first == second
    return np.array_equal(first.pixels, second.pixels)


def aimed(folder: Path) -> tuple[list[str], Path]:
    """The attacks on files, at a secret in `folder` and at a file that is not there."""
    secret, trace = folder / "secret.tex", folder / "trace"
    secret.write_text(SECRET)
    return [text.format(secret, trace) for text in FILES], trace


def test_all_have_a_reason_and_none_touches_a_neighbour(tmp_path: Path) -> None:
    files, trace = aimed(tmp_path)
    hostile = [*files, *ENDLESS, *NEIGHBOURS, *HEAVY]
    assert len(hostile) >= 60
    renderer = TexRenderer(RenderParams(timeout_seconds=1, rasterizer="pdfium"))
    company = [formula for one in hostile for formula in (*GOOD, one)]
    drawn = renderer.render([*company, *GOOD])
    harmless = [one for one, rendering in zip(hostile, drawn[2::3], strict=False) if rendering.pixels is not None]
    assert harmless == [r"x % }"]  # the brace of a comment closes nothing
    expected = renderer.render(GOOD)
    neighbours = [rendering for number, rendering in enumerate(drawn) if number % 3 != 2 or number >= len(company)]
    assert all(alike(rendering, expected[number % 2]) for number, rendering in enumerate(neighbours))
    assert not trace.exists()


def test_the_list_refuses_all_that_names_a_file(tmp_path: Path) -> None:
    files, _ = aimed(tmp_path)
    accepted, refused = sanitize.partition(files)
    assert not accepted
    assert {error.reason for error in refused.values()} == {"not_allowed"}


def test_the_sandbox_holds_where_the_screening_would_not(tmp_path: Path) -> None:
    files, trace = aimed(tmp_path)
    template, limits = document.TemplateParams(), ProcessLimits(timeout_seconds=1, file_mb=8)
    preamble = tex_format.load(document.preamble(template, document.PageParams()))
    typesetter = Typesetter(template, TexLauncher(preamble, limits), limits.timeout_seconds)
    for text in files:
        for printed in typesetter.typeset([text.replace("\0", "")], template.margin_px):
            if printed.pdf is not None and printed.pdf.exists():
                assert SECRET.encode() not in printed.pdf.read_bytes()
                assert SECRET.encode().hex().upper().encode() not in printed.pdf.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.tex"]
    assert not trace.exists()
    assert not Path("/dev/shm/im2latex-escaped").exists()


@pytest.mark.parametrize("text", ENDLESS)
def test_what_never_ends_is_ended(text: str) -> None:
    template, limits = document.TemplateParams(), ProcessLimits(timeout_seconds=1, file_mb=8)
    preamble = tex_format.load(document.preamble(template, document.PageParams()))
    [printed] = Typesetter(template, TexLauncher(preamble, limits), limits.timeout_seconds).typeset(
        [text], template.margin_px
    )
    assert printed.results[0].reason is not None
