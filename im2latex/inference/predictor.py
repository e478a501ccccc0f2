"""Prediction of the formulas in images: decoding, preprocessing, batching, search, and choice among candidates.

reads  a checkpoint folder; by default the released one, which comes with the package
"""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from im2latex.decoding.beam import SearchParams, search
from im2latex.decoding.grammar_constraint import GrammarConstraint
from im2latex.decoding.repetition import RepetitionConstraint, has_stopped_loop
from im2latex.engines.base import Engine
from im2latex.engines.config import InferenceConfig
from im2latex.errors import ArtifactError, ImageError, ToolError
from im2latex.extras import install_hint
from im2latex.images.arrays import Pixels, pad_to_bucket
from im2latex.images.layout import Layout, analyze_layout
from im2latex.images.preprocess import PreprocessedImage, preprocess
from im2latex.inference.attention_maps import attention_maps
from im2latex.inference.candidates import Evidence, FormulaCandidate
from im2latex.inference.confidence import ConfidenceModel, load_confidence_model
from im2latex.inference.effort import EFFORT_PARAMS, Effort, EffortParams
from im2latex.inference.engine_choice import load_engine
from im2latex.inference.inputs import ImageInput, as_inputs, input_image_spec, to_pixels
from im2latex.io.manifest import RELEASED
from im2latex.latex.pretty import pretty
from im2latex.types import CUT, LOOP, NO_FORMULA, UNSURE, Candidate, EngineName, Prediction

if TYPE_CHECKING:
    from im2latex.decoding.greedy import Hypothesis
    from im2latex.inference.refine import Refiner

MAX_BATCH_IMAGES = 64
MAX_BATCH_PIXELS = 1_000_000
"""Size of a batch; changes speed and memory, not results."""
UNSURE_BELOW = 0.5
"""Confidence below which a formula is more likely wrong than right."""
NO_FORMULA_BELOW = 0.02
"""Confidence below which an image that looks like a picture is called one, as short bold formulas look like one too;
and below which an image that is not one formula is searched no further."""


