"""Choice and repair of candidates by rendering them: `Refiner`.

The candidates of an image are rendered in the styles that fit it best and compared with it (`images.matching`). Then
the best one is edited where the model is least sure, and edits whose renderings match better become candidates too. At
last a simpler spelling of the best one is preferred where it matches no worse.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from im2latex.decoding.alternatives import FormulaEdits, Tokens, log_probabilities, log_probability
from im2latex.decoding.simplification import simpler_spellings
from im2latex.engines.base import Engine, Memory
from im2latex.engines.config import InferenceConfig
from im2latex.errors import ToolError
from im2latex.images.arrays import ImageParams, Pixels, to_dataset_image
from im2latex.images.matching import MAX_DISTANCE, ImageMatcher
from im2latex.inference.candidates import Evidence, FormulaCandidate, has_rare_style
from im2latex.inference.effort import EffortParams
from im2latex.latex.parser.parse import parses
from im2latex.rendering.mathtext import MathtextParams
from im2latex.rendering.renderer import Renderer, RenderParams
from im2latex.rendering.styles import RenderStyle, StylesParams, VariantParams, all_styles, create_renderer

_BEST_STYLES = 2
"""Styles in which all candidates of an image are rendered."""
_FREQUENT_STYLES = 5
"""Styles that are tried first; the others are tried where none of these matches."""
_RECOGNIZED = 0.08
"""Distance below which a style matches: fonts, size and resolution are the image's own, and differences are small."""
_ALIKE = 0.01
"""Distance of two renderings below which they look alike: a color or nothing differs."""
_SHORT = 12
"""Length of a short formula in tokens."""
_NO_WORSE = 0.0005
"""Difference of distances that counts for nothing."""
_PROBES = 3
"""Candidates that are rendered in every style, to find the best styles; and edits of a round that are kept."""

STYLES = StylesParams(
    variants=(
        VariantParams(name="latex-sizes", sizes="latex"),
        VariantParams(name="10pt", size="10pt", dpi=240),
        VariantParams(name="text", math_style="textstyle"),
        VariantParams(name="text-10pt", math_style="textstyle", size="10pt", dpi=240),
        VariantParams(name="times", fonts="mathptmx"),
        VariantParams(name="palatino", fonts="palatino"),
        VariantParams(name="euler", fonts="euler"),
        VariantParams(name="sans", fonts="sans"),
        VariantParams(name="helvetica", fonts="helvetica", size="11pt", dpi=220),
        VariantParams(name="mathtext-cm", renderer="mathtext", mathtext_fonts="cm"),
        VariantParams(name="mathtext-dejavusans", renderer="mathtext", mathtext_fonts="dejavusans"),
        VariantParams(name="mathtext-stix", renderer="mathtext", mathtext_fonts="stix"),
    )
)
"""The styles in which candidates are rendered, beside the base style: fonts that most documents use, and those that
matplotlib has for figures, where it is installed."""


class StyleRenderers:
    """The renderers of styles, by default of the base style and `STYLES`, created when first used.

    Several threads may use them at once; a renderer serves one at a time.
    """

    def __init__(self, styles: Sequence[RenderStyle] | None = None) -> None:
        """The first style must work; others whose fonts are missing are left out."""
        found = styles or all_styles(RenderParams(rasterizer="pdfium"), STYLES)
        self._styles = {style.name: style for style in found}
        self._renderers: dict[str, Renderer] = {}
        mathtext = threading.Lock()  # its parser is shared by all font sets
        self._locks = {
            style.name: mathtext if isinstance(style.renderer, MathtextParams) else threading.Lock() for style in found
        }

    @property
    def names(self) -> list[str]:
        """The names of the styles, those that are more frequent in documents first."""
        return list(self._styles)

    def check(self) -> None:
        """Render a letter; raises `ToolError` without TeX."""
        self.render(self.names[0], ["x"])

    def render(self, style: str, formulas: Iterable[str]) -> dict[str, Pixels]:
        """The images of those formulas that can be rendered, at the size of the dataset's images."""
        several = list(dict.fromkeys(formulas))
        if style not in self._styles or not several:
            return {}
        params = self._styles[style].image_params(ImageParams())
        try:
            with self._locks[style]:
                if style not in self._renderers:
                    self._renderers[style] = create_renderer(self._styles[style].renderer)
                renderings = self._renderers[style].render(several)
        except ToolError:
            if style == self.names[0]:
                raise
            self._styles.pop(style, None)
            return {}
        return {
            formula: to_dataset_image(rendering.pixels, params)
            for formula, rendering in zip(several, renderings, strict=True)
            if rendering.pixels is not None
        }


