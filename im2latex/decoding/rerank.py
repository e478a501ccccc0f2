"""Reranking of hypotheses by rendering: prefer the one whose image equals the input image.

The input image is known at inference, so this does not use the reference. The image must have been rendered as the
images of the dataset are, by the same renderer: then the correct formula has equal pixels. Independent of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from im2latex.images.arrays import ImageParams, Pixels, crop, encode_png
from im2latex.images.compare import ColumnComparison
from im2latex.images.decode import decode_png
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.renderer import RENDER_BATCH_SIZE, Renderer


@dataclass(frozen=True, slots=True)
class RenderMatch:
    """Comparison of a rendered hypothesis with the input image: equality of all pixels, and edit distance of columns.

    `column_edits` as in `images.compare`; None where the hypothesis does not render.
    """

    same: bool
    column_edits: int | None


@dataclass(frozen=True)
class RenderReranker:
    """Renders hypotheses as the dataset was rendered: by `renderer`, then `image`."""

    renderer: Renderer
    image: ImageParams
    progress: bool = False

    def compare(self, images: Sequence[Pixels], hypotheses: Sequence[Sequence[str]]) -> list[list[RenderMatch]]:
        """Compare the hypotheses of each image with it; each distinct hypothesis is rendered once."""
        rendered = self._render(list(dict.fromkeys(one for several in hypotheses for one in several)))
        pairs = zip(images, hypotheses, strict=True)
        shown = tqdm(pairs, "compare", len(images), disable=None if self.progress else True, delay=2)
        return [[_match(crop(image), rendered.get(one)) for one in several] for image, several in shown]

    def _render(self, formulas: list[str]) -> dict[str, bytes]:
        """The images of the formulas that render, as PNG, which saves memory."""
        rendered: dict[str, bytes] = {}
        with tqdm(total=len(formulas), desc="render", disable=None if self.progress else True, delay=2) as bar:
            for start in range(0, len(formulas), RENDER_BATCH_SIZE):
                batch = formulas[start : start + RENDER_BATCH_SIZE]
                renderings = render_dataset_images(self.renderer, batch, self.image)
                for formula, rendering in zip(batch, renderings, strict=True):
                    if rendering.pixels is not None:
                        rendered[formula] = encode_png(crop(rendering.pixels))
                bar.update(len(batch))
        return rendered


def _match(image: Pixels, rendered: bytes | None) -> RenderMatch:
    if rendered is None:
        return RenderMatch(False, None)
    other = decode_png(rendered)
    return RenderMatch(np.array_equal(image, other), ColumnComparison(image, other).edits)


def best_match(matches: Sequence[RenderMatch]) -> int:
    """Index of the preferred hypothesis: equal pixels, else fewest column edits, else one that renders.

    Of several equally good ones it is the first, which the search ranked higher.
    """
    keys = [(one.column_edits is None, not one.same, one.column_edits or 0) for one in matches]
    return keys.index(min(keys))