class Predictor:
    """A trained model, ready to predict the formulas in images; `im2latex.load` makes one.

    It may be used by several threads at once.
    """

    def __init__(
        self, engine: Engine, config: InferenceConfig, confidence_model: ConfidenceModel | None = None
    ) -> None:
        """Predict with this engine and the configuration of its model.

        Without a `confidence_model` the confidence is the geometric mean of the probabilities of the tokens.
        """
        self.engine, self.config = engine, config
        self.input_spec = input_image_spec(config)
        self.confidence_model = confidence_model
        self._constraints: dict[bool, RepetitionConstraint] = {}
        self._refiner: Refiner | None = None

    def __repr__(self) -> str:
        """Engine and size of the vocabulary."""
        return f"Predictor({self.engine.description}, vocabulary of {len(self.config.vocabulary):,})"

    @overload
    def predict(  # type: ignore[overload-overlap]  # a path is one image, though a string is an iterable too
        self,
        images: ImageInput,
        *,
        candidates: int = ...,
        beam: int | None = ...,
        grammar: bool = ...,
        effort: Effort = ...,
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
        effort: Effort = ...,
        attention: bool = ...,
    ) -> list[Prediction]: ...

    def predict(
        self,
        images: ImageInput | Iterable[ImageInput],
        *,
        candidates: int = 1,
        beam: int | None = None,
        grammar: bool = True,
        effort: Effort = "fast",
        attention: bool = False,
    ) -> Prediction | list[Prediction]:
        r"""Predict the formula in one image, or in each of many.

        >>> import im2latex
        >>> predictor = im2latex.load()
        >>> prediction = predictor.predict("examples/image.png")
        >>> print(prediction)
        x_{1,2} = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}
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
            effort: `fast` returns the choice of the search. `normal` and `best` also render candidates with TeX and
                compare them with the image, `normal` where the search is not sure; without TeX they warn and return
                what `fast` does.
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
        params = _search_params(max(candidates, beam or 1))
        predictions = self._predict(inputs, candidates, params, grammar, effort, attention)
        if not is_single:
            return predictions
        if (error := predictions[0].error) is not None:
            raise error
        return predictions[0]

    def unavailable_reason(self, effort: Effort) -> str | None:
        """One sentence on what is missing for that effort here, None where nothing is."""
        if effort == "fast" or self._refiner is not None:
            return None
        try:
            from im2latex.inference.refine import Refiner, StyleRenderers

            renderers = StyleRenderers()
            renderers.check()
        except ToolError as error:
            return f"candidates are not rendered: {error}"
        except ModuleNotFoundError as error:
            return f"candidates are not rendered: {install_hint(error) or error}"
        self._refiner = Refiner(self.engine, self.config, renderers)
        return None

    def _predict(
        self,
        inputs: Iterable[ImageInput],
        candidates: int,
        params: SearchParams,
        grammar: bool,
        effort: Effort,
        attention: bool,
    ) -> list[Prediction]:
        predictions: list[Prediction] = []
        images: dict[int, PreprocessedImage] = {}
        pages: dict[int, Pixels] = {}
        for index, item in enumerate(inputs):
            started = time.perf_counter()
            try:
                images[index] = preprocess(to_pixels(item), self.input_spec)
            except ImageError as error:
                predictions.append(Prediction(error=error))
            else:
                pages[index] = self._page(images[index])
                predictions.append(Prediction(image=pages[index], seconds=time.perf_counter() - started))
        started = time.perf_counter()
        if problem := self.unavailable_reason(effort):
            warnings.warn(f"{problem}; the result is that of effort='fast'", RuntimeWarning, stacklevel=3)
        work = EFFORT_PARAMS["fast" if problem else effort]
        found = self._candidates_of(pages, params, grammar, work)
        seconds = (time.perf_counter() - started) / max(1, len(pages))
        for index, several in found.items():
            confidences = self._confidences(several)
            scored = [
                Candidate(pretty(one.latex), confidence, self._reason(one, confidence), one.latex.split())
                for one, confidence in zip(several[:candidates], confidences, strict=False)
            ]
            best = scored[0]
            layout = Layout() if best.reason is None else _layout(images[index], best.confidence)
            maps = self._attention(pages[index], several[0].tokens) if attention else None
            predictions[index] = Prediction(
                best.latex,
                best.confidence,
                scored,
                pages[index],
                maps,
                seconds=predictions[index].seconds + seconds,
                reason=layout.reason or best.reason,
                tokens=best.tokens,
                boxes=[images[index].to_original(box) for box in layout.boxes],
            )
        return predictions

    def _page(self, image: PreprocessedImage) -> Pixels:
        """The image in the middle of the smallest page (H, W) of the shapes of the checkpoint."""
        return pad_to_bucket(self.config.shapes, image.pixels)

    def find_candidates(
        self, images: Sequence[Pixels], beam: int = 1, effort: EffortParams = EFFORT_PARAMS["fast"]
    ) -> list[list[FormulaCandidate]]:
        """The candidates of images with what is known of them, best first; for the fit of a confidence model.

        Raises `ToolError` where the effort needs TeX and there is none.
        """
        if effort.beam > 1 and (problem := self.unavailable_reason("best")):
            raise ToolError(problem)
        pages = {index: self._page(preprocess(image, self.input_spec)) for index, image in enumerate(images)}
        found = self._candidates_of(pages, _search_params(beam), True, effort)
        return [found[index] for index in pages]

    def _candidates_of(
        self, pages: Mapping[int, Pixels], params: SearchParams, grammar: bool, effort: EffortParams
    ) -> dict[int, list[FormulaCandidate]]:
        """The candidates of each page, best first."""
        found = self._search(pages, params, grammar)
        unsure = {
            index: page
            for index, page in pages.items()
            if (confidence := self._confidences(found[index])[0]) < effort.confidence_threshold
            and (confidence >= NO_FORMULA_BELOW or analyze_layout(page).reason is None)
        }
        if params.beam < effort.beam:
            found |= self._search(unsure, _search_params(effort.beam), grammar)
        return found | self._refine(unsure, found, effort)

    def _search(
        self, pages: Mapping[int, Pixels], params: SearchParams, grammar: bool
    ) -> dict[int, list[FormulaCandidate]]:
        """The candidates of each page by greedy or beam search, best first."""
        constraint = self._constraint(grammar)
        found = {}
        for batch in _batches(pages):
            images = np.stack([pages[index] for index in batch])
            hypotheses = search(self.engine, images, self.config.max_tokens, params, constraint)
            for index, several in zip(batch, hypotheses, strict=True):
                found[index] = self._different(several)
        return found

    def _constraint(self, grammar: bool) -> RepetitionConstraint:
        if grammar not in self._constraints:
            vocabulary = self.config.vocabulary
            inner = GrammarConstraint(vocabulary) if grammar else None
            self._constraints[grammar] = RepetitionConstraint(vocabulary, inner)
        return self._constraints[grammar]

    def _different(self, hypotheses: Sequence[Hypothesis]) -> list[FormulaCandidate]:
        """The different formulas, in order: subwords can spell one formula in several ways.

        A grammar constraint closes a formula that is too long in time, so its length tells that it is cut.
        """
        different: dict[str, FormulaCandidate] = {}
        for one in hypotheses:
            latex = " ".join(self.config.vocabulary.decode(one.tokens))
            evidence = Evidence(one.log_probability, len(one.tokens) + 1)
            finished = one.finished and len(one.tokens) < self.config.max_tokens
            different.setdefault(latex, FormulaCandidate(latex, tuple(one.tokens), evidence, finished))
        return list(different.values())

    def _refine(
        self, pages: Mapping[int, Pixels], found: Mapping[int, list[FormulaCandidate]], effort: EffortParams
    ) -> dict[int, list[FormulaCandidate]]:
        """The candidates of pages after rendering and repair."""
        if not pages:
            return {}
        assert self._refiner is not None, "unavailable_reason creates it"
        refined: dict[int, list[FormulaCandidate]] = {}
        numbers = list(pages)
        for start in range(0, len(numbers), MAX_BATCH_IMAGES):
            chunk = numbers[start : start + MAX_BATCH_IMAGES]
            results = self._refiner.refine([pages[index] for index in chunk], [found[index] for index in chunk], effort)
            refined |= dict(zip(chunk, results, strict=True))
        return refined

    def _confidences(self, candidates: Sequence[FormulaCandidate]) -> list[float]:
        evidence = [one.evidence for one in candidates]
        if self.confidence_model is None:
            return [_mean_probability(one) for one in candidates]
        return [self.confidence_model.probability(evidence, number) for number in range(len(candidates))]

    def _reason(self, candidate: FormulaCandidate, confidence: float) -> str | None:
        """Why a candidate is doubtful, None where it is not or the confidence is not calibrated."""
        if not candidate.finished:
            return CUT
        if self.confidence_model is None or confidence >= UNSURE_BELOW:
            return None
        return LOOP if has_stopped_loop(candidate.latex) else UNSURE

    def _attention(self, page: Pixels, formula: Sequence[int]) -> NDArray[np.float32]:
        """Attention maps (T, rows, columns), one per LaTeX token of the formula.

        The tokens of one subword share a map; that of a token spelled by several is their mean.
        """
        vocabulary = self.config.vocabulary
        maps = attention_maps(self.engine, page[None], np.array([[*formula] or [vocabulary.eos]]))[0]
        spans = [list(span) for _, span in vocabulary.spans(formula)]
        return np.array([maps[span].mean(axis=0) for span in spans], dtype=maps.dtype).reshape(-1, *maps.shape[1:])


def load(
    checkpoint: str | os.PathLike[str] | None = None,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> Predictor:
    r"""Load the released model, or a checkpoint of your own, for prediction.

    >>> import im2latex
    >>> predictor = im2latex.load()
    >>> print(predictor.predict("examples/image.png").latex)
    x_{1,2} = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}

    Args:
        checkpoint: Folder of a trained model, such as `data/train`; by default the released one in the package.
        engine: `onnx` computes with ONNX Runtime, on the CPU, `torch` with PyTorch. `auto` is `onnx` for the released
            model and for what `im2latex export` wrote, unless the device is a GPU, else `torch`.
        device: `cpu`, `cuda`, or `auto`: the CPU for `onnx`, the first GPU, if any, for `torch`.
        threads: Threads that compute one batch; by default OMP_NUM_THREADS, or as many as there are cores.

    Raises:
        ArtifactError: The checkpoint is missing or damaged.

    """
    if checkpoint is None and not RELEASED.is_dir():
        raise ArtifactError(f"{RELEASED}: this copy of im2latex has no released model; name the folder of a checkpoint")
    folder = RELEASED if checkpoint is None else Path(checkpoint)
    loaded, config = load_engine(folder, engine, device, threads)
    return Predictor(loaded, config, load_confidence_model(folder))


def _layout(image: PreprocessedImage, confidence: float) -> Layout:
    """What the image of a doubtful formula may show instead."""
    layout = analyze_layout(image.pixels)
    return Layout() if layout.reason == NO_FORMULA and confidence >= NO_FORMULA_BELOW else layout


def _mean_probability(candidate: FormulaCandidate) -> float:
    """Geometric mean of the probabilities of the tokens, end token included, from 0 to 1.

    For an unfinished formula it is their product: little more than the probability of its end.
    """
    evidence = candidate.evidence
    return math.exp(evidence.log_probability / (evidence.length if candidate.finished else 1))


def _search_params(beam: int) -> SearchParams:
    """Parameters of a search that ranks formulas by their probability: longer ones are not preferred."""
    return SearchParams(beam=beam, length_penalty=0)


def _batches(pages: Mapping[int, Pixels]) -> Iterator[list[int]]:
    """Numbers of pages in batches of one shape."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, page in pages.items():
        by_shape.setdefault(page.shape, []).append(index)
    for (height, width), indices in sorted(by_shape.items()):
        size = max(1, min(MAX_BATCH_IMAGES, MAX_BATCH_PIXELS // (height * width)))
        yield from (indices[start : start + size] for start in range(0, len(indices), size))
