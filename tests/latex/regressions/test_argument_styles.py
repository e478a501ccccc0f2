"""Math styles of arguments and cells: the size of text, and the position of limits."""

from collections.abc import Callable

import pytest

from im2latex.latex.parser import signatures
from im2latex.latex.parser.signatures import COMMANDS, ENVIRONMENTS
from im2latex.latex.tokens import split
from tests.latex.regressions.variants import Draw, assert_same

_PRINTED = sorted(
    name
    for name, kinds in COMMANDS.items()
    if set(kinds) & set("mofu") and "d" not in kinds and name not in {r"\multicolumn", r"\sideset", r"\skew"}
)
_NOT_LOADED = set(
    split(r"""\widecheck \cancel \bcancel \xcancel \mathsfit \mathbfcal \underaccent \widebar \mathpzc""")
)
_ONLY_LETTERS = set(split(r"""\mathcal \mathbb \mathfrak \mathscr \Bbb \frak \varmathbb \EuFrak \mathds \mathbbm"""))
_SPECIAL = set(
    split(r"""\operatorname \operatornamewithlimits \smashoperator \shortvdotswithin \shoveleft \shoveright
    \TextOrMath \uppercase \lowercase \MakeUppercase \MakeLowercase \oldstylenums \genfrac \ensuremath
    \sqrtsign""")
)
_COMMANDS = [name for name in _PRINTED if name not in _NOT_LOADED | _ONLY_LETTERS | _SPECIAL]
_RAW_ARGUMENTS = {r"\textcolor": "red", r"\mathcolor": "blue"}
_PROBES = [
    r"\mbox{ab}",
    r"\hbox{if x}",
    r"\text{ab}",
    r"\sum\nolimits_{i} x",
    r"\sum\limits_{i} x",
    r"\prod_{i} x",
    r"\operatorname{max}_x y",
    r"\operatorname*{lim}_x y",
    r"\operatorname*{log}_x y",
    r"\int\nolimits_a b",
    r"\lim\nolimits_x y",
]
_AROUND = ["{}", "{}", "{}", r"\frac{{{}}}{{2}}", "x_{{ {} }}", r"\textstyle {}", r"\dfrac{{1}}{{ {} }}"]


def _argument(draw: Draw) -> str:
    name = draw.choice(_COMMANDS)
    written = name
    for kind in COMMANDS[name]:
        if kind == "m" or kind == "f":
            written += f"{{{draw.choice(_PROBES)}}}"
        elif kind == "o" and draw.random() < 0.5:
            written += f"[{draw.choice(_PROBES)}]"
        elif kind == "r":
            written += f"{{{_RAW_ARGUMENTS[name]}}}"
    return draw.place(f"a {written} b", _AROUND)


def _with_style(draw: Draw) -> str:
    name = draw.choice(
        [r"\cramped", r"\mathclap", r"\mathllap", r"\mathrlap", r"\crampedclap", r"\crampedllap", r"\crampedrlap"]
    )
    style = draw.choice(sorted(signatures.STYLE_SWITCHES))
    return draw.place(f"a {name}[{style}]{{{draw.choice(_PROBES)}}} b", _AROUND)


def _generalized(draw: Draw) -> str:
    style = draw.choice(["", "0", "1", "2", "3"])
    return draw.place(
        rf"\genfrac{{(}}{{)}}{{}}{{{style}}}{{{draw.choice(_PROBES)}}}{{{draw.choice(_PROBES)}}}", _AROUND
    )


def _cell(draw: Draw) -> str:
    name = draw.choice(sorted(set(signatures.CELL_STYLES) & set(ENVIRONMENTS) - _OUTER))
    argument = {"array": "{c}", "alignedat": "{1}", "subarray": "{c}", "crampedsubarray": "{c}"}.get(name, "")
    table = rf"\begin{{{name}}}{argument} {draw.choice(_PROBES)} \\ {draw.choice(_PROBES)} \end{{{name}}}"
    return draw.place(table, ["a {}", "x_{{ {} }}", r"\frac{{ {} }}{{2}}"])


_OUTER = set(
    split(r"""align align* alignat alignat* flalign flalign* gather gather* multline multline* equation equation*
    displaymath math eqnarray eqnarray*""")
)


def _in_text(draw: Draw) -> str:
    name = draw.choice([*sorted(signatures.DISPLAYED_TEXTS), r"\mbox", r"\hbox", r"\fbox"])
    inside = f"${draw.choice(_PROBES[3:])}$"
    return draw.place(f"a {name}{{if {draw.choice([inside, f'{{{inside}}}'])}}}", _AROUND)


def _plain(draw: Draw) -> str:
    index, body = draw.choice(_PROBES), draw.choice(_PROBES)
    part = draw.choice(
        [rf"\root {index}\of{{{body}}}", rf"\buildrel {index}\over{{{body}}}", rf"\bordermatrix{{{body}\cr}}"]
    )
    return draw.place(part, _AROUND)


@pytest.mark.needs_tex
@pytest.mark.parametrize("kind", [_argument, _with_style, _generalized, _cell, _in_text, _plain])
def test_text_and_limits_stay_as_they_are_set(kind: Callable[[Draw], str]) -> None:
    assert_same(kind, count=120 if kind is _argument else 40)


def test_every_environment_has_a_style() -> None:
    assert ENVIRONMENTS.keys() - signatures.CELL_STYLES.keys() <= {
        "cases*",
        "dcases*",
        "rcases*",
        "drcases*",
        "spreadlines",
    }
    assert signatures.CELL_STYLES.keys() <= ENVIRONMENTS.keys() | {r"\bordermatrix"}


def test_styles_are_of_commands_with_as_many_arguments() -> None:
    for name, found in signatures.ARGUMENT_STYLES.items():
        assert len(found) >= sum(kind in "mohfu" for kind in COMMANDS[name]), name


def _infix_in_text(draw: Draw) -> str:
    infix = draw.choice([r"\over", r"\choose", r"\atop", r"\above 1pt", r"\brack"])
    first = draw.choice(["", r"\displaystyle ", r"\rm ", r"\textstyle "])
    inside = f"{first}{draw.body()} {infix} {draw.body()}"
    body = draw.choice([inside, inside, rf"{{{inside}}} + \sum\nolimits_i x", r"\sum\limits_i x"])
    text = draw.choice([r"\text", r"\textbf", r"\mbox", r"\emph"])
    around = draw.choice(["{}", "{}", r"\text{{so {}}}", r"\textit{{{}}}"])
    return draw.place(around.format(rf"{text}{{a ${body}$ b}}"), ["{} y", "x_{{ {} }}", r"\frac{{{}}}{{2}}"])


def test_infix_fractions_in_texts() -> None:
    assert_same(_infix_in_text, seed=41)
