"""Argument signatures and math styles of commands and environments, as data.

Sources of the signatures: the LaTeX2e reference, amsmath's user guide, and the documentation of amssymb, mathtools, bm
and xcolor. Commands neither here nor in symbols.txt are not mathematics for the normalizer; `allowed_commands` lists
what may be typeset.

The math style (display, text, script) of an argument or a cell decides the size of text and the position of limits.
Sources: fontmath.ltx and latex.ltx of LaTeX, amsmath.sty, mathtools.sty, and the renderer's definitions for other
packages (`rendering.document`). Commands that are not listed keep the surrounding style, as a plain group does.
"""

from enum import IntEnum

from im2latex.latex.tokens import split

KINDS = {
    "*": "a star, which becomes part of the name",
    "o": "optional mathematics in brackets",
    "b": "an optional raw word in brackets",
    "y": "an optional keyword in brackets, compared letter by letter, so that a space counts",
    "m": "mathematics",
    "f": "a math field of TeX; a single symbol that is not ordinary has no braces, since they would change the image",
    "h": "mathematics whose leading scripts belong to a nucleus of the macro",
    "u": "mathematics; a single symbol has no braces",
    "t": "text",
    "v": "text set as a paragraph",
    "x": r"vertically stacked boxes, each an \hbox",
    "l": "a length",
    "r": "a raw word: a colour, a label",
    "d": "one delimiter, without braces",
    "n": "a length without braces, as for TeX's primitives",
    "g": "the same with plus and minus",
    "k": "the lengths of a rule after their keywords, or nothing",
    "i": "an integer without braces",
    "c": "a column specification",
    "w": "a keyword in braces, like y; of environments",
    "q": "vertical space or a rule between rows",
}

_COMMANDS = {
    "m": r"""\hat \widehat \check \widecheck \tilde \widetilde \acute \grave \dot \ddot \dddot \ddddot \breve \bar \vec
        \mathring \Hat \Check \Tilde \Acute \Grave \Dot \Ddot \Breve \Bar \Vec \overline \underline \overbrace
        \underbrace \overrightarrow \overleftarrow \overleftrightarrow \underrightarrow \underleftarrow
        \underleftrightarrow \mathrm \mathbf \mathit \mathsf \mathtt \mathcal \mathbb \mathfrak \mathscr \mathnormal
        \mathds \mathbbm \mathpzc \mathbfcal \mathsfit \bm \boldsymbol \pmb \bold \Bbb \frak
        \boxed \phantom \hphantom \vphantom \substack \crampedsubstack \ensuremath \LaTeXoverbrace \LaTeXunderbrace
        \pmod \pod \mod \cancel \bcancel \xcancel \slashed \lefteqn \widebar \mathmbox \vdotswithin
        \sqrtsign \oldstylenums \norm \abs \set \bra \ket \braket \Bra \Ket \Braket \varmathbb \EuFrak \mathbold
        \operatornamewithlimits \MakeUppercase \MakeLowercase \uppercase \lowercase""",
    "f": r"\mathord \mathop \mathbin \mathrel \mathopen \mathclose \mathpunct \mathinner",
    "mm": r"""\frac \dfrac \tfrac \binom \dbinom \tbinom \overset \underset \stackrel \underaccent \nicefrac
        \splitfrac \splitdfrac""",
    "hhu": r"\sideset",
    "om": r"""\sqrt \xrightarrow \xleftarrow \xleftrightarrow \xRightarrow \xLeftarrow \xLeftrightarrow \xmapsto
        \xhookrightarrow \xhookleftarrow \xrightharpoonup \xrightharpoondown \xleftharpoonup \xleftharpoondown
        \xrightleftharpoons \xleftrightharpoons \xlongrightarrow \xlongleftarrow""",
    "ym": r"""\smash \cramped \smashoperator \mathclap \mathllap \mathrlap \crampedclap \crampedllap \crampedrlap""",
    "ymm": r"\cfrac",
    "mmm": r"\prescript \overunderset",
    "mmmm": r"\mathchoice",
    "rrrrmm": r"\genfrac",
    "*m": r"\operatorname \shortvdotswithin",
    "t": r"""\text \textrm \textbf \textit \textsf \texttt \textnormal \textup \textmd \textsc \textsl \emph \mbox \hbox
        \fbox \textcircled \reflectbox \intertext \shortintertext \textsuperscript \textsubscript \rlap \llap \clap
        \frame \centerline \leftline \rightline \underbar \textcommabelow""",
    "tm": r"\TextOrMath",
    "*l": r"\hspace \vspace",
    "l": r"\mspace \extracolsep",
    "x": r"\vcenter",
    "bll": r"\rule",
    "bbm": r"\underbracket \overbracket",
    "bym": r"\mathmakebox",
    "byt": r"\makebox \framebox",
    "yt": r"\shortstack",
    "lbbt": r"\raisebox",
    "ybylv": r"\parbox",
    "br": r"\color \hdotsfor \xmathstrut",
    "*r": r"\tag",
    "b": r"\MoveEqLeft \allowdisplaybreaks \nopagebreak",
    "bm": r"\shoveleft \shoveright",
    "*b": r"\ArrowBetweenLines",
    "q": r"\noalign",
    "r": r"\label \cline \ref \eqref \cite \leftroot \uproot \MultiIntegral",
    "rr": r"\fontsize",
    "rrm": r"\skew",
    "brm": r"\textcolor \mathcolor",
    "brt": r"\colorbox",
    "brrt": r"\fcolorbox",
    "rcm": r"\multicolumn",
    "i": r"\mathchar \char \mathaccent \delimiter \radical",
    "n": r"\kern \mkern \raise \lower \above",
    "g": r"\hskip \mskip",
    "k": r"\vrule",
    "ddn": r"\abovewithdelims",
    "dd": r"\overwithdelims \atopwithdelims",
    "d": r"\middle \big \Big \bigg \Bigg \bigl \Bigl \biggl \Biggl \bigr \Bigr \biggr \Biggr \bigm \Bigm \biggm \Biggm",
}
COMMANDS = {name: kinds for kinds, names in _COMMANDS.items() for name in names.split()}

