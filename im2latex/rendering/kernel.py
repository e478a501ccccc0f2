r"""LaTeX without amsmath: TeX code that keeps the kernel's definitions where amsmath and amsfonts have others.

Strings only. Normalized formulas use commands of amsmath, so that the package is always loaded; a document that did
without it looks otherwise all the same. Its large symbols stay at 10 points at every type size (`omxcmex.fd`), `\big`
to `\Bigg` are 8.5, 11.5, 14.5 and 17.5 points (`latex.ltx`), dots have no space before a closing delimiter, accents
on accents are not moved, and matrices have the spacing of plain TeX (The TeXbook, page 361). The definitions are put
aside before the packages are loaded and taken back afterwards, so that none is copied here.
"""

_NAMES = (
    *("big", "Big", "bigg", "Bigg"),
    *("cdots", "dots", "colon", "bmod", "pmod"),
    *("acute", "bar", "breve", "check", "ddot", "dot", "grave", "hat", "mathring", "tilde", "vec"),
    *("widehat", "widetilde", "overbrace", "underbrace", "overleftarrow", "overrightarrow"),
    *("root", "r@@t", "hbar", "angle", "doteq", "rightleftharpoons"),
)

# A robust command is kept as what it stands for, since amsmath makes some robust once more as the document begins.
KEEP = rf"""\makeatletter
\def\im@kernel{{{",".join(_NAMES)}}}
\@for\im@name:=\im@kernel\do{{%
  \ifcsname\im@name\space\endcsname\edef\im@robust{{\im@name\space}}\else\let\im@robust\im@name\fi
  \expandafter\let\csname im@\im@name\expandafter\endcsname\csname\im@robust\endcsname}}
\makeatother
"""
"""Code to run before the packages are loaded."""

RESTORE = r"""\makeatletter
\@for\im@name:=\im@kernel\do{%
  \expandafter\let\csname\im@name\expandafter\endcsname\csname im@\im@name\endcsname}
\let\ldots\dots % as in latex.ltx
\DeclareFontShape{OMX}{cmex}{m}{n}{<->sfixed*cmex10}{}
% What \multicolumn needs, as in \array.
\def\im@columns{\let\@acol\@arrayacol\let\@classz\@arrayclassz\let\@classiv\@arrayclassiv\setbox\@arstrutbox\hbox{}}
\def\env@matrix{\null\,\vcenter\bgroup\normalbaselines\m@th\Let@\restore@math@cr\default@tag
  \im@columns\ialign\bgroup\hfil$##$\hfil&&\quad\hfil$##$\hfil\crcr\mathstrut\crcr\noalign{\kern-\baselineskip}}
\def\endmatrix{\crcr\mathstrut\crcr\noalign{\kern-\baselineskip}\egroup\egroup\,}
\def\env@cases{\left\lbrace\,\vcenter\bgroup\normalbaselines\m@th\Let@\restore@math@cr\default@tag
  \im@columns\ialign\bgroup$##\hfil$&&\quad$##\hfil$\crcr}
\def\endcases{\crcr\egroup\egroup\right.}
\makeatother
"""
"""Code to run after amsmath and amsfonts, and before packages of fonts."""
