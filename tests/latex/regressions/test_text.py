"""Text: accents, lengths, spaces, the space after a sentence, line breaks, empty formulas, switches."""

from itertools import product
from random import Random

import pytest

from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.symbols import TEXT_ACCENTS, unicode_commands
from tests.latex.regressions.same_image import assert_accepted

TEXTS = [r"\text", r"\mbox", r"\textbf", r"\textrm", r"\textit", r"\hbox", r"\underbar"]
PIECES = [
    "a",
    "etc. ",
    "Mr. X",
    "A. ",
    "what? ",
    "e.g.\\ ",
    "i.e.\\@ ",
    ": ",
    ", ",
    "(a.) ",
    "`b.' ",
    "``q.'' ",
    " -- ",
    "---",
    "fi",
    "f$$i",
    "$$",
    "$ $",
    "$x$",
    "$x$$y$",
    "$$$z$$$",
    r"\(w\)",
    r"\ ",
    "~",
    r"\space ",
    r"\space{}",
    r"\,",
    r"\quad ",
    r"\;",
    r"\hspace{1 cm}",
    r"\hspace*{ 2 mm}",
    r"\hskip 1 em plus 2pt x",
    r"\kern-2 pt",
    r"\kern 1pt 2",
    r"\emph{etc.} ",
    r"\textbf{\textit{a.} b}",
    r"\textbf a",
    r"{\bf x.} y",
    r"{\small x y}",
    r"\small ",
    r"\mbox{a.} b",
    r"\text{b. c}",
    r"\fbox{a.} ",
    r"\textcolor{red}{a.} b",
    r"{\color{blue}b. c}",
    r"\colorbox{yellow}{a b}",
    r"\raisebox{1 pt}{a. b} c",
    r"a \\ b",
    r"a\\* b",
    r"a \\[2pt] b",
    r"a~\\ b",
    "a %c\n  b",
    "a%\nb",
    "a\n b",
    "  b",
    r"\_",
    r"\&",
    r"\%",
    r"\#",
    r"\{ \}",
    r"\char65 7",
    r"\char`\V a",
    r"\char`f\char`i",
    r"\char123 4",
    r"\char'101",
    '\\char"41 B',
    r"\ldots\ x",
    r"\dots{} y",
    r"\ss x",
    r"\o{} y",
    r"\AE\ z",
    r"\L ",
    r"{}",
    "f{}i",
    r"\/",
    r"\-",
    r"\ensuremath{x^2}",
    r"\ensuremath x",
    r"\boxed{x y}",
    r"\underline{a. b} c",
    r"\phantom{a b}c",
    r"\rule{1 pt}{2 pt} a",
    r"\textsuperscript{a b}",
    "\u00a0x",
    r"\TeX\ x",
    "“q.” x",
    "‘r’ — s – t…",
    r"\textquotedblleft x",
    r"\big( a",
    r"\rlap{x y} z",
]


def _texts(seed: int, count: int) -> list[str]:
    random = Random(seed)
    single = [rf"x\text{{{piece}}}y" for piece in PIECES]
    several = ("".join(random.choices(PIECES, k=random.randint(2, 4))) for _ in range(count))
    return single + [rf"x{random.choice(TEXTS)}{{{text}}}{random.choice(['', 'y', '_i'])}" for text in several]


@pytest.mark.needs_tex
def test_texts_keep_their_spaces() -> None:
    assert_accepted(_texts(seed=0, count=300))


@pytest.mark.needs_tex
def test_accents_take_their_letter_however_it_is_written() -> None:
    letters = ["a", "o", "i", r"\i", "S", "{e}", r"{\i}", r"{\o}", "j", r"\j"]
    written = []
    for number, (accent, letter) in enumerate(product(TEXT_ACCENTS, letters)):
        space = ["", " ", "  "][number % 3] if not accent[1].isalpha() else " "
        written.append(rf"\text{{x{accent}{space}{letter} y\textbf{{{accent}{space}{letter}}}}}")
    assert_accepted([*written, r"\text{\t{oo} \t oo}", r"\text{Erd\H os, \v Cech, \c c}", r"\text{\'{}x \c{} y}"])


@pytest.mark.needs_tex
def test_letters_outside_ascii_are_what_their_commands_are() -> None:
    letters = list(unicode_commands())
    assert_accepted([rf"\text{{x{''.join(letters[at : at + 3])} y}}" for at in range(0, len(letters), 3)])


@pytest.mark.parametrize("spelling", ["é", r"\'e", r"\'{e}", r"\' e", r"\'  {e}"])
def test_one_spelling_of_a_letter(spelling: str) -> None:
    assert normalize(rf"\text{{caf{spelling}}}", NormalizerParams()) == r"\text{caf\'{e}}"


@pytest.mark.parametrize("dotless", ["í", r"\'i", r"\'\i", r"\'{\i}", r"\'{i}"])
def test_one_spelling_of_a_letter_without_its_dot(dotless: str) -> None:
    assert normalize(rf"\text{{{dotless}}}", NormalizerParams()) == r"\text{\'{\i}}"