@dataclass
class _Candidate:
    """A candidate of an image, and its renderings and their distances from the image by style."""

    latex: str
    tokens: Tokens
    log_probability: float
    finished: bool
    distances: dict[str, float] = field(default_factory=dict)
    images: dict[str, Pixels] = field(default_factory=dict)

    def distance(self, styles: Iterable[str]) -> float:
        """The smallest distance in these styles."""
        return min(self.distances.get(style, MAX_DISTANCE) for style in styles)

    def evidence(self, styles: Iterable[str]) -> Evidence:
        """What is known of it in these styles."""
        return Evidence(self.log_probability, len(self.tokens) + 1, self.distance(styles), has_rare_style(self.latex))


class _Image:
    """An input image (H, W) with its candidates and the styles that fit it best."""

    def __init__(self, page: Pixels, candidates: Sequence[FormulaCandidate], engine: Engine) -> None:
        self.page, self.matcher, self._engine = page, ImageMatcher(page), engine
        ranked = sorted(candidates, key=lambda one: -one.evidence.log_probability)
        self.candidates = [
            _Candidate(one.latex, one.tokens, one.evidence.log_probability, one.finished) for one in ranked
        ]
        self.seen = {one.latex for one in candidates}
        self.styles: list[str] = []

    @cached_property
    def memory(self) -> Memory:
        """The encoded image."""
        return self._engine.encode(self.page[None])

    def choose_styles(self, names: Sequence[str]) -> None:
        """Select the styles in which the first candidates match best."""

        def smallest(style: str) -> float:
            return min(one.distance([style]) for one in self.candidates[:_PROBES])

        self.styles = sorted(names, key=smallest)[:_BEST_STYLES]

    def sort(self) -> None:
        """Sort the candidates, best first, and drop those whose rendering equals that of a better one."""
        ranked = sorted(self.candidates, key=lambda one: -one.evidence(self.styles).score)
        different: dict[object, _Candidate] = {}
        for one in ranked:
            pixels = one.images.get(self.styles[0])
            different.setdefault(one.latex if pixels is None else (pixels.shape, pixels.tobytes()), one)
        self.candidates = list(different.values())

    def look_alike(self, one: _Candidate, best: _Candidate) -> bool:
        """Whether a candidate looks like the best one, or matches no worse.

        To match no worse is enough in a style that matches the image, and for a short formula: in a long one of another
        style the places of all symbols are a little off, so that distances say nothing of one symbol.
        """
        style = self.styles[0]
        if style not in one.images or style not in best.images:
            return False
        if best.distances[style] < _RECOGNIZED or len(best.tokens) <= _SHORT:
            return one.distances[style] <= best.distances[style] + _NO_WORSE
        return ImageMatcher(best.images[style]).distance(one.images[style]) < _ALIKE

    @property
    def best_distance(self) -> float:
        """The smallest distance in the chosen styles of a candidate that was rendered."""
        return min(one.distance(self.styles) for one in self.candidates)

    @property
    def is_matched(self) -> bool:
        """Whether the best candidate equals the image."""
        return self.candidates[0].distance(self.styles) == 0


