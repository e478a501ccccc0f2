"""Candidates for the formula of an image, what is known of them, and the score by which one is chosen.

The score combines what the model says of a candidate with how well its rendering matches the image. The rendering has a
distance d (`images.matching`), and log p - w log(d + e) decides: with noise of unknown size, -log d is the log
likelihood of the image for a candidate, up to a factor, once the best size of the noise is put in.

A model writes bold letters (`bold_invented` of `benchmarks.effort`), italics, colors and empty scripts where an image
has none: a font of wide strokes looks bold, gray pixels have no color, and an empty script only moves the other one. So
a formula with such a style must be more probable by a constant.
"""

import math
import re
from dataclasses import dataclass

from im2latex.latex.parser.signatures import BOLD

_BOLD_SWITCHES = (r"\boldmath", r"\bf")
_BOLD = re.compile(f"(?:{'|'.join(map(re.escape, [*sorted(BOLD), *_BOLD_SWITCHES]))})(?![A-Za-z])")
_ITALIC_OR_COLOR = re.compile(r"\\(?:mathit|textit|it|color|textcolor|colorbox)(?![A-Za-z])")
_EMPTY = re.compile(r"[_^] \{ \}|\\[hv]?phantom(?![A-Za-z])")
_DISTANCE_WEIGHT = 4.0
_STYLE_PENALTY = 3.0
"""In nats; chosen on short held-out formulas, so that most of those with bold letters keep them."""
_DISTANCE_OFFSET = 0.003
"""Smaller distances are rounding. Both constants were chosen on held-out formulas; see `benchmarks.effort`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a candidate.

    `log_probability` is that of all its `length` tokens, the end token included; `distance` that of its rendering, None
    where none was made. `is_styled` says whether it has a rare style (`has_rare_style`).
    """

    log_probability: float
    length: int
    distance: float | None = None
    is_styled: bool = False

    @property
    def score(self) -> float:
        """The score by which candidates are chosen: higher is better."""
        return self.log_probability - _DISTANCE_WEIGHT * self.log_distance - _STYLE_PENALTY * self.is_styled

    @property
    def log_distance(self) -> float:
        """Logarithm of the distance; 0, that of unrelated images, where there is none."""
        return 0 if self.distance is None else math.log(self.distance + _DISTANCE_OFFSET)


def has_bold(latex: str) -> bool:
    """Whether a formula has a command for bold letters, in mathematics or text."""
    return _BOLD.search(latex) is not None


def has_rare_style(latex: str) -> bool:
    """Whether a normalized formula has bold or italic letters, colors, or something empty in a script."""
    return has_bold(latex) or any(style.search(latex) for style in (_ITALIC_OR_COLOR, _EMPTY))


@dataclass(frozen=True, slots=True)
class FormulaCandidate:
    """A candidate: its tokens as LaTeX and ids, what is known of it, and whether the search reached its end."""

    latex: str
    tokens: tuple[int, ...]
    evidence: Evidence
    finished: bool
