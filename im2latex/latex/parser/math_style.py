"""Math styles of TeX (display, text, script) inside arguments and table cells.

The style decides the size of text and the position of limits. Sources: fontmath.ltx and latex.ltx of LaTeX,
amsmath.sty, mathtools.sty, and the renderer's definitions for other packages (`rendering.document`). Commands that are
not listed keep the surrounding style, as a plain group does.
"""

from enum import IntEnum

from im2latex.latex.tokens import split


class MathStyle(IntEnum):
    """TeX's math styles, as far as the size of text depends on them."""

    DISPLAY = 0
    TEXT = 1
    SCRIPT = 2

    @property
    def in_fraction(self) -> "MathStyle":
        """Style of a numerator or denominator."""
        return MathStyle(min(self + 1, MathStyle.SCRIPT))


_D, _T, _S = MathStyle.DISPLAY, MathStyle.TEXT, MathStyle.SCRIPT

SWITCHES = {"\\displaystyle": _D, "\\textstyle": _T, "\\scriptstyle": _S, "\\scriptscriptstyle": _S}

NUMERATORS = frozenset(split(r"\frac \binom \genfrac"))
"""Commands whose arguments are one style smaller."""

GENFRAC = {"0": _T, "1": _S, "2": _S, "3": _S}
r"""Style of the whole fraction by the fourth argument of `\genfrac` (amsmath.sty, `\@mathstyle`)."""

_ARGUMENTS: dict[tuple[MathStyle | None, ...], str] = {
    (_D,): r"""\overbrace \underbrace \overbracket \underbracket \boxed \lefteqn \smashoperator \LaTeXoverbrace
        \LaTeXunderbrace""",
    (_D, _D, _D): r"\sideset",
    (_T, _T): r"\dfrac \dbinom \cfrac \splitfrac \splitdfrac",
    (_S, _S): r"""\tfrac \tbinom \nicefrac \xrightarrow \xleftarrow \xleftrightarrow \xRightarrow \xLeftarrow
        \xLeftrightarrow \xmapsto \xhookrightarrow \xhookleftarrow \xrightharpoonup \xrightharpoondown \xleftharpoonup
        \xleftharpoondown \xrightleftharpoons \xleftrightharpoons \xlongrightarrow \xlongleftarrow""",
    (_S,): r"\substack \crampedsubstack",
    (_S, None): r"\overset \underset \stackrel \underaccent \sqrt",
    (_S, _S, None): r"\overunderset \prescript",
    (_D, _T, _S, _S): r"\mathchoice",
    (_T,): r"\multicolumn \vdotswithin \shortvdotswithin",
}
ARGUMENTS = {name: styles for styles, names in _ARGUMENTS.items() for name in names.split()}
r"""Styles of the mathematical arguments; None for the surrounding style. The last entry belongs to the last argument.

`\overbrace`: `$\hfil\displaystyle{#1}\hfil$` (mathtools.sty); `\boxed`: `\fbox{\m@th$\displaystyle#1$}`; `\cfrac`:
`\displaystyle\frac`; `\splitfrac`: `\textstyle#1` (mathtools.sty); `\sideset`: `\@mathmeasure\z@\displaystyle`; arrows:
`\ext@arrow`; `\stackrel`, `\overset`: `\mathop{#2}\limits^{#1}`; `\prescript`: `\MT_prescript_inner:`.
"""

_CELLS = {
    _D: """dcases drcases aligned alignedat gathered multlined lgathered rgathered split align align* alignat alignat*
        flalign flalign* gather gather* multline multline* equation equation* displaymath""",
    _T: r"""array matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix matrix* pmatrix* bmatrix* Bmatrix* vmatrix* Vmatrix*
        cases rcases math eqnarray eqnarray* \bordermatrix""",
    _S: """smallmatrix psmallmatrix bsmallmatrix Bsmallmatrix vsmallmatrix Vsmallmatrix smallmatrix* psmallmatrix*
        bsmallmatrix* Bsmallmatrix* vsmallmatrix* Vsmallmatrix* subarray crampedsubarray""",
}
CELLS = {name: style for style, names in _CELLS.items() for name in names.split()}
r"""Style of an environment's cells: `$##$` in an array, `\displaystyle##` and `\scriptstyle##` elsewhere."""

DISPLAYED_TEXTS = frozenset(
    split(r"""\text \textrm \textbf \textit \textsf \texttt \textnormal \textup \textmd \textsc \textsl \emph""")
)
r"""Text commands whose `$` inherits the display style: `\text@` of amstext.sty sets `\everymath{\displaystyle}`."""