_ENVIRONMENTS = {
    "": """matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix psmallmatrix bsmallmatrix Bsmallmatrix
        vsmallmatrix Vsmallmatrix cases dcases rcases drcases cases* dcases* rcases* drcases* split align align*
        flalign flalign* gather gather* multline multline* eqnarray eqnarray* equation equation* displaymath
        math""",
    "p": """aligned gathered multlined lgathered rgathered matrix* pmatrix* bmatrix* Bmatrix* vmatrix* Vmatrix*
        smallmatrix* psmallmatrix* bsmallmatrix* Bsmallmatrix* vsmallmatrix* Vsmallmatrix*""",
    "pc": "array",
    "pr": "alignedat",
    "r": "alignat alignat*",
    "w": "subarray crampedsubarray",
    "l": "spreadlines",
}
ENVIRONMENTS = {name: kinds for kinds, names in _ENVIRONMENTS.items() for name in names.split()}
"""Like COMMANDS, with `p` for an optional placement such as `[t]`: see `cursor.read_placement`."""

TEXT_COLUMNS = {"cases*": "dcases", "dcases*": "dcases", "rcases*": "rcases", "drcases*": "drcases"}
r"""Environments whose second column is text, and those that print the same with `\mbox` there.

See `\newcases` in mathtools.sty. The first column of `cases*` is in text style; `cases` itself has other distances.
"""

UNDELIMITED_BY = {"\\buildrel": "\\over", "\\root": "\\of"}
r"""Plain TeX's commands whose first argument ends at a control sequence: `\root n \of x`."""

BORDERED = "\\bordermatrix"
PLAIN_TABLES = {"\\matrix": "matrix", "\\pmatrix": "pmatrix", "\\cases": "cases", BORDERED: BORDERED}
r"""Plain TeX's tables, whose rows are in an argument and end in `\cr`; all but the last are amsmath environments."""

