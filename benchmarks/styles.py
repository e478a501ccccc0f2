"""Contact sheet of a few formulas in every style of a parameter file: python -m benchmarks.styles FILE -o SHEET.png

reads   FILE           parameters with render.styles, such as recipes/styles/all.yaml
writes  SHEET.png      a row for each style, a column for each formula, as the data set holds the images
"""

from pathlib import Path
from typing import Annotated

import typer
from PIL import Image, ImageDraw

from im2latex.config import check, load_yaml
from im2latex.images.arrays import PAPER, ImageParams, to_dataset_image
from im2latex.rendering.renderer import RenderParams
from im2latex.rendering.styles import RenderStyle, StylesParams, all_styles, create_renderer

FORMULAS = (
    r"\Bigl( \sum _ { n = 1 } ^ { \infty } a _ { n } e ^ { - i k \cdot x } \Bigr) = \frac { \psi ^ { 2 } } { 2 }",
    r"\int _ { 0 } ^ { \pi } \hat { f } ( \theta ) \, d \theta \leq \sqrt { \beta _ { 1 } ^ { \prime 2 } + \hbar }",
    r"\mathbf { B } \, \boldsymbol { \alpha } \neq B \alpha \in \mathcal { L } ( \mathbb { R } , \mathfrak { g } )",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix} \text { if } g ( x , \ldots , z ) > 0",
)
_NAME_PX, _GAP_PX = 130, 10


def main(
    file: Annotated[Path, typer.Argument(help="parameters with render.styles")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the PNG to write")] = Path("sheet.png"),
) -> None:
    """Draw the sheet; print what could not be drawn."""
    render = load_yaml(file)["render"]
    styles = all_styles(
        check(render.get("renderer", {}), RenderParams, "render.renderer"),
        check(render["styles"], StylesParams, "render.styles"),
    )
    rows = [_row(style) for style in styles]
    columns = [max(row[place].width for row in rows) + _GAP_PX for place in range(len(FORMULAS))]
    heights = [max(image.height for image in row) + _GAP_PX for row in rows]
    sheet = Image.new("L", (_NAME_PX + sum(columns), sum(heights)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for line, (style, row) in enumerate(zip(styles, rows, strict=True)):
        top = sum(heights[:line])
        pen.text((4, top + heights[line] // 2 - 6), style.name, fill=0)
        for place, image in enumerate(row):
            sheet.paste(image, (_NAME_PX + sum(columns[:place]), top))
    sheet.save(out)


def _row(style: RenderStyle) -> list[Image.Image]:
    """The formulas in one style; an empty image for one that is not drawn."""
    image = style.image_params(ImageParams())
    images = []
    for formula, drawn in zip(FORMULAS, create_renderer(style.renderer).render(FORMULAS), strict=True):
        if drawn.pixels is None:
            print(f"{style.name}: {drawn.reason} {drawn.detail}: {formula}")
            images.append(Image.new("L", (1, 1), PAPER))
        else:
            images.append(Image.fromarray(to_dataset_image(drawn.pixels, image)))
    return images


if __name__ == "__main__":
    typer.run(main)
