"""Displays in user macros and user environments, in all the ways in which papers define them."""

import random

import pytest

from tests.latex.papers.paper_formulas import formulas, notes

INNER = {"align": "aligned", "gather": "gathered", "multline": "multlined", "flalign": "aligned"}
ENVIRONMENTS = [
    "equation",
    "displaymath",
    "equation*",
    "align",
    "align*",
    "gather",
    "multline",
    "eqnarray",
    "eqnarray*",
]


def expected(environment: str, body: str) -> str:
    """The formula that a display with this body becomes, without spaces."""
    name = environment.rstrip("*")
    if name == "eqnarray":
        return rf"\begin{{array}}{{rcl}}{body}\end{{array}}"
    return rf"\begin{{{INNER[name]}}}{body}\end{{{INNER[name]}}}" if name in INNER else body


def written(rng: random.Random, environment: str, body: str) -> tuple[str, str]:
    """A definition, and a use of it that prints one display."""
    option = rng.choice(["", "", "[lab]", " [lab]", "[{a]b}]"])
    space = rng.choice(["", " ", "\n", "  %c$\n"])
    begin, end = rf"\begin{{{environment}}}", rf"\end{{{environment}}}"
    ways = [
        (rf"\newcommand{{\beq}}[1][]{{{begin}}}\newcommand{{\eeq}}{{{end}}}", rf"\beq{option}{space} {body}\eeq"),
        (rf"\newcommand*\beq{{{begin}}}\newcommand*\eeq{{{end}}}", rf"\beq{space} {body}\eeq"),
        (rf"\def\beq{{{begin}}}\def\eeq{{{end}}}", rf"\beq{space} {body}\eeq"),
        (rf"\newcommand{{\beq}}[2][x]{{{begin}\label{{#2}}}}\def\eeq{{{end}}}", rf"\beq{option}{{l}}{space}{body}\eeq"),
        (rf"\def\beq#1\eeq{{{begin}#1{end}}}", rf"\beq{space} {body}\eeq"),
        (rf"\def\beq[#1]#2\eeq{{{begin}#2\label{{#1}}{end}}}", rf"\beq[q]{space}{body}\eeq"),
        (rf"\long\def\beq#1{{{begin}#1{end}}}", rf"\beq{{{space}{body}}}"),
        (rf"\newcommand{{\beq}}[2][]{{{begin}#2{end}}}", rf"\beq{option}{{{body}}}"),
        (rf"\newenvironment{{eqn}}{{{begin}}}{{{end}}}", rf"\begin{{eqn}}{space} {body}\end{{eqn}}"),
        (rf"\newenvironment{{eqn}}[1][]{{{begin}}}{{{end}}}", rf"\begin{{eqn}}{option}{space} {body}\end{{eqn}}"),
        (rf"\newenvironment{{eqn}}[2][]{{{begin}}}{{{end}}}", rf"\begin{{eqn}}{option}{{k}}{space}{body}\end{{eqn}}"),
        (rf"\NewEnviron{{eqn}}{{{begin}\BODY{end}}}", rf"\begin{{eqn}}{space} {body} \end{{eqn}}"),
        (rf"\NewEnviron{{eqn}}[1][d]{{{begin}\BODY\label{{#1}}{end}}}", rf"\begin{{eqn}}{option}{body}\end{{eqn}}"),
        (
            rf"\NewDocumentEnvironment{{eqn}}{{O{{}} +b}}{{{begin}#2{end}}}{{}}",
            rf"\begin{{eqn}}{option}{body}\end{{eqn}}",
        ),
        (rf"\NewDocumentEnvironment{{eqn}}{{o}}{{{begin}}}{{{end}}}", rf"\begin{{eqn}}{option} {body}\end{{eqn}}"),
        (
            rf"\NewDocumentEnvironment{{eqn}}{{m}}{{{begin}}}{{\label{{#1}}{end}}}",
            rf"\begin{{eqn}}{{l}}{body}\end{{eqn}}",
        ),
        (
            r"\newcommand{\b}[1]{\begin{#1}}\newcommand{\e}[1]{\end{#1}}",
            rf"\b{{{environment}}}{body}\e{{{environment}}}",
        ),
        (
            rf"\newenvironment{{in}}{{{begin}}}{{{end}}}\newenvironment{{out}}{{\begin{{in}}}}{{\end{{in}}}}",
            rf"\begin{{out}}{body}\end{{out}}",
        ),
        (
            rf"\newenvironment{{in}}{{{begin}}}{{{end}}}\newenvironment{{out}}{{\in}}{{\endin}}",
            rf"\begin{{out}}{body}\end{{out}}",
        ),
        (
            rf"\newenvironment{{eqn}}{{\csname {environment}\endcsname}}{{\csname end{environment}\endcsname}}",
            rf"\begin{{eqn}}{body}\end{{eqn}}",
        ),
    ]
    if not environment.endswith("*"):
        begin, end = rf"\{environment}", rf"\end{environment}"
        ways += [
            (rf"\newenvironment{{eqn}}{{{begin}}}{{{end}}}", rf"\begin{{eqn}}{space} {body}\end{{eqn}}"),
            (rf"\def\beq{{{begin}}}\def\eeq{{{end}}}", rf"\beq{space} {body}\eeq"),
            (rf"\let\beq{begin}\let\eeq={end}", rf"\beq{space} {body}\eeq"),
            (
                rf"\let\old{begin}\let\endold{end}\renewenvironment{{{environment}}}{{\old}}{{\endold}}",
                rf"\begin{{{environment}}}{body}\end{{{environment}}}",
            ),
        ]
    return rng.choice(ways)