PLAIN_CODES = frozenset(split(r"\operatorname \operatorname* \operatornamewithlimits"))
r"""Commands in whose argument `'`, `*`, `-`, `.`, `/`, `:` print themselves (amsopn.sty, \newmcodes@)."""

MATH_IN_TEXT = frozenset(split(r"\ensuremath \boxed"))
"""Commands whose argument is mathematics also in text; the arguments of all others are text there."""

BRACKET_AFTER_SPACE = frozenset(split("array eqnarray eqnarray*"))
r"""Environments whose `\\` accepts its `[length]` after spaces, as LaTeX's `\@ifnextchar` does.

`\\` of amsmath and mathtools uses `\new@ifnextchar`, which a space ends: `\math@cr@` in amsmath.sty; in the matrices
and `cases`, which are arrays, `\env@matrix` and `\env@cases` redefine `\@ifnextchar`. No `\\` accepts a star after
spaces: amsgen.sty defines `\@ifstar` by `\new@ifnextchar`.
"""
NO_SPACE_BEFORE_BRACKET = frozenset(
    split("matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix matrix* pmatrix* bmatrix* Bmatrix* vmatrix* Vmatrix* cases")
)
r"""Environments that redefine `\@ifnextchar` so for all of their content: no option follows a space there."""
UNITS = "pt|mm|cm|in|ex|em|bp|pc|dd|cc|sp|px|mu"
WRITTEN_UNIT = rf"(?:true)?(?:{UNITS})"
"""Units of lengths as normalized formulas have them."""
MAX_DEPTH = 40
"""Largest nesting depth of braces, environments, fences and arguments."""
SUBARRAYS = frozenset(split(r"\substack \crampedsubstack"))
r"""Commands in whose argument `\\` is amsmath's."""

INFIX = frozenset(split(r"\over \atop \choose \brack \brace \above \overwithdelims \atopwithdelims \abovewithdelims"))
FONT_SWITCHES = {
    "\\rm": "\\mathrm",
    "\\bf": "\\mathbf",
    "\\it": "\\mathit",
    "\\sf": "\\mathsf",
    "\\tt": "\\mathtt",
    "\\cal": "\\mathcal",
    "\\mit": "\\mathnormal",
}
LETTER_FONTS = frozenset(FONT_SWITCHES.values())
BOLD = frozenset(split(r"\boldsymbol \bm \pmb \mathbf \bold \mathbold \mathbfcal \textbf"))
"""Commands for bold letters."""
TEXT_SWITCHES = frozenset(
    split(r"""\tiny \scriptsize \footnotesize \small \normalsize \large \Large \LARGE \huge \Huge \rmfamily \sffamily
    \ttfamily \bfseries \mdseries \itshape \slshape \scshape \upshape \em \sc \sl \normalfont \boldmath""")
)
"""Switches that do not change mathematics but the following text."""


class MathStyle(IntEnum):
    """TeX's math styles, as far as the size of text depends on them."""

    DISPLAY = 0
    TEXT = 1
    SCRIPT = 2

    @property
    def in_fraction(self) -> "MathStyle":
        """Style of a numerator or denominator."""
        return _IN_FRACTION[self]


_IN_FRACTION = (MathStyle.TEXT, MathStyle.SCRIPT, MathStyle.SCRIPT)
_D, _T, _S = MathStyle.DISPLAY, MathStyle.TEXT, MathStyle.SCRIPT
STYLE_SWITCHES = {"\\displaystyle": _D, "\\textstyle": _T, "\\scriptstyle": _S, "\\scriptscriptstyle": _S}
SPACES = frozenset(
    split(r"""\, \: \; \! \> ~ \quad \qquad \enspace \enskip \thinspace \medspace \thickspace \negthinspace \negmedspace
    \negthickspace \space \nobreakspace \hfill \hfil""")
)
CONTROL_SPACE = "\\nobreakspace"
r"""How `\ ` is written in a token: it prints the same and contains no space."""
SPACE_COMMANDS = frozenset(split(r"\hspace \hspace* \mspace \hskip \kern \mkern \mskip \vspace \vspace*"))

