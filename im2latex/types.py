"""Types that the packages share, and the results of the library; needs neither torch nor NumPy nor pyarrow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from im2latex.errors import ImageError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

Tokenizer = Literal["latex", "whitespace"]
"""How the text metrics split a formula: by the project's LaTeX lexer (`latex.parser.lexer`), or at whitespace."""


EngineName = Literal["auto", "onnx", "torch"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
"""What computes a model: ONNX Runtime, PyTorch, or the first of them that can."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a bucket: largest height and width in pixels, largest number of tokens without marks."""

    height: int
    width: int
    tokens: int


class AxisGeometry(NamedTuple):
    """Cells of an encoder's grid along one axis of the image, in pixels.

    `offset` is the center of the first cell, where 0 is the center of the first pixel; `stride` the distance from one
    cell to the next.
    """

    offset: float
    stride: float


class GridGeometry(NamedTuple):
    """Grid of an encoder for images of one size: P = `rows` * `columns`, and the position of its cells.

    Only the receptive position of a cell counts, not the context that self-attention or an LSTM adds.
    """

    rows: int
    columns: int
    vertical: AxisGeometry
    horizontal: AxisGeometry


@dataclass(frozen=True, slots=True)
class RawFormula:
    """One row of a user's file. `place` is its position there, for messages only; `image` the path of its image."""

    formula: str
    place: str
    source_id: str | None = None
    group: str | None = None
    split: Split | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row of a user's file that holds no readable formula."""

    place: str
    reason: str
    detail: str
    source_id: str | None = None


CUT, LOOP, UNSURE = "cut", "loop", "unsure"
"""The `reason` of a formula that is only a beginning, since the model reached its maximum length before the end; of one
that is more likely wrong than right and repeats a few tokens; and of any other that is more likely wrong than right."""
SEVERAL_FORMULAS, TEXT, NO_FORMULA = "several_formulas", "text", "no_formula"
"""The `reason` of a doubtful formula where the image explains the doubt: it shows formulas one below the other, lines
of text, or a picture."""


@dataclass(frozen=True, slots=True, repr=False)
class Candidate:
    """One formula that an image may show.

    Attributes:
        latex: The formula as LaTeX that one can paste.
        confidence: Probability, from 0 to 1, that the formula is right, estimated by a calibrated model; for a
            checkpoint without one, the geometric mean of the probabilities of its tokens.
        reason: `"cut"` where `latex` is only the beginning of a formula longer than the model can write, `"loop"` where
            it repeats the same tokens, `"unsure"` where it is more likely wrong than right, else None.
        tokens: The tokens of the formula as the model writes them: `["x", "^", "{", "2", "}"]` where `latex` is `x^2`.

    """

    latex: str
    confidence: float
    reason: str | None = None
    tokens: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        """Short form without defaults."""
        return f"Candidate({_fields(self.latex, self.confidence, self.reason)})"

    def __str__(self) -> str:
        """The formula."""
        return self.latex

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


@dataclass(frozen=True, slots=True, repr=False)
class Prediction:
    r"""The formula that an image shows, or the error that prevented its prediction.

    `str(prediction)` is the LaTeX; a notebook shows the typeset formula.

    >>> Prediction("x^2", 0.98)
    Prediction('x^2', confidence=0.98)
    >>> print(Prediction("x^2", 0.98))
    x^2

    Attributes:
        latex: The formula as LaTeX that one can paste; empty where there is an `error`.
        confidence: Probability, from 0 to 1, that `latex` is right; see `Candidate`.
        candidates: The most probable formulas, best first; the first has `latex`, `confidence`, `reason` and
            `tokens`.
        image: The image as the model saw it, uint8 (H, W), 255 for background.
        attention: Where requested, one map per token, float32 (T, rows, columns): the share of the
            attention on each part of `image`.
        seconds: Time spent on this image, its share of its batch included.
        error: Why the image cannot be used: `error.reason` is a fixed name such as `"blank"`, `str(error)` a sentence.
        reason: Why `latex` is doubtful, as for a `Candidate`, or `"several_formulas"`, `"text"` or `"no_formula"` where
            the image explains it; None where it is not.
        tokens: The tokens of the formula as the model writes them, as for a `Candidate`; joined by spaces they are what
            `im2latex.score` compares.
        boxes: Where a doubtful image shows formulas one below the other, or text around them: the box (top, bottom,
            left, right) of each in pixels of the original image, to crop it and predict each.

    """

    latex: str = ""
    confidence: float = 0.0
    candidates: list[Candidate] = field(default_factory=list)
    image: NDArray[np.uint8] | None = field(default=None, compare=False)
    attention: NDArray[np.float32] | None = field(default=None, compare=False)
    seconds: float = field(default=0.0, compare=False)
    error: ImageError | None = field(default=None, compare=False)
    reason: str | None = None
    tokens: list[str] = field(default_factory=list)
    boxes: list[tuple[int, int, int, int]] = field(default_factory=list, compare=False)

    def __repr__(self) -> str:
        """Short form without arrays and defaults."""
        if self.error is not None:
            return f"Prediction(error={self.error.reason!r}: {self.error})"
        more = f", candidates: {len(self.candidates)}" if len(self.candidates) > 1 else ""
        return f"Prediction({_fields(self.latex, self.confidence, self.reason)}{more})"

    def __str__(self) -> str:
        """The formula."""
        return self.latex

    def _repr_latex_(self) -> str | None:
        return None if self.error is not None else f"$\\displaystyle {self.latex}$"


def _fields(latex: str, confidence: float, reason: str | None) -> str:
    return f"{latex!r}, confidence={confidence:.4g}" + (f", reason={reason!r}" if reason else "")
