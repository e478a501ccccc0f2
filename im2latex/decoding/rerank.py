"""Choose among hypotheses by drawing them: which looks like the image that was read?

The image is the input, so that this is a part of reading and no look at the reference. It must have been made as the
data set's images are, by the same renderer: then the right formula gives the same pixels. Knows nothing of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from im2latex.images.arrays import ImageParams, Pixels, crop, encode_png, prepare
from im2latex.images.compare import ColumnComparison
from im2latex.images.formats import decode_png
from im2latex.rendering.renderer import RENDER_BATCH_SIZE, Renderer


@dataclass(frozen=True, slots=True)
class Likeness:
    """A hypothesis' image beside the one that was read: are all pixels the same, and how many columns differ.

    `column_edits` as in imaging.compare; None where the hypothesis does not render.
    """

    same: bool
    column_edits: int | None


@dataclass(frozen=True)
class Redrawing:
    """Draws as the data set was drawn: `renderer`, then `image`."""

    renderer: Renderer
    image: ImageParams
    progress: bool = False

    def compare(self, images: Sequence[Pixels], hypotheses: Sequence[Sequence[str]]) -> list[list[Likeness]]:
        """Every hypothesis beside the image that it was read in; each distinct one is drawn once."""
        drawn = self._draw(list(dict.fromkeys(one for several in hypotheses for one in several)))
        pairs = zip(images, hypotheses, strict=True)
        shown = tqdm(pairs, "compare", len(images), disable=None if self.progress else True, delay=2)
        return [[_likeness(crop(image), drawn.get(one)) for one in several] for image, several in shown]

    def _draw(self, formulas: list[str]) -> dict[str, bytes]:
        """Those that render, as PNG: a hypothesis has many relatives, and all must be held."""
        drawn: dict[str, bytes] = {}
        with tqdm(total=len(formulas), desc="draw", disable=None if self.progress else True, delay=2) as bar:
            for start in range(0, len(formulas), RENDER_BATCH_SIZE):
                batch = formulas[start : start + RENDER_BATCH_SIZE]
                for formula, rendering in zip(batch, self.renderer.render(batch), strict=True):
                    if rendering.pixels is not None:
                        made = prepare(rendering.pixels, self.image.padding_px, self.image.downsample)
                        drawn[formula] = encode_png(crop(made))
                bar.update(len(batch))
        return drawn


def _likeness(image: Pixels, drawn: bytes | None) -> Likeness:
    if drawn is None:
        return Likeness(False, None)
    other = decode_png(drawn)
    return Likeness(np.array_equal(image, other), ColumnComparison(image, other).edits)


def choose(likenesses: Sequence[Likeness]) -> int:
    """The place of the one to prefer: the same image, else the fewest column edits, else one that renders.

    Of several that are as good the first, which the search preferred.
    """
    keys = [(one.column_edits is None, not one.same, one.column_edits or 0) for one in likenesses]
    return keys.index(min(keys))
