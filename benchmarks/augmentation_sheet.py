"""Contact sheet of augmented training images: python -m benchmarks.augmentation_sheet --help

reads   params.yaml, section render
writes  a PNG with one row for each augmentation
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from im2latex.config import load_section
from im2latex.images.arrays import PAPER, encode_png
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.renderer import TexRenderer
from im2latex.training.augmentation import AugmentationParams, augment
from pipeline.project_renderer import RenderStageParams

FORMULAS = (
    r"\frac{ \partial ^{2} \psi }{ \partial x _{i} ^{2} } = \sum _{n = 1} ^{\infty} a _{n} e ^{- i k _{n} \cdot x}",
    r"\int _{0} ^{\pi} \hat{f} ( \theta ) \, d \theta \leq \sqrt{ \alpha ^{2} + \beta _{1} ^{\prime 2} }",
)
NEUTRAL = {"contrast": 0.0, "brightness": 0.0, "noise": 0.0}
ROWS: tuple[tuple[str, dict[str, float]], ...] = (
    ("none", {}),
    ("scale 0.25", {"scale": 0.25}),
    ("shift 8", {"shift": 8}),
    ("rotation 2", {"rotation": 2}),
    ("padding 16", {"padding": 16}),
    ("stroke 0.3", {"stroke": 0.3}),
    ("resolution 0.6", {"resolution": 0.6}),
    ("blur 1", {"blur": 1}),
    ("gamma 0.5", {"gamma": 0.5}),
    ("contrast 0.2", {"contrast": 0.2}),
    ("brightness 0.05", {"brightness": 0.05}),
    ("noise 0.02", {"noise": 0.02}),
    ("slivers 1", {"slivers": 1}),
    ("rule 1", {"rule": 1}),
    ("box 1", {"box": 1}),
    ("highlight 1", {"highlight": 1}),
    ("keystone 0.3", {"keystone": 0.3}),
    ("shadow 0.4", {"shadow": 0.4}),
    ("jpeg 0.9", {"jpeg": 0.9}),
    (
        "all",
        {
            "scale": 0.25,
            "shift": 4,
            "rotation": 1,
            "padding": 16,
            "stroke": 0.3,
            "resolution": 0.4,
            "blur": 0.5,
            "gamma": 0.3,
            "contrast": 0.2,
            "brightness": 0.05,
            "noise": 0.02,
        },
    ),
)
COLUMNS = 4
_MARGIN_PX = 12
_GAP_PX = 4


def main(
    out: Annotated[Path, typer.Option("-o", "--out", help="PNG to write")] = Path("sheet.png"), seed: int = 0
) -> None:
    """Write the contact sheet."""
    out.write_bytes(encode_png(contact_sheet(load_section("render", RenderStageParams), seed)))


def contact_sheet(render: RenderStageParams, seed: int) -> NDArray[np.uint8]:
    """The sheet (H, W): a row for each of ROWS, with each formula COLUMNS times, framed.

    Prints the names of the rows from the top.
    """
    pages = _pages(render)
    rows = []
    for number, (name, strengths) in enumerate(ROWS):
        print(f"{number + 1:2} {name}")
        params = AugmentationParams.model_validate(NEUTRAL | strengths)
        augmented = augment(pages.repeat(COLUMNS, 1, 1, 1), params, torch.Generator().manual_seed(seed))
        framed = [_frame(page[0].round().to(torch.uint8).numpy()) for page in augmented]
        rows.append(np.concatenate(framed, axis=1))
    width = max(row.shape[1] for row in rows)
    return np.concatenate(
        [np.pad(row, ((0, _GAP_PX), (0, width - row.shape[1])), constant_values=PAPER) for row in rows]
    )


def _pages(render: RenderStageParams) -> torch.Tensor:
    """The formulas as images of the dataset, each centred on a page of the same size."""
    renderings = render_dataset_images(TexRenderer(render.renderer), FORMULAS, render.image)
    images = [rendering.pixels for rendering in renderings if rendering.pixels is not None]
    height, width = (max(image.shape[side] for image in images) + 2 * _MARGIN_PX for side in (0, 1))
    pages = torch.full((len(images), 1, height, width), PAPER, dtype=torch.uint8)
    for page, image in zip(pages, images, strict=True):
        top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
        page[0, top : top + image.shape[0], left : left + image.shape[1]] = torch.from_numpy(image)
    return pages


def _frame(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A page with a grey frame."""
    return np.pad(np.pad(page, 1, constant_values=128), _GAP_PX // 2, constant_values=PAPER)


if __name__ == "__main__":
    typer.run(main)
