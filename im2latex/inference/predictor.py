"""Prediction of the formulas in images: decoding, preprocessing, batching and search with a checkpoint.

reads  a checkpoint folder; by default the released one, which comes with the package
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import torch
from numpy.typing import NDArray

from im2latex.decoding.beam import SearchParams, search
from im2latex.decoding.grammar_constraint import GrammarConstraint
from im2latex.errors import ArtifactError, ImageError, UsageError
from im2latex.images.arrays import ImageParams, Pixels
from im2latex.images.preprocess import POINTS_PER_INCH, InputImageSpec, preprocess
from im2latex.inference.attention_maps import attention_maps
from im2latex.inference.inputs import ImageInput, as_inputs, to_pixels
from im2latex.io.manifest import RELEASED
from im2latex.training.checkpoint import Checkpoint, load_checkpoint
from im2latex.training.collate import pad_to_bucket
from im2latex.types import CUT, Candidate, Prediction

if TYPE_CHECKING:
    from im2latex.decoding.greedy import Hypothesis
    from im2latex.decoding.rerank import RenderReranker

MAX_BATCH_IMAGES = 64
MAX_BATCH_PIXELS = 1_000_000
"""Size of a batch; changes speed and memory, not results."""
_FONT_SIZE_PT = 12
_DPI = 200


class Predictor:
    """A checkpoint, ready to predict the formulas in images; `im2latex.load` makes one.

    It may be used by several threads at once.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        """Move the checkpoint's network to the device: `cpu`, `cuda`, or `auto` for the first GPU, if any."""
        self.checkpoint = checkpoint
        self.device = choose_device(device)
        self.input_spec = _input_spec(checkpoint)
        self._constraint: GrammarConstraint | None = None
        checkpoint.network.to(self.device)

    def __repr__(self) -> str:
        """Size and device."""
        weights = sum(weight.numel() for weight in self.checkpoint.network.parameters())
        return f"Predictor({weights:,} weights, vocabulary of {len(self.checkpoint.vocabulary):,}, on {self.device})"

    @overload
    def predict(  # type: ignore[overload-overlap]  # a path is one image, though a string is an iterable too
        self,
        images: ImageInput,
        *,
        candidates: int = ...,
        beam: int | None = ...,
        grammar: bool = ...,
        attention: bool = ...,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        images: Iterable[ImageInput],
        *,
        candidates: int = ...,
        beam: int | None = ...,
        grammar: bool = ...,
        attention: bool = ...,
    ) -> list[Prediction]: ...

    def predict(
        self,
        images: ImageInput | Iterable[ImageInput],
        *,
        candidates: int = 1,
        beam: int | None = None,
        grammar: bool = False,
        attention: bool = False,
    ) -> Prediction | list[Prediction]:
        r"""Predict the formula in one image, or in each of many.

        >>> import im2latex
        >>> predictor = im2latex.load()
        >>> prediction = predictor.predict("examples/image.png")
        >>> print(prediction)
        x _ { 1 , 2 } = \frac { - b \pm \sqrt { b ^ { 2 } - 4 a c } } { 2 a }
        >>> predictor.predict(["examples/image.png", "missing.png"])[1].error.reason
        'no_such_file'

        Screenshots, scans and photographs of any background, font size and slight rotation are accepted, one formula
        per image.

        Args:
            images: One image, or an iterable of images, which may be of different kinds: a path, also of one page of a
                PDF as in `"paper.pdf#2"`; the bytes of a file, or a binary file object; a PIL image; a NumPy array
                (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); a torch tensor (H, W) or (C, H, W) with C = 1, 3 or 4. An
                array (B, H, W, C) or a tensor (B, C, H, W) is many images. Arrays and tensors hold integers from 0 to
                255 (uint16: 65535) or floats from 0 to 1.
            candidates: How many formulas to return per image, at most.
            beam: Width of the beam search; by default `candidates`, and 1 is greedy search.
            grammar: Restrict the search to formulas that parse.
            attention: Compute the attention maps.

        Returns:
            One `Prediction` for one image, a list of them, in the same order, for many.

        Raises:
            ImageError: The one image cannot be used: unreadable, blank, too large. Among many images it does not stop
                the others; its prediction holds the `error`.
            TypeError: An argument is no image.

        """
        if candidates < 1 or (beam is not None and beam < 1):
            raise ValueError(f"candidates = {candidates} and beam = {beam} must be at least 1")
        inputs, is_single = as_inputs(images)
        predictions = self._predict(
            inputs, candidates, SearchParams(beam=max(candidates, beam or 1)), grammar, attention
        )
        if not is_single:
            return predictions
        if (error := predictions[0].error) is not None:
            raise error
        return predictions[0]

    def _predict(
        self, inputs: Iterable[ImageInput], candidates: int, params: SearchParams, grammar: bool, attention: bool
    ) -> list[Prediction]:
        predictions: list[Prediction] = []
        pages: dict[tuple[int, int], list[tuple[int, Pixels]]] = {}
        for index, item in enumerate(inputs):
            started = time.perf_counter()
            try:
                page = self._page(to_pixels(item))
            except ImageError as error:
                predictions.append(Prediction(error=error))
            else:
                pages.setdefault((page.shape[0], page.shape[1]), []).append((index, page))
                predictions.append(Prediction(image=page, seconds=time.perf_counter() - started))
        for (height, width), same_shape in sorted(pages.items()):
            size = max(1, min(MAX_BATCH_IMAGES, MAX_BATCH_PIXELS // (height * width)))
            for start in range(0, len(same_shape), size):
                indices, batch = zip(*same_shape[start : start + size], strict=True)
                found = self._predict_batch(batch, params, grammar, attention)
                for index, result in zip(indices, found, strict=True):
                    seconds = predictions[index].seconds + result.seconds
                    predictions[index] = replace(result, candidates=result.candidates[:candidates], seconds=seconds)
        return predictions

    def _page(self, pixels: NDArray[np.uint8]) -> Pixels:
        """The preprocessed image in the middle of the smallest page (H, W) of the shapes of the checkpoint."""
        page: Pixels = pad_to_bucket(self.checkpoint.shapes, preprocess(pixels, self.input_spec).pixels)[0, 0].numpy()
        return page

    def _predict_batch(
        self, pages: Sequence[Pixels], params: SearchParams, grammar: bool, attention: bool
    ) -> Iterator[Prediction]:
        """Predict pages of one shape."""
        started = time.perf_counter()
        checkpoint = self.checkpoint
        if grammar and self._constraint is None:
            self._constraint = GrammarConstraint(checkpoint.vocabulary, self.device)
        images = torch.from_numpy(np.stack(pages)[:, None]).to(self.device)
        constraint = self._constraint if grammar else None
        found = search(checkpoint.network, images, checkpoint.max_tokens, params, constraint)
        maps: Sequence[NDArray[np.float32] | None] = [None] * len(pages)
        if attention:
            maps = self._attention(images, [several[0].tokens for several in found])
        seconds = (time.perf_counter() - started) / len(pages)
        for page, several, its_maps in zip(pages, found, maps, strict=True):
            written = self._candidates(several)
            best = written[0]
            yield Prediction(best.latex, best.confidence, written, page, its_maps, seconds=seconds, reason=best.reason)

    def _candidates(self, hypotheses: Sequence[Hypothesis]) -> list[Candidate]:
        """The different formulas, best first: subwords can spell one formula in several ways."""
        candidates: dict[str, Candidate] = {}
        for one in hypotheses:
            latex = " ".join(self.checkpoint.vocabulary.decode(one.tokens))
            candidates.setdefault(latex, Candidate(latex, confidence(one), None if one.finished else CUT))
        return [*candidates.values()]

    def _attention(self, images: torch.Tensor, formulas: Sequence[list[int]]) -> list[NDArray[np.float32]]:
        """Attention maps (T, rows, columns), one per LaTeX token of each formula.

        The tokens of one subword share a map; that of a token spelled by several is their mean.
        """
        vocabulary = self.checkpoint.vocabulary
        tokens = torch.full((len(formulas), max(1, *map(len, formulas))), vocabulary.eos)
        for row, formula in zip(tokens, formulas, strict=True):
            row[: len(formula)] = torch.tensor(formula, dtype=torch.long)
        maps = attention_maps(self.checkpoint.network, images, tokens.to(images.device)).numpy()
        spans = [[list(span) for _, span in vocabulary.spans(formula)] for formula in formulas]
        return [
            np.array([one[span].mean(axis=0) for span in its_spans], dtype=one.dtype).reshape(-1, *one.shape[1:])
            for one, its_spans in zip(maps, spans, strict=True)
        ]


def load(checkpoint: str | os.PathLike[str] | None = None, *, device: str = "auto") -> Predictor:
    r"""Load the released model, or a checkpoint of your own, for prediction.

    >>> import im2latex
    >>> predictor = im2latex.load()
    >>> print(predictor.predict("examples/image.png").latex)
    x _ { 1 , 2 } = \frac { - b \pm \sqrt { b ^ { 2 } - 4 a c } } { 2 a }

    Args:
        checkpoint: Folder of a trained model, such as `data/train`; by default the released one in the package.
        device: `cpu`, `cuda`, or `auto` for the first GPU, if any.

    Raises:
        ArtifactError: The checkpoint is missing or damaged.

    """
    if checkpoint is None and not RELEASED.is_dir():
        raise ArtifactError(f"{RELEASED}: this copy of im2latex has no released model; name the folder of a checkpoint")
    return Predictor(load_checkpoint(RELEASED if checkpoint is None else Path(checkpoint)), device)


def confidence(hypothesis: Hypothesis) -> float:
    """Geometric mean of the probabilities of the tokens, end token included, from 0 to 1.

    For an unfinished hypothesis it is their product: little more than the probability of its end.
    """
    if not hypothesis.finished:
        return math.exp(hypothesis.log_probability)
    return math.exp(hypothesis.log_probability / (len(hypothesis.tokens) + 1))


def rerank(predictions: Sequence[Prediction], reranker: RenderReranker) -> list[Prediction]:
    """The same predictions, each with the candidate first whose rendering is most similar to the image.

    This helps for images that were rendered by TeX in the fonts of the dataset; no other image has equal pixels.
    """
    from im2latex.decoding.rerank import best_match  # its dependencies are not needed to predict

    several = [[candidate.latex for candidate in prediction.candidates] for prediction in predictions]
    images = [np.empty((0, 0), np.uint8) if one.image is None else one.image for one in predictions]
    reranked = []
    for prediction, matches in zip(predictions, reranker.compare(images, several), strict=True):
        if prediction.candidates:
            first = prediction.candidates[best_match(matches)]
            others = [candidate for candidate in prediction.candidates if candidate is not first]
            reranked.append(
                replace(
                    prediction,
                    latex=first.latex,
                    confidence=first.confidence,
                    reason=first.reason,
                    candidates=[first, *others],
                )
            )
        else:
            reranked.append(prediction)
    return reranked


def choose_device(name: str) -> torch.device:
    """Return the device of that name; `auto` is the first GPU, or the CPU where there is none.

    Raises `UsageError` for a name that torch does not know, and for a GPU where there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?|mps", name):
        raise UsageError(f"{name}: not a device; use auto, cpu, cuda or cuda:NUMBER")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"{name}: PyTorch finds no GPU here; use cpu or auto")
    return torch.device(name)


def _input_spec(checkpoint: Checkpoint) -> InputImageSpec:
    """The images that a checkpoint was trained on; older checkpoints, without these settings, had the defaults."""
    defaults = ImageParams()
    images = {"dpi": _DPI, "downsample": defaults.downsample, "padding_px": defaults.padding_px} | checkpoint.images
    return InputImageSpec(
        em=_FONT_SIZE_PT / POINTS_PER_INCH * images["dpi"] / images["downsample"],
        padding=images["padding_px"] // images["downsample"],
        height=max(shape.height for shape in checkpoint.shapes),
        width=max(shape.width for shape in checkpoint.shapes),
    )
