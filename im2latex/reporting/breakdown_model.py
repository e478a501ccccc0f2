"""What the page tells beyond the scores, as plain frozen values: where the model is right, what it confuses, what it
does not know, where it looked.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Part:
    """One score of a part of the samples: those of some length, those with some feature."""

    name: str
    samples: int
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Parts of the samples with one score; `note` says how samples fall into them."""

    title: str
    note: str
    label: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """Predictions of one kind; `right` where the image came out right."""

    label: str
    samples: int
    right: bool


@dataclass(frozen=True, slots=True)
class Errors:
    """Kinds of predictions, and the most frequent token edits with their number.

    `replaced` holds (token of the reference, token that was read, count), the others (token, count). `edits` are all
    edits by kind, `of_spacing` those of all that are about spacing alone.
    """

    kinds: tuple[Kind, ...]
    edits: tuple[tuple[str, int], ...]
    of_spacing: int
    replaced: tuple[tuple[str, str, int], ...]
    missing: tuple[tuple[str, int], ...]
    extra: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """Images spoilt in one way, read by the same model; `of_clean` is the share of its clean score that is left."""

    name: str
    samples: int
    image_exact: float
    bleu: float
    of_clean: float


@dataclass(frozen=True, slots=True)
class SplitUse:
    """Formulas and tokens of a split before any was dropped, and how many the vocabulary does not know."""

    split: str
    formulas: int
    formulas_with_unknown: int
    tokens: int
    unknown: int


@dataclass(frozen=True, slots=True)
class VocabularyUse:
    """How well the vocabulary covers the data.

    `seen_fewer` holds (k, number of entries seen fewer than k times in training); `rarest` entries with their counts.
    """

    entries: int
    splits: tuple[SplitUse, ...]
    seen_fewer: tuple[tuple[int, int], ...]
    rarest: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class InlineImage:
    """A PNG and the size it is shown at, in CSS pixels."""

    png: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class AttentionMap:
    """Where the model looked on a page as it wrote T tokens: `maps` (T, rows, columns), shares of attention."""

    formula_id: str
    page: InlineImage
    tokens: tuple[str, ...]
    maps: NDArray[np.float32]