@pytest.mark.parametrize("seed", range(120))
def test_siblings(seed: int) -> None:
    rng = random.Random(seed)
    environment = rng.choice(ENVIRONMENTS)
    body = (
        rng.choice(["a+b=1", r"a&=\frac{1}{2}", r"\text{if $x$}+{b}", "x_{1}"]) if environment != "equation" else "a+b"
    )
    definition, use = written(rng, environment, body)
    body = "".join(body.split())
    assert formulas(rf"{definition} $s$ {use} text $y+z$.") == ["s", expected(environment, body), "y+z"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (r"\newenvironment{q}{\[}{\]}\begin{q}a=1\end{q}$b$", ["a=1", "b"]),
        (r"\def\[{\begin{equation}}\def\]{\end{equation}}\[a=1\]$b$", ["a=1", "b"]),
        (r"\newcommand\bq{$$}\newcommand\eq{$$}\bq a=1\eq $b$", ["a=1", "b"]),
        (r"\newcommand\m{$}\def\n{ b$ and }$x$ \m a\m $b$ \m c\n $d$", ["x", "a", "b", "cb", "d"]),
        (r"\NewEnviron{hidden}{}\begin{hidden}$a$\end{hidden}$b$", ["b"]),
        (
            r"\NewEnviron{q}{\begin{align}\BODY\end{align}}[$c$]\begin{q}a\end{q}$b$",
            [r"\begin{aligned}a\end{aligned}", "c", "b"],
        ),
        (r"\newcommand{\both}{$a$ and \[b\]}\both $c$", ["a", "b", "c"]),
        (r"\newcommand{\gone}[1]{}\gone{$a$}\newcommand{\second}[2]{#2}\second{$a$}{$b$}", ["b"]),
        (r"\newcommand{\author}[1]{\gdef\theauthor{#1}}\author{of $a$}$b$", ["a", "b"]),
        (
            r"\begin{numcases}{f=} a & if $x$ \\ b & else\end{numcases}$y$",
            [r"f=\begin{dcases}a&\text{if$x$}\\b&\text{else}\end{dcases}", "y"],
        ),
        (
            r"\begin{empheq}[left=\empheqlbrace, box=\fbox]{align*} a&=1 \end{empheq}",
            [r"\left\{\begin{aligned}a&=1\end{aligned}\right."],
        ),
        (
            r"\NewDocumentEnvironment{q}{s}{\IfBooleanTF{#1}{\begin{equation*}}{\begin{equation}}}"
            r"{\IfBooleanTF{#1}{\end{equation*}}{\end{equation}}}\begin{q}a\end{q}\begin{q}*b\end{q}$z$",
            ["a", "b", "z"],
        ),
        (r"\newcommand{\eqn}{equation}\begin{\eqn}a\end{ \eqn }$z$", ["a", "z"]),
        (r"\begin{empheq}{alignat=2} a&=1 \end{empheq}", [r"\begin{alignedat}{2}a&=1\end{alignedat}"]),
        (r"\begin{dgroup}\begin{dmath}[label={q}] a \end{dmath}\begin{dmath*}b\end{dmath*}\end{dgroup}", ["a", "b"]),
    ],
)
def test_other_ways(source: str, found: list[str]) -> None:
    assert formulas(source) == found


@pytest.mark.parametrize("box", [r"\mbox", r"\text", r"\hbox", r"\textrm", r"\tag", r"\intertext"])
@pytest.mark.parametrize("opener", [("$$", "$$"), (r"\[", r"\]"), (r"\begin{equation}", r"\end{equation}"), ("$", "$")])
@pytest.mark.parametrize("inside", ["$x$$y$", "$$", "if $x$$y$ or {$z$$w$}"])
def test_dollars_in_a_box_belong_to_the_formula(box: str, opener: tuple[str, str], inside: str) -> None:
    source = rf"{opener[0]} a {box}{{{inside}}} = 13 {opener[1]} and $v$ and $w$"
    kept = "" if box == r"\tag" else f"{box}{{{inside}}}"
    display = "!text_between_rows" if box == r"\intertext" else "".join(f"a{kept}=13".split())
    assert formulas(source) == [display, "v", "w"]


def test_what_is_left_out_is_counted() -> None:
    for drawing in ("tikzpicture", "pgfpicture", "pspicture", "pspicture*"):
        assert notes(rf"\begin{{{drawing}}}\node{{$a$}};\end{{{drawing}}}$b$") == {"drawing_not_read": 1}
    assert formulas(r"\[ a \begin{picture}(1,1) \end{picture} \]") == ["!no_formula"]
    assert notes(r"\begin{equation} a") == {"unclosed_display": 1}
    assert notes(r"$$ a $ b") == {"unclosed_display": 1, "unclosed_inline": 1}
