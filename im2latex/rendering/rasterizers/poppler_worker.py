"""Child process that draws PDF pages with Poppler: python -m MODULE PDF DPI PAGE...

Reads a PDF in the working folder and writes the pages as PGM to the standard output. The programs that pdf2image
starts end with the process group of this one.
"""

import sys
from collections.abc import Sequence

import numpy as np

from im2latex.rendering.rasterizers import pgm


def main(arguments: Sequence[str]) -> None:
    """Draw the pages to the standard output."""
    import pdf2image

    pdf, dpi, *pages = arguments
    numbers = [int(number) for number in pages]
    first, last = min(numbers), max(numbers)
    images = pdf2image.convert_from_path(
        pdf, dpi=int(dpi), first_page=first, last_page=last, grayscale=True, use_cropbox=True
    )
    for number in numbers:
        sys.stdout.buffer.write(pgm.encode(np.asarray(images[number - first].convert("L"))))


if __name__ == "__main__":
    main(sys.argv[1:])
