r"""What each command and environment takes, as data.

Sources: the LaTeX2e reference, amsmath's user guide, and the documentation of amssymb, mathtools, bm and xcolor. A
command that is not listed takes nothing; one that nobody defined takes the brace groups that follow it, as they are.
"""

from im2latex.latex.tokens import split

KINDS = {
    "*": "a star, which joins the name",
    "o": "optional mathematics in brackets",
    "b": "an optional raw word in brackets",
    "m": "mathematics",
    "t": "text",
    "l": "a length",
    "r": "a raw word: a colour, a label",
    "d": "one delimiter, without braces",
    "n": "a length without braces, as TeX's primitives take it",
    "i": "an integer without braces",
    "c": "a column specification",
}

_COMMANDS = {
    "m": r"""\hat \widehat \check \widecheck \tilde \widetilde \acute \grave \dot \ddot \dddot \ddddot \breve \bar \vec
        \mathring \Hat \Check \Tilde \Acute \Grave \Dot \Ddot \Breve \Bar \Vec \overline \underline \overbrace
        \underbrace \overrightarrow \overleftarrow \overleftrightarrow \underrightarrow \underleftarrow
        \underleftrightarrow \mathrm \mathbf \mathit \mathsf \mathtt \mathcal \mathbb \mathfrak \mathscr \mathnormal
        \mathds \mathbbm \mathpzc \mathbfcal \mathsfit \bm \boldsymbol \pmb \bold \Bbb \frak \mathord \mathop \mathbin
        \mathrel \mathopen \mathclose \mathpunct \mathinner \boxed \phantom \hphantom \vphantom \substack \ensuremath
        \pmod \pod \mod \cancel \bcancel \xcancel \mathclap \mathllap \mathrlap \slashed \lefteqn \widebar""",
    "mm": r"\frac \dfrac \tfrac \binom \dbinom \tbinom \overset \underset \stackrel \sideset \underaccent",
    "om": r"""\sqrt \smash \xrightarrow \xleftarrow \xleftrightarrow \xRightarrow \xLeftarrow \xLeftrightarrow \xmapsto
        \xhookrightarrow \xhookleftarrow \xrightharpoonup \xrightharpoondown \xleftharpoonup \xleftharpoondown""",
    "omm": r"\cfrac",
    "mmm": r"\prescript",
    "mmmm": r"\mathchoice",
    "rrrrmm": r"\genfrac",
    "*m": r"\operatorname",
    "t": r"""\text \textrm \textbf \textit \textsf \texttt \textnormal \textup \textmd \textsc \textsl \emph \mbox \hbox
        \fbox \textcircled \reflectbox \intertext \shortintertext \textsuperscript \textsubscript""",
    "*l": r"\hspace \vspace",
    "l": r"\mspace",
    "bll": r"\rule",
    "lt": r"\raisebox",
    "*r": r"\tag",
    "r": r"\label \cline \ref \eqref \cite",
    "br": r"\color",
    "brm": r"\textcolor",
    "brt": r"\colorbox",
    "rcm": r"\multicolumn",
    "i": r"\mathchar \char \mathaccent \delimiter \radical",
    "n": r"\hskip \kern \mkern \mskip \raise \lower \above",
    "ddn": r"\abovewithdelims",
    "dd": r"\overwithdelims \atopwithdelims",
    "d": r"\middle \big \Big \bigg \Bigg \bigl \Bigl \biggl \Biggl \bigr \Bigr \biggr \Biggr \bigm \Bigm \biggm \Biggm",
}
COMMANDS = {name: kinds for kinds, names in _COMMANDS.items() for name in names.split()}

_ENVIRONMENTS = {
    "p": """aligned gathered multlined matrix* pmatrix* bmatrix* Bmatrix* vmatrix* Vmatrix*""",
    "pc": "array",
    "pr": "alignedat",
    "r": "alignat alignat*",
    "c": "subarray",
}
ENVIRONMENTS = {name: kinds for kinds, names in _ENVIRONMENTS.items() for name in names.split()}
"""As COMMANDS, with `p` for an optional placement such as `[t]`."""

