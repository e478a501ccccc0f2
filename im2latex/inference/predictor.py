"""Images of formulas to LaTeX: the one way from any image to what a checkpoint reads in it.

>>> from im2latex.inference.predictor import Reader
>>> Reader.load().read([pixels])[0].latex
'x ^ { 2 } + y ^ { 2 } = z ^ { 2 }'

reads  a checkpoint folder; without one, that which comes with the package
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from im2latex.decoding.beam import SearchParams
from im2latex.decoding.grammar_constraint import Grammar
from im2latex.decoding.greedy import Hypothesis
from im2latex.errors import ArtifactError, ImageError
from im2latex.images.arrays import ImageParams, Pixels
from im2latex.images.preprocess import POINTS_PER_INCH, InputImageSpec, preprocess
from im2latex.inference.attention_maps import attention_maps
from im2latex.inference.predict import choose_device, search
from im2latex.io.manifest import RELEASED
from im2latex.training.checkpoint import Checkpoint, load_checkpoint
from im2latex.training.collate import pad_to_bucket

if TYPE_CHECKING:
    from im2latex.decoding.rerank import Redrawing

MOST_IMAGES = 64
MOST_PIXELS = 1_000_000
"""What goes into one batch; changes speed and memory, not results."""
_TYPE_POINTS = 12
_DPI = 200


CUT = "cut"
"""The reason for a formula that is only a beginning: the model reached its greatest length before an end."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A formula, and how sure the model is of it: the `confidence` of its hypothesis.

    `reason` is `CUT` where the formula is only the beginning of what the model would have written.
    """

    latex: str
    confidence: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Formula:
    """What was read in one image, or the `problem` for which nothing was.

    `candidates` are the best first, and the first is `latex`, of that `confidence` and `reason`. `image` (H, W) is
    the page as the model saw it, 255 paper, the adapted image in its middle. `attention` (T, rows, columns), where
    it was asked for, tells for each token of the search's best where on that page the model looked. `seconds` are
    this image's share of the time.
    """

    latex: str = ""
    confidence: float = 0.0
    candidates: list[Candidate] = field(default_factory=list)
    image: Pixels = field(default_factory=lambda: np.empty((0, 0), np.uint8))
    attention: NDArray[np.float32] | None = None
    seconds: float = 0.0
    problem: ImageError | None = None
    reason: str | None = None


class Reader:
    """A checkpoint, ready to read."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        self.checkpoint = checkpoint
        self.target = _target(checkpoint)
        self._device = choose_device(device)
        self._grammar: Grammar | None = None
        checkpoint.network.to(self._device)

    @classmethod
    def load(cls, folder: Path | None = None, device: str = "auto") -> "Reader":
        """Read a checkpoint folder, or the one of the package; raises `ArtifactError`."""
        if folder is None and not RELEASED.is_dir():
            raise ArtifactError(f"{RELEASED}: this copy of im2latex has no checkpoint; give one: --checkpoint FOLDER")
        return cls(load_checkpoint(folder or RELEASED), device)

    def read(
        self,
        images: Sequence[NDArray[np.uint8]],
        candidates: int = 1,
        constrain: bool = False,
        attention: bool = False,
        beam: int | None = None,
    ) -> list[Formula]:
        """One formula an image (H, W), (H, W, 3) or (H, W, 4), whatever its paper, ink and size.

        Several `candidates` are found by a beam of that width, or of the width `beam`. With `constrain` only what
        parses is written. An image that cannot be read does not stop the others.
        """
        found: list[Formula] = []
        waiting: dict[tuple[int, int], list[int]] = {}
        for place, pixels in enumerate(images):
            began = time.perf_counter()
            try:
                page = pad_to_bucket(self.checkpoint.shapes, preprocess(pixels, self.target).pixels)[0, 0].numpy()
            except ImageError as problem:
                found.append(Formula(problem=problem))
            else:
                waiting.setdefault((page.shape[0], page.shape[1]), []).append(place)
                found.append(Formula(image=page, seconds=time.perf_counter() - began))
        params = SearchParams(beam=max(candidates, beam or 1))
        for shape, places in sorted(waiting.items()):
            for batch in _batches(places, shape):
                read = self._read([found[place] for place in batch], params, constrain, attention)
                for place, formula in zip(batch, read, strict=True):
                    found[place] = replace(formula, candidates=formula.candidates[:candidates])
        return found

    def _read(
        self, pages: Sequence[Formula], params: SearchParams, constrain: bool, attention: bool
    ) -> Iterator[Formula]:
        """The formulas on pages of one shape."""
        began = time.perf_counter()
        if constrain and self._grammar is None:
            self._grammar = Grammar(self.checkpoint.vocabulary, self._device)
        images = torch.from_numpy(np.stack([page.image for page in pages])[:, None]).to(self._device)
        found = search(self.checkpoint, images, params, self._grammar if constrain else None)
        maps = self._attention(images, [several[0].tokens for several in found]) if attention else [None] * len(pages)
        seconds = (time.perf_counter() - began) / len(pages)
        for page, several, its_map in zip(pages, found, maps, strict=True):
            written = self._candidates(several)
            best = written[0]
            yield Formula(
                best.latex, best.confidence, written, page.image, its_map, page.seconds + seconds, reason=best.reason
            )

    def _candidates(self, found: Sequence[Hypothesis]) -> list[Candidate]:
        """Different ones, the best first: pieces of a vocabulary spell one formula in several ways."""
        decode = self.checkpoint.vocabulary.decode
        written: dict[str, Candidate] = {}
        for one in found:
            latex = " ".join(decode(one.tokens))
            written.setdefault(latex, Candidate(latex, confidence(one), None if one.finished else CUT))
        return [*written.values()]

    def _attention(self, images: torch.Tensor, formulas: Sequence[list[int]]) -> list[NDArray[np.float32] | None]:
        """Maps (T, rows, columns), one for each token of each formula.

        The tokens of one piece share a map; that of a token that is spelled is the mean over its symbols.
        """
        vocabulary = self.checkpoint.vocabulary
        tokens = torch.full((len(formulas), max(1, *map(len, formulas))), vocabulary.eos)
        for row, formula in zip(tokens, formulas, strict=True):
            row[: len(formula)] = torch.tensor(formula, dtype=torch.long)
        maps = attention_maps(self.checkpoint.network, images, tokens.to(images.device)).numpy()
        places = [[list(own) for _, own in vocabulary.spans(formula)] for formula in formulas]
        return [
            np.array([one[own].mean(axis=0) for own in mine], dtype=one.dtype).reshape(-1, *one.shape[1:])
            for one, mine in zip(maps, places, strict=True)
        ]


