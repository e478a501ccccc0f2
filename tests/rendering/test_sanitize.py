import pytest

from im2latex.errors import LatexError
from im2latex.rendering import sanitize
from im2latex.rendering.document import TemplateParams
from im2latex.rendering.renderer import RenderParams

# Commands that reach files, define, assign beyond their group, change codes, build names, skip text, or act on the run.
HOSTILE = r"""
    \input{x} \include{x} \includegraphics{x} \openin1=x \openout1=x \read1 \write18{ls} \immediate \readline
    \special{x} \pdffiledump \pdfobj \catcode`\% \csname \def\x{\x}\x \gdef\x{} \edef\x{} \xdef\x{} \let\a\b
    \global \newcommand{\x}{} \renewcommand\x{} \DeclareMathOperator\x{x} \NewDocumentCommand \loop \setlength
    \directlua{x} \everypar{x} \everymath{} \makeatletter \scantokens{x} \iffalse \ifmmode \fi \aftergroup
    \message{x} \typeout{x} \shipout \stop \endinput \newpage \startformula \stopformula \openformula \fontdimen
    \setcounter{localmathalphabets}{0} \ExplSyntaxOn \tracingall \footnote{x} \usepackage{x} \UseName{input}
    \ExpandArgs{c}{input} \MHInternalSyntaxOn \tagcode\textfont3 \mintagsep \globalcolorstrue \definecolorset{rgb}
    \pagenumbering{Roman} \begingroup \endgroup \bgroup \egroup \setbox \box \meaning \string \the \expandafter \par
    \mathtoolsset{x} \usetagform{x} \usefont \fontfamily{x} \fontencoding{x} \numexpr \dimexpr \uccode
"""


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac{a}{b}",
        r"\{ a \} \% b % }} a comment",
        "a % {\n+ b",
        r"\begin{array}{cc} \text{if $x$} & \text{\(y\)} \end{array}",
        r"\left\{ \begin{cases} a \\[2pt] b \end{cases} \right.",
        r"a \iff b \newline \setminus \arraycolsep=1pt",
        r"{\begin{tiny} a \end{tiny} \aligned a & b \endaligned}",
        "a % \\input ^^5cinput {\n+ b",
        "a\r\n+ b\n",
        r"\operatorname*{ess\,sup} \$ \hline \mbox{é}",
    ],
)
def test_formulas_that_only_typeset_pass(formula: str) -> None:
    sanitize.check_formula(formula)


@pytest.mark.parametrize(
    ("formula", "reason", "position"),
    [
        ("", "empty", 0),
        (" \n", "empty", 0),
        ("a{b", "unbalanced", 3),
        ("a}b", "unbalanced", 1),
        ("{a % }", "unbalanced", 6),
        (r"{a \}", "unbalanced", 5),
        (r"\\}", "unbalanced", 2),
        (r"\begin{array}{c} a", "unbalanced", 18),
        (r"a \end{array}", "unbalanced", 2),
        (r"\begin{cases}\begin{split}\end{cases}\end{split}", "unbalanced", 26),
        (r"\begin{cases}{\end{cases}}", "unbalanced", 14),
        (r"a \end{document} b", "not_allowed", 2),
        (r"\begin{document}", "not_allowed", 0),
        (r"\begin{input}", "not_allowed", 0),
        (r"\begin{def*}", "not_allowed", 0),
        (r"\begin{alpha}", "not_allowed", 0),
        (r"\begin{array", "not_allowed", 0),
        (r"\begin\foo", "not_allowed", 0),
        ("$a$", "stray_math_shift", 0),
        (r"a \) \text{b} \( c", "stray_math_shift", 2),
        ("a\n\nb", "blank_line", 1),
        ("a\n \t\nb", "blank_line", 1),
        (r"a \par b", "not_allowed", 2),
        ("a\x00b", "control_character", 1),
        ("a\rb", "control_character", 1),
        ("a\ud800", "control_character", 1),
        ("^^5cinput", "not_allowed", 0),
    ],
)
def test_what_is_left_open_or_is_no_text_is_refused(formula: str, reason: str, position: int) -> None:
    with pytest.raises(LatexError) as caught:
        sanitize.check_formula(formula)
    assert (caught.value.reason, caught.value.position) == (reason, position)


@pytest.mark.parametrize("command", HOSTILE.split())
@pytest.mark.parametrize(
    "place",
    [
        "{%s}",
        r"\text{a %s}",
        r"\color{%s}",
        r"\textcolor[%s]{1,0,0}{x}",
        r"\hspace{%s}",
        r"\begin{array}{%s} a \end{array}",
        r"\char%s",
        r"\begin{aligned}[%s] a \end{aligned}",
    ],
)
def test_what_is_not_on_the_list_is_refused_at_any_position(command: str, place: str) -> None:
    source = place % command
    with pytest.raises(LatexError) as caught:
        sanitize.check_formula(source)
    assert caught.value.reason == "not_allowed"
    assert caught.value.position == place.index("%s")
    assert command.startswith(caught.value.detail)


def test_a_refusal_names_the_word_and_its_position() -> None:
    with pytest.raises(LatexError) as caught:
        sanitize.check_formula(r"a \def\x{}")
    assert caught.value.reason == "not_allowed"
    assert (caught.value.detail, caught.value.position) == ("\\def", 2)


def test_a_template_adds_its_packages_and_definitions() -> None:
    template = TemplateParams(
        packages=("amsmath", "[only,llceil]{stmaryrd}", "cancel,xfrac"),
        extra_preamble=r"""\newcommand{\R}{\mathbb{R}} \DeclareMathOperator{\tr}{tr} \def\shown#1{#1} \newif\ifshown
            \DeclareMathAlphabet\mathzapf{OT1}{pzc}{m}{it} \newenvironment{steps}{\begin{array}{l}}{\end{array}}""",
    )
    words = sanitize.template_commands(template)
    assert words >= {r"\llceil", r"\cancelto", r"\sfrac", r"\R", r"\tr", r"\shown", r"\mathzapf", "steps"}
    assert not words & {r"\ifshown", r"\newcommand", r"\def", r"\fint"}
    sanitize.check_formula(r"\begin{steps} \R \end{steps}", words)
    assert r"\qty" in RenderParams(commands=(r"\qty",)).extra_commands


def test_clean_keeps_the_formula_and_drops_the_lines_around_it() -> None:
    assert sanitize.clean("\n a\r\n+ b \n") == "a\n+ b"
