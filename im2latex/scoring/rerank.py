"""Choose among hypotheses by drawing them: which looks like the picture that was read?

The picture is the input, so that this is a part of reading and no look at the reference. It must have been made as the
data set's pictures are, by the same renderer: then the right formula gives the same pixels. Knows nothing of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from im2latex.imaging.compare import Columns
from im2latex.imaging.files import decode_png
from im2latex.imaging.raster import PictureParams, Pixels, crop, encode_png, prepare
from im2latex.rendering.engine import Renderer
from im2latex.scoring.image import BATCH

SEARCH_ALONE = "search_alone"
"""The `input` of rows with the search's own choice, where another may have been made here."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A hypothesis' picture beside the one that was read: are all pixels the same, and how many columns differ.

    `column_edits` as in imaging.compare; None where the hypothesis does not render.
    """

    same: bool
    column_edits: int | None


@dataclass(frozen=True)
class Redrawing:
    """Draws as the data set was drawn: `renderer`, then `picture`."""

    renderer: Renderer
    picture: PictureParams
    progress: bool = False

    def compare(self, pictures: Sequence[Pixels], hypotheses: Sequence[Sequence[str]]) -> list[list[Likeness]]:
        """Every hypothesis beside the picture that it was read in; each distinct one is drawn once."""
        drawn = self._draw(list(dict.fromkeys(one for several in hypotheses for one in several)))
        pairs = zip(pictures, hypotheses, strict=True)
        shown = tqdm(pairs, "compare", len(pictures), disable=None if self.progress else True, delay=2)
        return [[_likeness(crop(picture), drawn.get(one)) for one in several] for picture, several in shown]

    def _draw(self, formulas: list[str]) -> dict[str, bytes]:
        """Those that render, as PNG: a hypothesis has many relatives, and all must be held."""
        drawn: dict[str, bytes] = {}
        with tqdm(total=len(formulas), desc="draw", disable=None if self.progress else True, delay=2) as bar:
            for start in range(0, len(formulas), BATCH):
                batch = formulas[start : start + BATCH]
                for formula, rendering in zip(batch, self.renderer.render(batch), strict=True):
                    if rendering.pixels is not None:
                        made = prepare(rendering.pixels, self.picture.padding_px, self.picture.downsample)
                        drawn[formula] = encode_png(crop(made))
                bar.update(len(batch))
        return drawn


def _likeness(picture: Pixels, drawn: bytes | None) -> Likeness:
    if drawn is None:
        return Likeness(False, None)
    other = decode_png(drawn)
    return Likeness(np.array_equal(picture, other), Columns(picture, other).edits)


def choose(likenesses: Sequence[Likeness]) -> int:
    """The place of the one to prefer: the same picture, else the fewest column edits, else one that renders.

    Of several that are as good the first, which the search preferred.
    """
    keys = [(one.column_edits is None, not one.same, one.column_edits or 0) for one in likenesses]
    return keys.index(min(keys))
