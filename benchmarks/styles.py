"""Contact sheet of a few formulas in every style of a parameter file: python -m benchmarks.styles FILE -o SHEET.png

reads   FILE           parameters with render.styles, such as recipes/styles/all.yaml
writes  SHEET.png      images of the dataset, a row for each style, a column for each formula
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
    out: Annotated[Path, typer.Option("-o", "--out", help="PNG to write")] = Path("sheet.png"),
) -> None:
    """Write the sheet; print formulas that do not render."""
    render = load_yaml(file)["render"]
    styles = all_styles(
        check(render.get("renderer", {}), RenderParams, "render.renderer"),
        check(render["styles"], StylesParams, "render.styles"),
    )
    rows = [_row(style) for style in styles]
    widths = [max(row[column].width for row in rows) + _GAP_PX for column in range(len(FORMULAS))]
    heights = [max(image.height for image in row) + _GAP_PX for row in rows]
    sheet = Image.new("L", (_NAME_PX + sum(widths), sum(heights)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for line, (style, row) in enumerate(zip(styles, rows, strict=True)):
        top = sum(heights[:line])
        draw.text((4, top + heights[line] // 2 - 6), style.name, fill=0)
        for column, image in enumerate(row):
            sheet.paste(image, (_NAME_PX + sum(widths[:column]), top))
    sheet.save(out)


def _row(style: RenderStyle) -> list[Image.Image]:
    """The formulas in one style; an empty image for one that does not render."""
    image = style.image_params(ImageParams())
    images = []
    for formula, rendering in zip(FORMULAS, create_renderer(style.renderer).render(FORMULAS), strict=True):
        if rendering.pixels is None:
            print(f"{style.name}: {rendering.reason} {rendering.detail}: {formula}")
            images.append(Image.new("L", (1, 1), PAPER))
        else:
            images.append(Image.fromarray(to_dataset_image(rendering.pixels, image)))
    return images


if __name__ == "__main__":
    typer.run(main)
