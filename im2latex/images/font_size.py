"""Font size of a formula, estimated from its image.

The unit of all lengths is the mean stroke width, which hardly depends on the formula. The other features, in this unit,
determine the font size: runs of ink and of paper, sizes of connected parts and of the whole. A small network of two
layers, fitted by `recipes.font_size`, weighs them.

reads  font_size_weights.json, beside this file: the weights of that network
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.images.arrays import quantile
from im2latex.images.crop import stroke_width
from im2latex.images.foreground import Ink
from im2latex.images.morphology import connected_components

WEIGHTS_PATH = Path(str(files("im2latex.images") / "font_size_weights.json"))
FEATURE_NAMES = (
    *("stroke", "height", "width", "density", "parts"),
    *(f"run_across_{share}" for share in (10, 25, 50, 75, 90)),
    *(f"run_down_{share}" for share in (10, 25, 50, 75, 90)),
    *(f"gap_across_{share}" for share in (10, 25, 50, 75)),
    *(f"gap_down_{share}" for share in (10, 25, 50, 75)),
    *(f"part_height_{share}" for share in (10, 25, 50, 75, 90)),
    *(f"part_width_{share}" for share in (10, 25, 50, 75, 90)),
    *(f"inked_height_{share}" for share in (10, 25, 50, 75, 90)),
)
STROKE_PX = 3.0
"""Features are measured at this stroke width, so that lengths of runs are exact to a third of it."""
MAX_PIXELS = 400_000
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class FontSizeEstimate:
    """The font size (em) in pixels, and its uncertainty: the mean error of its logarithm."""

    em: float
    spread: float


def estimate_font_size(ink: Ink) -> FontSizeEstimate:
    """Estimate the font size of cropped ink (h, w), 0 paper and 1 ink."""
    values, unit = extract_features(ink)
    mean, spread, layers = _weights()
    hidden = (values - mean) / spread
    for number, (weights, bias) in enumerate(layers):
        hidden = weights @ hidden + bias
        if number < len(layers) - 1:
            hidden = np.tanh(hidden)
    return FontSizeEstimate(unit * float(np.exp(hidden[0])), float(np.exp(hidden[1])))


def extract_features(ink: Ink) -> tuple[NDArray[np.float32], float]:
    """The features `FEATURE_NAMES`, logarithms of lengths over the unit, and the unit in pixels."""
    unit = stroke_width(ink)
    factor = min(STROKE_PX / unit, (MAX_PIXELS / ink.size) ** 0.5)
    size = max(1, round(factor * ink.shape[1])), max(1, round(factor * ink.shape[0]))
    large = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR))
    black = np.pad(large > 0.45, 1)
    parts = connected_components(black)
    count, one = len(parts.boxes), np.ones(1, np.int64)
    heights = parts.boxes[:, 1] - parts.boxes[:, 0] if count else one
    widths = parts.boxes[:, 3] - parts.boxes[:, 2] if count else one
    inked = parts.areas if count else one
    lengths = [
        *_quantiles(_runs(black)),
        *_quantiles(_runs(black.T)),
        *_quantiles(_gaps(black))[:4],
        *_quantiles(_gaps(black.T))[:4],
        *_quantiles(heights),
        *_quantiles(widths),
        *_quantiles(np.repeat(heights, np.minimum(inked, 1000))),
    ]
    scaled = np.log(np.array(lengths) / (factor * unit))
    # Images of wider strokes are shrunk to the same width, so that their original width is no feature.
    whole = np.log(
        [min(unit, STROKE_PX), ink.shape[0] / unit, ink.shape[1] / unit, max(float(ink.mean()), 1e-3), count + 1]
    )
    return np.concatenate([whole, scaled]).astype(np.float32), unit


def _runs(black: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of the runs of ink in all rows."""
    starts, ends = _edges(black)
    return ends - starts


def _gaps(black: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of the runs of paper between ink, in all rows."""
    starts, ends = _edges(black)
    width = black.shape[1]
    in_one_row = starts[1:] // width == ends[:-1] // width
    gaps: NDArray[np.int64] = (starts[1:] - ends[:-1])[in_one_row]
    return gaps


def _edges(black: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and end of the runs of ink in the flattened image, whose first and last columns have no ink."""
    steps = np.diff(np.ascontiguousarray(black).ravel().view(np.int8))
    return np.flatnonzero(steps == 1) + 1, np.flatnonzero(steps == -1) + 1


def _quantiles(lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.array([quantile(lengths, share) for share in _QUANTILES]) if len(lengths) else np.ones(len(_QUANTILES))


@cache
def _weights() -> tuple[Ink, Ink, list[tuple[Ink, Ink]]]:
    content = json.loads(WEIGHTS_PATH.read_text(encoding="utf-8"))
    layers = [(np.array(one["weights"], np.float32), np.array(one["bias"], np.float32)) for one in content["layers"]]
    return np.array(content["mean"], np.float32), np.array(content["spread"], np.float32), layers
