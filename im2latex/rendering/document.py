r"""The TeX document of a batch of formulas: one formula on each page, on the pixel grid.

The preamble is compiled once to a format (`tex_format`); the body of a batch is only the formulas, between commands of
the preamble (`tex_macros`).

Every page has the same layout: the reference point of the formula is a whole number of pixels from the left and the
bottom of a fixed sheet, and the crop box of the page, in whole pixels, is placed around the formula. So no glyph moves
relative to the pixel grid when a package changes the paper size, or when an invisible part makes the box deeper.

Markers with a hash of the batch, which no formula of the batch can contain, separate the messages about each formula.
A formula that leaves a group or a box open ends the run, since its effect on later formulas is unknown. Each formula is
in a group of its own, around its box: one that error recovery of TeX moves out of the box assigns in that group only,
and ends the run where it leaves that too.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from im2latex.config import Params
from im2latex.errors import ParamsError
from im2latex.rendering import tex_macros
from im2latex.rendering.fonts import FONTS, FontSet
from im2latex.rendering.tex_macros import TexOutput

MathStyle = Literal["displaystyle", "textstyle", "scriptstyle"]
SymbolSizes = Literal["amsmath", "kernel"]
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
        default=1000, ge=2, le=4000, description="the same for formulas whose ink leaves that paper"
    )


class PageParams(Params):
    """The sheet on which formulas are laid out, and the largest formula that is accepted."""

    dpi: int = Field(default=200, ge=20, le=1200, description="pixels per inch")
    max_width_px: int = Field(default=4000, ge=1, description="widest formula, in pixels at dpi")
    max_height_px: int = Field(default=2000, ge=1, description="tallest formula, in pixels at dpi")


def packages(template: TemplateParams) -> tuple[str, ...]:
    """All packages that are loaded, in order: those of the template and those of its font set."""
    return template.packages + FONTS[template.fonts].packages


def preamble(template: TemplateParams, page: PageParams, output: TexOutput = "pdf") -> str:
    """The part of the document that is the same for all batches, up to and with \\begin{document}."""
    fonts = FONTS[template.fonts]
    loaded = _use_packages(template.packages)
    if template.sizes == "kernel":
        loaded = f"{tex_macros.SAVE_KERNEL}{loaded}{tex_macros.RESTORE_KERNEL}"
    loaded += f"{_use_packages(fonts.packages)}{fonts.code}"
    return (
        # The PDF must not contain when, where or under which name it was made.
        f"\\pdfoutput={int(output == 'pdf')} \\pdfinfoomitdate=1 \\pdftrailerid{{}} \\pdfsuppressptexinfo=-1\n"
        "\\pdfcompresslevel=0 \\pdfobjcompresslevel=0 \\pdfdecimaldigits=4 \\pdfminorversion=5\n"
        f"\\documentclass[{template.class_options}]{{{template.document_class}}}\n"
        f"{loaded}{tex_macros.DEFINITIONS if template.definitions else ''}{template.extra_preamble}\n"
        "\\nofiles\n\\begin{document}\n"
        f"{_page_setup(template, page, output)}"
    )


def body(formulas: Sequence[str], template: TemplateParams, margin_px: int) -> tuple[str, str]:
    """TeX source of a batch, and the mark that opens each of its messages; the margin is `max_margin_px` at most."""
    mark = "@" + hashlib.sha256("\0".join(formulas).encode("utf-8")).hexdigest()[:20]
    lines = [f"\\def\\formulamark{{{mark}}}\\formulamargin={margin_px} {tex_macros.GROUP}"]
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
        "@ROOM@": str(margin),
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
        "@NUMBER@": tex_macros.NUMBER if template.equation_number else "",
        "@SQUEEZE@": tex_macros.SQUEEZE.replace("@LINE@", template.line_width) if template.line_width else "",
    }
    text = tex_macros.PAGE_SETUP.replace("@SHIP@", tex_macros.SHIP[output].removeprefix("\n"))
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def _length(pixels: int, dpi: int) -> str:
    """A length of whole pixels in TeX's smallest unit."""
    return f"{round(pixels * SP_PER_INCH / dpi)}sp"
