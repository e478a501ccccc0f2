"""Verbatim text, and text similar to it."""

import random

import pytest

from tests.latex.papers.paper_formulas import formulas

MARKS = "|!+=/;"
DEFINED = [
    (r"\lstnewenvironment{code}[1][]{}{}", "code"),
    (r"\newminted{py}{}", "pycode"),
    (r"\newminted[code]{py}{}", "code"),
    (r"\DefineVerbatimEnvironment{code}{Verbatim}{fontsize=\small}", "code"),
    (r"\excludecomment{code}", "code"),
    (r"\newenvironment{code}{\verbatim}{\endverbatim}", "code"),
    (r"\newenvironment{code}[1]{\comment}{\endcomment}", "code"),
    (r"\newenvironment{code}{\VerbatimEnvironment\begin{minted}{py}}{\end{minted}}", "code"),
    *(("", name) for name in ("verbatim", "verbatim*", "Verbatim", "lstlisting", "comment", "alltt", "minted")),
]
COMMANDS = [
    ("", r"\verb"),
    ("", r"\verb*"),
    ("", r"\Verb"),
    ("", r"\lstinline"),
    ("", r"\lstinline[language=C,a={b]}]"),
    ("", r"\mintinline{py}"),
    ("", r"\mintinline[linenos]{py}"),
    ("", r"\mint{py}"),
    (r"\newmintinline{py}{}", r"\pyinline"),
    (r"\newmint[code]{py}{}", r"\code"),
    (r"\let\code\lstinline", r"\code"),
    (r"\newcommand{\code}{\lstinline[language=C]}", r"\code"),
    (r"\def\code{\verb}", r"\code"),
]
URLS = [r"\url", r"\nolinkurl", r"\path"]
JUNK = ["a$b", "$", "$$", r"\[", "%", "$x$ %", r"\begin{equation}"]


@pytest.mark.parametrize("seed", range(60))
def test_siblings_inline(seed: int) -> None:
    rng = random.Random(seed)
    definition, command = rng.choice(COMMANDS)
    junk, mark = rng.choice(JUNK), rng.choice(MARKS)
    code = f"{{{junk}}}" if rng.random() < 0.3 and "inline" in command else f"{mark}{junk}{mark}"
    assert formulas(f"{definition}\n$a$ {command}{code} and $x+y=14$\n% $n$\n$z$") == ["a", "x+y=14", "z"]


@pytest.mark.parametrize("seed", range(40))
def test_siblings_environments(seed: int) -> None:
    rng = random.Random(seed)
    definition, name = rng.choice(DEFINED)
    junk = "\n".join(rng.choices(JUNK, k=3))
    source = f"{definition}\n$a$\n\\begin{{{name}}}\n{junk}\n\\end{{{name}}}\n$x+y$"
    assert formulas(source) == ["a", "x+y"]


@pytest.mark.parametrize("seed", range(40))
def test_siblings_urls(seed: int) -> None:
    rng = random.Random(seed)
    address = rng.choice(["http://a.b/%7Ec", "a%b", "x$y", "http://a/%20$%", "a_b#c%"])
    use = rng.choice(
        [f"{rng.choice(URLS)}{{{address}}}", f"{rng.choice(URLS)}|{address}|", rf"\href{{{address}}}{{here}}"]
    )
    where = rng.choice(["{}", r"\footnote{{{}}}", "see {}."])
    assert formulas(f"$a$ {where.format(use)} and $x+y$ % $n$\n$z$") == ["a", "x+y", "z"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (r"\href{http://a/%20b}{see $y$} $x$", ["y", "x"]),
        (r"\MakeShortVerb{\|} |$| $x$", ["x"]),
        (r"\let\link\href\newcommand{\hr}{\href}\hr{http://a%20}{b $y$} \link{a%}{c} $x$", ["y", "x"]),
        (r"\MakeShortVerb{\|}|$| $x$\DeleteShortVerb{\|} $|y|$ and $|z|$", ["x", "|y|", "|z|"]),
        (r"\MakeShortVerb|$x$ |$| \DeleteShortVerb| $|y|$ \MakeShortVerb*\| |$| $z$", ["x", "|y|", "z"]),
        (r"$|y|$ and $|z|$\lstMakeShortInline[style=x]!!$! $x$ \lstDeleteShortInline! $n!$", ["|y|", "|z|", "x", "n!"]),
        (r"\newcommand{\code}[1]{\texttt{#1}}\code{of $a$} $x$", ["a", "x"]),
        (r"\renewcommand{\url}[1]{#1} $x$ % $n$", ["x"]),
        (r"50\% of $x$ \\% $y$", ["x"]),
        ("a\r% $n$\r$x$\r\\begin{verbatim}\r$n$\r\\end{verbatim}\r$y$", ["x", "y"]),
        (r"\includecomment{comment}\begin{comment}$x$\end{comment}", ["x"]),
    ],
)
def test_text_similar_to_verbatim(source: str, found: list[str]) -> None:
    assert formulas(source) == found
