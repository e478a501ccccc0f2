"""An image as lines of text: two pixels a character, one above the other."""

import numpy as np

from im2latex.images.arrays import PAPER, Pixels

BLOCKS = np.array([" ", "▄", "▀", "█"])
"""By ink in the upper pixel (2) and in the lower one (1)."""

INK = 0.25
"""The share of a shrunk pixel's darkness from which it is drawn: strokes are thin, and must not vanish."""


def blocks(pixels: Pixels, columns: int, lines: int) -> list[str]:
    """Draw uint8 (H, W), shrunk to fit into so many characters and never enlarged; lines without trailing blanks."""
    height, width = pixels.shape
    step = max(width / columns, height / (2 * lines), 1.0)
    down, across = max(1, int(height / step)), max(1, int(width / step))
    ink = 1 - pixels.astype(np.float64) / PAPER
    darkness = _means(_means(ink, down).T, across).T
    drawn = np.pad(darkness >= INK, ((0, down % 2), (0, 0)))
    return ["".join(line).rstrip() for line in BLOCKS[2 * drawn[0::2] + drawn[1::2]]]


def _means(rows: np.ndarray, count: int) -> np.ndarray:
    """Neighbouring rows averaged to `count` of them."""
    edges = np.linspace(0, len(rows), count + 1).round().astype(int)
    means: np.ndarray = np.add.reduceat(rows, edges[:-1], axis=0) / np.diff(edges)[:, None]
    return means
