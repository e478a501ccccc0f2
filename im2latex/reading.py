"""Pictures of formulas to LaTeX: the one way from any picture to what a checkpoint reads in it.

    from im2latex.reading import Reader
    Reader.load().read([pixels])[0].latex

reads  a checkpoint folder; without one, that which comes with the package
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from im2latex.errors import PictureError
from im2latex.imaging.adaptation import Target, adapt
from im2latex.imaging.raster import Pixels
from im2latex.learning.beam import SearchParams
from im2latex.learning.checkpoint import Checkpoint, load_checkpoint
from im2latex.learning.constraints import Grammar
from im2latex.learning.predict import choose_device, search
from im2latex.learning.search import Hypothesis

RELEASED = Path(str(files("im2latex") / "released"))
"""The checkpoint that comes with the package: model.safetensors in half precision, checkpoint.json, README.md."""
BATCH = 16


@dataclass(frozen=True, slots=True)
class Candidate:
    """A formula, and the geometric mean of the probabilities of its tokens."""

    latex: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Formula:
    """What was read in one picture.

    `candidates` are the best first, and the first is `latex`; `picture` (h, w) is what the model saw; `attention`
    (T, rows, columns) tells for each token where in it the model looked. A picture that could not be read has a
    `problem`, and nothing else.
    """

    latex: str = ""
    confidence: float = 0.0
    candidates: list[Candidate] = field(default_factory=list)
    picture: Pixels = field(default_factory=lambda: np.empty((0, 0), np.uint8))
    attention: NDArray[np.float32] | None = None
    seconds: float = 0.0
    problem: PictureError | None = None


class Reader:
    """A checkpoint, ready to read."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        self.checkpoint = checkpoint
        self.device = choose_device(device)
        checkpoint.network.to(self.device)
        self.target = _target(checkpoint)
        self._grammar: Grammar | None = None

    @classmethod
    def load(cls, folder: Path | None = None, device: str = "auto") -> "Reader":
        """Read a checkpoint folder, or the one of the package; raises `ArtifactError`."""
        return cls(load_checkpoint(folder or RELEASED), device)

    def read(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        candidates: int = 1,
        constrain: bool = False,
        attention: bool = False,  # noqa: ARG002
    ) -> list[Formula]:
        """One formula a picture (H, W), (H, W, 3) or (H, W, 4), whatever its paper, ink and size.

        With `candidates` above 1 by a beam of that width. With `constrain` only what parses is written.
        """
        found: list[Formula] = [Formula()] * len(pictures)
        adapted: dict[int, Pixels] = {}
        for place, pixels in enumerate(pictures):
            try:
                adapted[place] = adapt(pixels, self.target).pixels
            except PictureError as problem:
                found[place] = Formula(problem=problem)
        pages: dict[tuple[int, int], list[int]] = {}
        for place, picture in adapted.items():
            pages.setdefault(self._page(picture), []).append(place)
        for page, places in sorted(pages.items()):
            for start in range(0, len(places), BATCH):
                batch = places[start : start + BATCH]
                read = self._read_page([adapted[place] for place in batch], page, candidates, constrain)
                for place, formula in zip(batch, read, strict=True):
                    found[place] = formula
        return found

    def _read_page(
        self, pictures: Sequence[Pixels], page: tuple[int, int], candidates: int, constrain: bool
    ) -> list[Formula]:
        began = time.perf_counter()
        if constrain and self._grammar is None:
            self._grammar = Grammar(self.checkpoint.vocabulary, self.device)
        images = torch.from_numpy(np.stack([_placed(picture, page) for picture in pictures])[:, None]).to(self.device)
        hypotheses = search(
            self.checkpoint, images, SearchParams(beam=candidates), self._grammar if constrain else None
        )
        each = (time.perf_counter() - began) / len(pictures)
        return [self._formula(found, picture, each) for found, picture in zip(hypotheses, pictures, strict=True)]

    def _formula(self, found: Sequence[Hypothesis], picture: Pixels, seconds: float) -> Formula:
        written = [
            Candidate(" ".join(self.checkpoint.vocabulary.decode(one.tokens)), _confidence(one)) for one in found
        ]
        return Formula(written[0].latex, written[0].confidence, written, picture, None, seconds)

    def _page(self, picture: Pixels) -> tuple[int, int]:
        """Height and width of the smallest shape that the picture fits, or of one of its own."""
        height, width = picture.shape
        fitting = [(s.height, s.width) for s in self.checkpoint.shapes if s.height >= height and s.width >= width]
        own = (-(-height // 16) * 16, -(-width // 32) * 32)
        return min(fitting, key=lambda size: size[0] * size[1], default=own)


def _placed(picture: Pixels, page: tuple[int, int]) -> Pixels:
    """The picture in the middle of a white page (H, W)."""
    placed = np.full(page, 255, np.uint8)
    top, left = (page[0] - picture.shape[0]) // 2, (page[1] - picture.shape[1]) // 2
    placed[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return placed


def _confidence(hypothesis: Hypothesis) -> float:
    """Geometric mean of the tokens' probabilities, the end mark among them."""
    return math.exp(hypothesis.log_probability / (len(hypothesis.tokens) + 1))


def _target(checkpoint: Checkpoint) -> Target:
    """The pictures that a checkpoint was trained on."""
    made = {"dpi": 200, "downsample": 2, "padding_px": 8} | checkpoint.pictures
    return Target(
        em=12 / 72.27 * made["dpi"] / made["downsample"],
        padding=made["padding_px"] // made["downsample"],
        height=max(shape.height for shape in checkpoint.shapes),
        width=max(shape.width for shape in checkpoint.shapes),
    )