TEXT_ONLY = frozenset(
    split(r"""\' \` \" \^ \~ \= \. \c \d \b \t \H \k \r \u \v \- \/ \@ \TeX \LaTeX \AA \AE \L \O \OE \SS \aa \ae \dh \i
    \ij \IJ \j \l \o \oe \ss \th \copyright \bfseries \em \itshape \mdseries \rmfamily \scshape \sffamily \slshape
    \ttfamily \upshape""")
)
"""Accents, letters and switches that are valid in text and not in mathematics."""
NO_NUCLEUS = SPACES | INFIX | STYLE_SWITCHES.keys() | FONT_SWITCHES.keys() | {"\\\\"}
"""Commands that create no atom, so that a following script has an empty nucleus."""
DELIMITERS = frozenset("()[]<>|/.") | frozenset(
    split(r"""\{ \} \| \lbrace \rbrace \lbrack \rbrack \langle \rangle \lvert \rvert \lVert \rVert \vert \Vert \lceil
    \rceil \lfloor \rfloor \lgroup \rgroup \lmoustache \rmoustache \ulcorner \urcorner \llcorner \lrcorner \uparrow
    \downarrow \updownarrow \Uparrow \Downarrow \Updownarrow \backslash \arrowvert \Arrowvert \bracevert""")
)
r"""Delimiters of `\left` and `\big`: all symbols with a delimiter code (The TeXbook, appendix F; amssymb's manual)."""

SMALLER_ARGUMENTS = frozenset(split(r"\frac \binom \genfrac"))
"""Commands whose arguments are one style smaller."""

GENFRAC_STYLES = {"0": _T, "1": _S, "2": _S, "3": _S}
r"""Style of the whole fraction by the fourth argument of `\genfrac` (amsmath.sty, `\@mathstyle`)."""

_ARGUMENT_STYLES: dict[tuple[MathStyle | None, ...], str] = {
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
ARGUMENT_STYLES = {name: styles for styles, names in _ARGUMENT_STYLES.items() for name in names.split()}
r"""Styles of the mathematical arguments; None for the surrounding style. The last entry belongs to the last argument.

`\overbrace`: `$\hfil\displaystyle{#1}\hfil$` (mathtools.sty); `\boxed`: `\fbox{\m@th$\displaystyle#1$}`; `\cfrac`:
`\displaystyle\frac`; `\splitfrac`: `\textstyle#1` (mathtools.sty); `\sideset`: `\@mathmeasure\z@\displaystyle`; arrows:
`\ext@arrow`; `\stackrel`, `\overset`: `\mathop{#2}\limits^{#1}`; `\prescript`: `\MT_prescript_inner:`.
"""

_CELL_STYLES = {
    _D: """dcases drcases aligned alignedat gathered multlined lgathered rgathered split align align* alignat alignat*
        flalign flalign* gather gather* multline multline* equation equation* displaymath""",
    _T: r"""array matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix matrix* pmatrix* bmatrix* Bmatrix* vmatrix* Vmatrix*
        cases rcases math eqnarray eqnarray* \bordermatrix""",
    _S: """smallmatrix psmallmatrix bsmallmatrix Bsmallmatrix vsmallmatrix Vsmallmatrix smallmatrix* psmallmatrix*
        bsmallmatrix* Bsmallmatrix* vsmallmatrix* Vsmallmatrix* subarray crampedsubarray""",
}
CELL_STYLES = {name: style for style, names in _CELL_STYLES.items() for name in names.split()}
r"""Style of an environment's cells: `$##$` in an array, `\displaystyle##` and `\scriptstyle##` elsewhere."""

DISPLAYED_TEXTS = frozenset(
    split(r"""\text \textrm \textbf \textit \textsf \texttt \textnormal \textup \textmd \textsc \textsl \emph""")
)
r"""Text commands whose `$` inherits the display style: `\text@` of amstext.sty sets `\everymath{\displaystyle}`."""