class Refiner:
    """Chooses among the candidates of images, and repairs the best one."""

    def __init__(self, engine: Engine, config: InferenceConfig, renderers: StyleRenderers) -> None:
        self._engine, self._vocabulary, self._renderers = engine, config.vocabulary, renderers
        self._edits = FormulaEdits(config.vocabulary)

    def refine(
        self, pages: Sequence[Pixels], candidates: Sequence[Sequence[FormulaCandidate]], effort: EffortParams
    ) -> list[list[FormulaCandidate]]:
        """The different candidates of each page (H, W), best first, with those that repair adds."""
        images = [_Image(page, several, self._engine) for page, several in zip(pages, candidates, strict=True)]
        for image in images:
            self._add_simpler(image)
        names = self._renderers.names
        self._probe(images, names[:_FREQUENT_STYLES])
        self._probe([image for image in images if image.best_distance > _RECOGNIZED], names)
        self._measure([(image, one, image.styles) for image in images for one in image.candidates])
        for image in images:
            image.sort()
        active = images
        for _ in range(effort.rounds):
            active = self._repair(active, effort.edits)
        self._simplify(images)
        return [
            [
                FormulaCandidate(one.latex, one.tokens, one.evidence(image.styles), one.finished)
                for one in image.candidates
            ]
            for image in images
        ]

    def _probe(self, images: Sequence[_Image], styles: Sequence[str]) -> None:
        """Choose the styles of images by their first candidates."""
        self._measure([(image, one, styles) for image in images for one in image.candidates[:_PROBES]])
        for image in images:
            image.choose_styles(styles)

    def _latex(self, tokens: Sequence[int]) -> str:
        return " ".join(self._vocabulary.decode(tokens))

    def _measure(self, requests: Sequence[tuple[_Image, _Candidate, Sequence[str]]]) -> None:
        """Render candidates in styles, and store their distances from the image; what is known is not done again."""
        for style in dict.fromkeys(style for _, _, styles in requests for style in styles):
            missing = [
                (image, one) for image, one, styles in requests if style in styles and style not in one.distances
            ]
            rendered = self._renderers.render(style, (one.latex for _, one in missing))
            for image, one in missing:
                pixels = rendered.get(one.latex)
                one.distances[style] = MAX_DISTANCE if pixels is None else image.matcher.distance(pixels)
                if pixels is not None:
                    one.images[style] = pixels

    def _repair(self, images: Sequence[_Image], count: int) -> list[_Image]:
        """Add edits of each image's best candidate that match better; returns the images whose best has changed."""
        edited = [(image, self._edits_of(image, count)) for image in images if not image.is_matched]
        self._measure([(image, one, image.styles[:1]) for image, edits in edited for one in edits])
        better = [(image, self._better(image, edits)) for image, edits in edited]
        self._measure([(image, one, image.styles) for image, edits in better for one in edits])
        changed = []
        for image, edits in better:
            best = image.candidates[0]
            image.candidates += edits
            image.sort()
            if image.candidates[0] is not best:
                changed.append(image)
        return changed

    def _simplify(self, images: Sequence[_Image]) -> None:
        """Put the simplest spelling of each image's best candidate first that looks alike.

        Both describe the same ink, so the simpler one takes over the probability of the other.
        """
        simpler = [(image, self._simpler(image.candidates[0])) for image in images]
        self._measure([(image, one, image.styles) for image, several in simpler for one in several])
        for image, several in simpler:
            best = image.candidates[0]
            alike = [one for one in several if image.look_alike(one, best)]
            if not alike:
                continue
            chosen = min(alike, key=lambda one: len(one.tokens))
            self._score(image, [chosen])
            chosen.log_probability = float(np.logaddexp(chosen.log_probability, best.log_probability))
            others = [one for one in image.candidates if one is not best and one.latex != chosen.latex]
            image.candidates = [chosen, *others]

    def _add_simpler(self, image: _Image) -> None:
        """Add simpler spellings of the most probable candidates with rare styles.

        A beam can be full of spellings of one style, such as all ways to write a bold letter, without the plain one.
        """
        styled = [one for one in image.candidates[:_PROBES] if has_rare_style(one.latex)]
        simpler = {one.latex: one for best in styled for one in self._simpler(best) if one.latex not in image.seen}
        added = list(simpler.values())
        if added:
            self._score(image, added)
            image.seen.update(simpler)
            image.candidates = sorted([*image.candidates, *added], key=lambda one: -one.log_probability)

    def _score(self, image: _Image, candidates: Sequence[_Candidate]) -> None:
        """Set the log probabilities of candidates."""
        scores = log_probabilities(self._engine, image.memory, [one.tokens for one in candidates])
        for one, row in zip(candidates, scores, strict=True):
            one.log_probability = log_probability(row, one.tokens)

    def _simpler(self, candidate: _Candidate) -> list[_Candidate]:
        """The simpler spellings of a candidate that the vocabulary can write."""
        vocabulary, found = self._vocabulary, []
        for latex in simpler_spellings(candidate.latex):
            tokens = tuple(vocabulary.encode(latex.split(" ")))
            if vocabulary.unk not in tokens:
                found.append(_Candidate(latex, tokens, -math.inf, True))
        return found

    def _better(self, image: _Image, edits: Sequence[_Candidate]) -> list[_Candidate]:
        """Those edits, at most a few, that match better in the best style, with their log probabilities."""
        style = image.styles[:1]
        limit = image.candidates[0].distance(style)
        ranked = sorted(edits, key=lambda one: one.distance(style))
        better = [one for one in ranked if one.distance(style) < limit][:_PROBES]
        if better:
            self._score(image, better)
        return better

    def _edits_of(self, image: _Image, count: int) -> list[_Candidate]:
        """The most promising edits of the best candidate that parse and are new."""
        best = image.candidates[0]
        (scores,) = log_probabilities(self._engine, image.memory, [best.tokens])
        found = []
        for tokens in self._edits.best(best.tokens, scores, 4 * count):
            latex = self._latex(tokens)
            if latex not in image.seen and parses(latex):
                found.append(_Candidate(latex, tokens, -math.inf, True))
                image.seen.add(latex)
            if len(found) == count:
                break
        return found
