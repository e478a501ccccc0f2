r"""The TeX document of a batch of formulas: one formula on each page, on the pixel grid.

The preamble is compiled once to a format (`tex_format`); the body of a batch is only the formulas, between commands of
the preamble.

Every page has the same layout: the reference point of the formula is a whole number of pixels from the left and the
bottom of a fixed sheet, and the crop box of the page, in whole pixels, is placed around the formula. So no glyph moves
relative to the pixel grid when a package changes the paper size, or when an invisible part makes the box deeper.

Markers with a hash of the batch, which no formula of the batch can contain, separate the messages about each formula.
A formula that leaves a group or a box open ends the run, since its effect on later formulas is unknown. Each formula is
in a group of its own, around its box: one that error recovery of TeX moves out of the box assigns in that group only,
and ends the run where it leaves that too.

Kernel sizes are those of a document that does not load amsmath. Normalized formulas use commands of amsmath, so that
the package is always loaded, but such a document looks different: large symbols stay at 10 points at every font size
(`omxcmex.fd`), `\big` to `\Bigg` are 8.5, 11.5, 14.5 and 17.5 points (`latex.ltx`), dots have no space before a closing
delimiter, accents on accents are not moved, and matrices have the spacing of plain TeX (The TeXbook, page 361). The
definitions are saved before the packages are loaded and restored afterwards, so that none is copied here.

Comments inside the TeX code are part of the preamble, whose hash identifies the images: to change one is to change the
identity of every image.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from im2latex.config import Params
from im2latex.errors import ParamsError
from im2latex.rendering.fonts import FONTS, FontSet

MathStyle = Literal["displaystyle", "textstyle", "scriptstyle"]
TexOutput = Literal["pdf", "dvi"]
SymbolSizes = Literal["amsmath", "latex"]
LINE_WIDTH = r"^[1-9][0-9]*pt$"
POINTS_PER_INCH = 72.27
SP_PER_INCH = round(POINTS_PER_INCH * 65536)
_BP_PER_INCH = 72
_LONGEST_POINTS = 16383


class TemplateParams(Params):
    """The document in which every formula is set."""

    document_class: str = Field(default="article", pattern=r"^[A-Za-z0-9-]+$", description="LaTeX document class")
    class_options: str = Field(default="12pt", pattern=r"^[A-Za-z0-9,=. -]*$", description="its options; the type size")
    packages: tuple[str, ...] = Field(
        default=("amsmath", "amssymb", "mathtools", "mathrsfs", "xcolor"),
        description="packages in order of loading, as name or [options]{name}",
    )
    fonts: FontSet = Field(default="computer-modern", description="letters and symbols, by packages loaded last")
    sizes: SymbolSizes = Field(
        default="amsmath",
        description="large symbols, \\big, dots and matrices as amsmath has them, or as LaTeX has them without it",
    )
    definitions: bool = Field(default=True, description="define frequent commands of packages that are not loaded")
    extra_preamble: str = Field(default="", description="TeX code after packages and definitions")
    math_style: MathStyle = Field(default="displaystyle", description="style of the formula")
    line_width: str | None = Field(
        default=None,
        pattern=LINE_WIDTH,
        description="wider formulas are squeezed to it, as TeX squeezes displays to the line; null for none",
    )
    equation_number: bool = Field(default=False, description="set a number in parentheses to the right of the formula")
    margin_px: int = Field(default=24, ge=2, le=400, description="margin around the box, for ink that leaves it")
    max_margin_px: int = Field(
        default=1000,
        ge=2,
        le=4000,
        description="margin of a second rendering, for formulas whose ink leaves the first page",
    )


class PageParams(Params):
    """The sheet on which formulas are laid out, and the largest formula that is accepted."""

    dpi: int = Field(default=200, ge=20, le=1200, description="pixels per inch")
    max_width_px: int = Field(default=4000, ge=1, description="widest formula, in pixels at dpi")
    max_height_px: int = Field(default=2000, ge=1, description="tallest formula, in pixels at dpi")


# Commands that raw formulas use often and that the default packages lack, mostly of packages that are not in Debian's
# recommended TeX Live; a package that is loaded has precedence. The exception is \bm, always \boldsymbol, since nested
# uses under the package bm exhaust the memory of TeX.
_DEFINITIONS = r"""
\let\bm\boldsymbol
\let\mathbold\boldsymbol
\providecommand\norm[1]{\lVert#1\rVert}
\providecommand\abs[1]{\lvert#1\rvert}
\providecommand\set[1]{\{#1\}}
\providecommand\bra[1]{\langle#1\rvert}
\providecommand\ket[1]{\lvert#1\rangle}
\providecommand\braket[1]{\langle#1\rangle}
\providecommand\Bra[1]{\left\langle#1\right\rvert}
\providecommand\Ket[1]{\left\lvert#1\right\rangle}
\providecommand\Braket[1]{\left\langle#1\right\rangle}
\providecommand\llbracket{\mathopen{[\mkern-3mu[}}
\providecommand\rrbracket{\mathclose{]\mkern-3mu]}}
\makeatletter
\providecommand\mathbbm[1]{%
  \ifnum\pdfstrcmp{\expandafter\zap@space\detokenize{#1} \@empty}{1}=0 \mathrm{1\mkern-4.5mul}\else\mathbb{#1}\fi}
\makeatother
\let\mathds\mathbbm
\let\varmathbb\mathbb
\let\EuFrak\mathfrak
\DeclareMathAlphabet\mathpzc{OT1}{pzc}{m}{it}
\providecommand\slashed[1]{\mathrlap{\,/}#1}
\providecommand\nicefrac[2]{{}^{#1}\mkern-2mu/\mkern-1mu{}_{#2}}
\providecommand\dd{\mathrm{d}}
\providecommand\argmax{\operatorname*{arg\,max}}
\providecommand\argmin{\operatorname*{arg\,min}}
\let\split\aligned \let\endsplit\endaligned
"""

_KERNEL_COMMANDS = (
    *("big", "Big", "bigg", "Bigg"),
    *("cdots", "dots", "colon", "bmod", "pmod"),
    *("acute", "bar", "breve", "check", "ddot", "dot", "grave", "hat", "mathring", "tilde", "vec"),
    *("widehat", "widetilde", "overbrace", "underbrace", "overleftarrow", "overrightarrow"),
    *("root", "r@@t", "hbar", "angle", "doteq", "rightleftharpoons"),
)

# A robust command is saved as its definition, since amsmath makes some robust once more at \begin{document}.
_SAVE_KERNEL = rf"""\makeatletter
\def\im@kernel{{{",".join(_KERNEL_COMMANDS)}}}
\@for\im@name:=\im@kernel\do{{%
  \ifcsname\im@name\space\endcsname\edef\im@robust{{\im@name\space}}\else\let\im@robust\im@name\fi
  \expandafter\let\csname im@\im@name\expandafter\endcsname\csname\im@robust\endcsname}}
\makeatother
"""
"""TeX code before the packages are loaded: saves the definitions of LaTeX itself (of its kernel)."""

_RESTORE_KERNEL = r"""\makeatletter
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
"""TeX code after amsmath and amsfonts, and before packages of fonts: restores them."""

# TeX packs a display that is wider than the line into a box of its width (The TeXbook, page 189); its glue shrinks.
_SQUEEZE = r"""  \ifdim\wd\formulabox>@LINE@ \setbox\formulabox\hbox to@LINE@{\unhbox\formulabox}\fi
"""

# The number, of one part or two, and its distance depend on the width of the formula, and so on no other formula.
_NUMBER = r"""  \def\im@part##1{\the\numexpr\wd\formulabox-##1*((\wd\formulabox-##1/2)/##1)\relax}%
  \setbox\formulabox\hbox{\unhcopy\formulabox\hskip\numexpr1+\im@part5\relax em
    (\ifodd\im@part7 \im@part9.\fi\im@part{43})}%
"""

# In PDF, a page has a crop box, and a color that an earlier formula left open is closed. In DVI, the rasterizer finds
# the ink, and colors start again on each page.
_SHIP: dict[TexOutput, str] = {
    "pdf": r"""
  \edef\im@crop{\pdfpageattr{/CropBox [\im@tobp{@MARGIN@-\formulamargin} \im@tobp{@BOTTOM@-\im@dp-\formulamargin}
    \im@tobp{@MARGIN@+\im@wd+\formulamargin} \im@tobp{@BOTTOM@+\im@ht+\formulamargin}]}}\im@crop
  \ht\formulabox=@RISE@ \dp\formulabox=0sp
  % A colour that an earlier formula failed to close is closed here.
  \setbox\formulabox\hbox{\pdfcolorstack0 set{0 g 0 G}\box\formulabox}%
""",
    "dvi": r"""
  \ht\formulabox=@RISE@ \dp\formulabox=0sp
""",
}

# The group around a formula. \stopformula has its meaning in this group only, and elsewhere ends the run. No brace
# closes a group of \begingroup, and a formula has no \endgroup (The TeXbook, chapter 23, and tex.web, 1064).
# A formula that changes the encoding of its fonts says so: such fonts may have no outlines, which pdfTeX finds only
# when it closes the PDF, without a word about the formula.
_GROUP = (
    r"\catcode`\@=11 \let\im@stop\stopformula\let\stopformula\im@lost"
    r"\def\openformula{\begingroup\advance\im@level 1 \let\stopformula\im@stop}"
    r"\let\im@update\@@enc@update\def\@@enc@update{\im@update\im@say{encoding}}\catcode`\@=12 "
)

# Names that the body of a batch needs are letters only, and `sanitize` refuses them in formulas; the others have an @,
# which is not a letter there. \pdfprimitive gives the primitives, since LaTeX redefines the plain names with hooks.
_PAGE_SETUP = r"""
\makeatletter
\pdfhorigin=@LEFT@ \pdfvorigin=0sp \hoffset=0sp \voffset=0sp
\pdfpageheight=@HEIGHT@ \pdfpagewidth=@WIDTH@
\hbadness=10000 \vbadness=10000 \hfuzz=\maxdimen \vfuzz=\maxdimen
\parindent=0pt \showboxbreadth=-1 \errorcontextlines=-1 \tracinglostchars=3
\time=0 \day=1 \month=1 \year=2000
% Math alphabets are numbered as they are first used, and the seventeenth is refused. The common ones get their numbers
% here, the same in every run; what is left is numbered anew by each formula. LaTeX forgets such a number at the end of
% mathematics inside a formula, as in \text and \boldsymbol, and sets in the wrong font: no common one may.
\@for\im@alphabet:=mathnormal,mathbf,mathsf,mathit,mathtt,mathfrak,mathscr\do{%
  \@ifundefined{\im@alphabet}{}{\setbox\z@\hbox{$\csname\im@alphabet\endcsname{X}$}}}%
\@ifundefined{c@localmathalphabets}{}{\c@localmathalphabets=16 }
\newbox\formulabox \newcount\formulamargin
\newcount\im@level \im@level=\currentgrouplevel
\newcount\im@wd \newcount\im@ht \newcount\im@dp
\def\formulamark{}
\def\im@say#1{\message{^^J\formulamark\space #1^^J}}
% Executed where it finds itself, inside whatever was left open; a fatal error is the one way out from everywhere.
\def\im@lost{\im@say{lost}\batchmode\read\m@ne to\im@never}
\def\im@guard{\ifnum\currentgrouplevel=\im@level \ifvmode\else\im@lost\fi \else\im@lost\fi}
\def\im@resetcounter#1{\@ifundefined{c@#1}{}{\global\csname c@#1\endcsname=0 }}
\def\startformula#1{%
  \im@guard
  % The end of a paragraph resets the number of errors, of which TeX bears a hundred.
  \setbox\z@=\vbox{\everypar{}\pdfprimitive\noindent\pdfprimitive\par}%
  \im@resetcounter{equation}\im@resetcounter{footnote}\im@resetcounter{mpfootnote}%
  \im@resetcounter{enumi}\im@resetcounter{parentequation}%
  \im@say{start #1}}
\def\stopformula{%
  \im@guard
@SQUEEZE@@NUMBER@  \im@wd=\numexpr\im@clip{\wd\formulabox}*@DPI@/@INCH@+1\relax
  \im@ht=\numexpr\im@clip{\ht\formulabox}*@DPI@/@INCH@+1\relax
  \im@dp=\numexpr\im@clip{\dp\formulabox}*@DPI@/@INCH@+1\relax
  \ifnum\im@wd>@MAXWIDTH@ \im@say{wide \the\im@wd}%
  \else\ifnum\numexpr\im@ht+\im@dp>@MAXHEIGHT@ \im@say{tall \the\numexpr\im@ht+\im@dp}%
  \else \im@ship \fi\fi}
\def\im@clip#1{\ifdim#1<\z@ 0\else\number#1\fi}
\def\im@ship{%
@SHIP@  \im@say{page \the\numexpr\im@wd+2*\formulamargin\relax\space \the\numexpr\im@ht+\im@dp+2*\formulamargin\relax}%
  \pdfprimitive\shipout\box\formulabox}
% Whole pixels as PostScript points with four decimals; \numexpr rounds where TeX's \divide would cut.
\def\im@tobp#1{\im@decimal{\numexpr(#1)*@BP@/@DPI@\relax}}
\def\im@decimal#1{\the\numexpr(#1-4999)/10000\relax.\expandafter\@gobble
  \number\numexpr 10000+#1-10000*((#1-4999)/10000)\relax}
\def\finishformulas{\im@guard\im@say{finish}\csname @@end\endcsname}
\makeatother
"""


def packages(template: TemplateParams) -> tuple[str, ...]:
    """All packages that are loaded, in order: those of the template and those of its font set."""
    return template.packages + FONTS[template.fonts].packages


def preamble(template: TemplateParams, page: PageParams, output: TexOutput = "pdf") -> str:
    """The part of the document that is the same for all batches, up to and with \\begin{document}."""
    fonts = FONTS[template.fonts]
    loaded = _use_packages(template.packages)
    if template.sizes == "latex":
        loaded = f"{_SAVE_KERNEL}{loaded}{_RESTORE_KERNEL}"
    loaded += f"{_use_packages(fonts.packages)}{fonts.code}"
    return (
        # The PDF must not contain when, where or under which name it was made.
        f"\\pdfoutput={int(output == 'pdf')} \\pdfinfoomitdate=1 \\pdftrailerid{{}} \\pdfsuppressptexinfo=-1\n"
        "\\pdfcompresslevel=0 \\pdfobjcompresslevel=0 \\pdfdecimaldigits=4 \\pdfminorversion=5\n"
        f"\\documentclass[{template.class_options}]{{{template.document_class}}}\n"
        f"{loaded}{_DEFINITIONS if template.definitions else ''}{template.extra_preamble}\n"
        "\\nofiles\n\\begin{document}\n"
        f"{_page_setup(template, page, output)}"
    )


def body(formulas: Sequence[str], template: TemplateParams, margin_px: int) -> tuple[str, str]:
    """TeX source of a batch, and the mark that opens each of its messages; the margin is `max_margin_px` at most."""
    mark = "@" + hashlib.sha256("\0".join(formulas).encode("utf-8")).hexdigest()[:20]
    lines = [f"\\def\\formulamark{{{mark}}}\\formulamargin={margin_px} {_GROUP}"]
    for number, formula in enumerate(formulas):
        # The formula is never the argument of a macro: TeX would then search later formulas for a missing brace.
        lines.append(f"\\startformula{{{number}}}\\openformula\\setbox\\formulabox\\hbox{{$\\{template.math_style}")
        lines.append(formula)
        lines.append("$}\\stopformula\\endgroup")
    lines.append("\\finishformulas")
    return "\n".join(lines) + "\n", mark


def _use_packages(names: Sequence[str]) -> str:
    """TeX code that loads packages."""
    return "".join(f"\\usepackage{name if name.startswith('[') else f'{{{name}}}'}\n" for name in names)


def _page_setup(template: TemplateParams, page: PageParams, output: TexOutput) -> str:
    """TeX code of sheet, counters and the commands around each formula; raises `ParamsError` for too large a sheet."""
    margin = template.max_margin_px
    longest_px = 2 * margin + max(page.max_width_px, 2 * page.max_height_px)
    if longest_px * POINTS_PER_INCH / page.dpi > _LONGEST_POINTS:
        most = int(_LONGEST_POINTS * page.dpi / POINTS_PER_INCH)
        raise ParamsError(
            f"2 * max_margin_px + max_width_px and 2 * max_margin_px + 2 * max_height_px may be {most} at {page.dpi} "
            f"dpi, the longest that TeX can measure; found {longest_px}: lower one of them"
        )
    bottom_px = page.max_height_px + margin
    above_px = page.max_height_px + margin
    names = {
        "@MARGIN@": str(margin),
        "@BOTTOM@": str(bottom_px),
        "@RISE@": _length(above_px, page.dpi),
        "@HEIGHT@": _length(bottom_px + above_px, page.dpi),
        "@WIDTH@": _length(page.max_width_px + 2 * margin, page.dpi),
        "@LEFT@": _length(margin, page.dpi),
        "@MAXWIDTH@": str(page.max_width_px),
        "@MAXHEIGHT@": str(page.max_height_px),
        "@DPI@": str(page.dpi),
        "@INCH@": str(SP_PER_INCH),
        "@BP@": str(_BP_PER_INCH * 10_000),
        "@NUMBER@": _NUMBER if template.equation_number else "",
        "@SQUEEZE@": _SQUEEZE.replace("@LINE@", template.line_width) if template.line_width else "",
    }
    text = _PAGE_SETUP.replace("@SHIP@", _SHIP[output].removeprefix("\n"))
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def _length(pixels: int, dpi: int) -> str:
    """A length of whole pixels in TeX's smallest unit."""
    return f"{round(pixels * SP_PER_INCH / dpi)}sp"
