"""Gray images in the binary PGM format, as Ghostscript and the worker processes write them.

For each image: "P5", width, height, 255, separated by white space, with comments from # to the end of the line; one
white space; then the pixels row by row (netpbm.sourceforge.net/doc/pgm.html).
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P5" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"255\s")


def decode(data: bytes) -> Iterator[NDArray[np.uint8]]:
    """Yield each image as (H, W), read-only; raises `ValueError` for other formats and for incomplete data."""
    at = 0
    while at < len(data):
        header = _HEADER.match(data, at)
        if header is None:
            raise ValueError(f"no PGM header at byte {at}")
        width, height = int(header[1]), int(header[2])
        start, at = header.end(), header.end() + width * height
        if at > len(data):
            raise ValueError(f"the image at byte {header.start()} is cut short")
        yield np.frombuffer(data, np.uint8, width * height, start).reshape(height, width)


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """One image (H, W) in the format that `decode` reads."""
    height, width = pixels.shape
    return b"P5\n%d %d\n255\n" % (width, height) + np.ascontiguousarray(pixels).tobytes()