BRACKET_AFTER_SPACE = frozenset(
    ["array", "matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "matrix*", "pmatrix*", "bmatrix*", "Bmatrix*", "vmatrix*", "Vmatrix*", "cases", "dcases", "rcases", "drcases", "eqnarray", "eqnarray*"]
)
r"""Environments whose `\\` finds its `[length]` behind spaces; in those of amsmath a space ends the search."""

FORBIDDEN = frozenset(
    [r"\def", r"\gdef", r"\edef", r"\xdef", r"\let", r"\futurelet", r"\newcommand", r"\renewcommand", r"\providecommand", r"\DeclareMathOperator", r"\DeclareRobustCommand", r"\DeclarePairedDelimiter", r"\newenvironment", r"\renewenvironment", r"\newtheorem", r"\newcount", r"\newdimen", r"\newif", r"\newbox", r"\newtoks", r"\newread", r"\newwrite", r"\input", r"\include", r"\openin", r"\openout", r"\read", r"\write", r"\closein", r"\closeout", r"\immediate", r"\special", r"\csname", r"\endcsname", r"\expandafter", r"\catcode", r"\mathcode", r"\lccode", r"\uccode", r"\afterassignment", r"\aftergroup", r"\loop", r"\repeat", r"\usepackage", r"\documentclass", r"\RequirePackage", r"\begingroup", r"\endgroup", r"\bgroup", r"\egroup", r"\verb", r"\halign", r"\valign", r"\vbox", r"\vtop", r"\vcenter", r"\setbox", r"\box", r"\copy", r"\everymath", r"\everydisplay", r"\global", r"\long", r"\outer", r"\protected", r"\noexpand", r"\advance", r"\multiply", r"\divide", r"\message", r"\errmessage", r"\end", r"\begin", r"\par", r"\shipout", r"\output", r"\dump", r"\batchmode", r"\jobname", r"\mathchardef", r"\chardef", r"\countdef", r"\dimendef", r"\skipdef", r"\toksdef", r"\muskipdef", r"\setlength", r"\addtolength", r"\setcounter", r"\addtocounter", r"\includegraphics", r"\pdfliteral", r"\directlua", r"\newlength", r"\scantokens", r"\ifx", r"\ifnum", r"\ifdim", r"\ifcase", r"\if", r"\fi", r"\else", r"\ifmmode", r"\iffalse", r"\iftrue"]
)
"""Definitions, assignments, files, conditionals and boxes: programs, not formulas."""

INFIX = frozenset([r"\over", r"\atop", r"\choose", r"\brack", r"\brace", r"\above", r"\overwithdelims", r"\atopwithdelims", r"\abovewithdelims"])
FONT_SWITCHES = {
    "\\rm": "\\mathrm",
    "\\bf": "\\mathbf",
    "\\it": "\\mathit",
    "\\sf": "\\mathsf",
    "\\tt": "\\mathtt",
    "\\cal": "\\mathcal",
    "\\mit": "\\mathnormal",
}
STYLE_SWITCHES = frozenset([r"\displaystyle", r"\textstyle", r"\scriptstyle", r"\scriptscriptstyle"])
SPACES = frozenset(
    [r"\,", r"\:", r"\;", r"\!", r"\>", r"~", r"\quad", r"\qquad", r"\enspace", r"\enskip", r"\thinspace", r"\medspace", r"\thickspace", r"\negthinspace", r"\negmedspace", r"\negthickspace", r"\space", r"\nobreakspace", r"\hfill", r"\hfil"]
) | {"\\ ", "\\\n", "\\\t"}
SPACE_COMMANDS = frozenset([r"\hspace", r"\hspace*", r"\mspace", r"\hskip", r"\kern", r"\mkern", r"\mskip", r"\vspace", r"\vspace*"])