def confidence(hypothesis: Hypothesis) -> float:
    """The geometric mean of the probabilities of its tokens, end mark included, 0 to 1.

    Of one that was cut, the product: hardly more than the probability that it ends where it was cut.
    """
    if not hypothesis.finished:
        return math.exp(hypothesis.log_probability)
    return math.exp(hypothesis.log_probability / (len(hypothesis.tokens) + 1))


def reranked(formulas: Sequence[Formula], redrawing: "Redrawing") -> list[Formula]:
    """The same formulas, with the candidate first that looks like the image when it is drawn.

    That holds for images that TeX drew in the letters of the data set; of others no drawing has the same pixels.
    """
    from im2latex.decoding.rerank import choose  # its dependencies are not needed to predict

    several = [[candidate.latex for candidate in formula.candidates] for formula in formulas]
    beside = redrawing.compare([formula.image for formula in formulas], several)
    answers = []
    for formula, likenesses in zip(formulas, beside, strict=True):
        if formula.candidates:
            first = formula.candidates[choose(likenesses)]
            others = [candidate for candidate in formula.candidates if candidate is not first]
            formula = replace(
                formula,
                latex=first.latex,
                confidence=first.confidence,
                reason=first.reason,
                candidates=[first, *others],
            )
        answers.append(formula)
    return answers


def _batches(places: Sequence[int], shape: tuple[int, int]) -> Iterator[Sequence[int]]:
    count = max(1, min(MOST_IMAGES, MOST_PIXELS // (shape[0] * shape[1])))
    for start in range(0, len(places), count):
        yield places[start : start + count]


def _target(checkpoint: Checkpoint) -> InputImageSpec:
    """The images that a checkpoint was trained on; those of older ones, which do not say so, were made by default."""
    made = ImageParams()
    images = {"dpi": _DPI, "downsample": made.downsample, "padding_px": made.padding_px} | checkpoint.images
    return InputImageSpec(
        em=_TYPE_POINTS / POINTS_PER_INCH * images["dpi"] / images["downsample"],
        padding=images["padding_px"] // images["downsample"],
        height=max(shape.height for shape in checkpoint.shapes),
        width=max(shape.width for shape in checkpoint.shapes),
    )
