r"""What each command and environment takes, as data.

Sources: the LaTeX2e reference, amsmath's user guide, and the documentation of amssymb, mathtools, bm and xcolor. What
is listed neither here nor in symbols.txt is no mathematics to the normalizer; `allowed` says what may be typeset.
"""

from im2latex.latex.tokens import split

KINDS = {
    "*": "a star, which joins the name",
    "o": "optional mathematics in brackets",
    "b": "an optional raw word in brackets",
    "y": "an optional keyword in brackets, which the macro compares letter by letter: a space counts",
    "m": "mathematics",
    "f": "a math field of TeX: a lone symbol that is not ordinary stands without braces, since they would be seen",
    "h": "mathematics whose leading scripts hang on what the macro puts before it",
    "u": "mathematics, a lone symbol without braces",
    "t": "text",
    "v": "text that is set as a paragraph",
    "x": r"boxes under each other, each an \hbox",
    "l": "a length",
    "r": "a raw word: a colour, a label",
    "d": "one delimiter, without braces",
    "n": "a length without braces, as TeX's primitives take it",
    "g": "the same with plus and minus",
    "k": "the lengths of a rule behind their keywords, or nothing",
    "i": "an integer without braces",
    "c": "a column specification",
    "w": "a keyword in braces, as y; of an environment",
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
"""As COMMANDS, with `p` for an optional placement such as `[t]`: see `options`."""

TEXT_COLUMNS = {"cases*": "dcases", "dcases*": "dcases", "rcases*": "rcases", "drcases*": "drcases"}
r"""Environments whose second column is text, and those that print the same with `\mbox` there.

See `\newcases` in mathtools.sty. The first column of `cases*` is in text style; `cases` itself has other distances.
"""

UNDELIMITED_BY = {"\\buildrel": "\\over", "\\root": "\\of"}
r"""Plain TeX's commands whose first argument ends at a control sequence: `\root n \of x`."""

BORDERED = "\\bordermatrix"
PLAIN_TABLES = {"\\matrix": "matrix", "\\pmatrix": "pmatrix", "\\cases": "cases", BORDERED: BORDERED}
r"""Plain TeX's tables, whose rows stand in an argument and end in `\cr`; all but the last are amsmath environments."""

PLAIN_CODES = frozenset(split(r"\operatorname \operatorname* \operatornamewithlimits"))
r"""Commands in whose argument `'`, `*`, `-`, `.`, `/`, `:` are the characters themselves (amsopn.sty, \newmcodes@)."""

MATH_IN_TEXT = frozenset(split(r"\ensuremath \boxed"))
"""Commands whose argument is mathematics in text too; all others take text there."""

BRACKET_AFTER_SPACE = frozenset(split("array eqnarray eqnarray*"))
r"""Environments whose `\\` finds its `[length]` behind spaces, as LaTeX's `\@ifnextchar` does.

`\\` of amsmath's and mathtools' asks `\new@ifnextchar`, which a space ends: `\math@cr@` in amsmath.sty; in the matrices
and `cases`, which are arrays, `\env@matrix` and `\env@cases` put it in the place of the other. A star is found behind
spaces by none: amsgen.sty defines `\@ifstar` by `\new@ifnextchar`.
"""
NO_SPACE_BEFORE_BRACKET = frozenset(
    split("matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix matrix* pmatrix* bmatrix* Bmatrix* vmatrix* Vmatrix* cases")
)
r"""Environments that redefine `\@ifnextchar` so, for all that is inside them: no option stands behind a space there."""
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
TEXT_SWITCHES = frozenset(
    split(r"""\tiny \scriptsize \footnotesize \small \normalsize \large \Large \LARGE \huge \Huge \rmfamily \sffamily
    \ttfamily \bfseries \mdseries \itshape \slshape \scshape \upshape \em \sc \sl \normalfont \boldmath""")
)
"""Switches that do nothing to mathematics but change the text behind them."""
STYLE_SWITCHES = frozenset(split(r"\displaystyle \textstyle \scriptstyle \scriptscriptstyle"))
SPACES = frozenset(
    split(r"""\, \: \; \! \> ~ \quad \qquad \enspace \enskip \thinspace \medspace \thickspace \negthinspace \negmedspace
    \negthickspace \space \nobreakspace \hfill \hfil""")
)
CONTROL_SPACE = "\\nobreakspace"
r"""How `\ ` is written in a token: it prints the same, and holds no space."""
SPACE_COMMANDS = frozenset(split(r"\hspace \hspace* \mspace \hskip \kern \mkern \mskip \vspace \vspace*"))

TEXT_ONLY = frozenset(
    split(r"""\' \` \" \^ \~ \= \. \c \d \b \t \H \k \r \u \v \- \/ \@ \TeX \LaTeX \AA \AE \L \O \OE \SS \aa \ae \dh \i
    \ij \IJ \j \l \o \oe \ss \th \copyright \bfseries \em \itshape \mdseries \rmfamily \scshape \sffamily \slshape
    \ttfamily \upshape""")
)
"""Accents, letters and switches that LaTeX knows in text and refuses in mathematics."""
NO_NUCLEUS = SPACES | INFIX | STYLE_SWITCHES | FONT_SWITCHES.keys() | {"\\\\"}
"""What makes no atom, so that a script behind it hangs on nothing."""
DELIMITERS = frozenset("()[]<>|/.") | frozenset(
    split(r"""\{ \} \| \lbrace \rbrace \lbrack \rbrack \langle \rangle \lvert \rvert \lVert \rVert \vert \Vert \lceil
    \rceil \lfloor \rfloor \lgroup \rgroup \lmoustache \rmoustache \ulcorner \urcorner \llcorner \lrcorner \uparrow
    \downarrow \updownarrow \Uparrow \Downarrow \Updownarrow \backslash \arrowvert \Arrowvert \bracevert""")
)
r"""What `\left` and `\big` take: whatever has a delimiter code (The TeXbook, appendix F; the manual of amssymb)."""
