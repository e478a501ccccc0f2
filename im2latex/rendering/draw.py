"""A child process that draws PDF pages with Poppler or ImageMagick: python -m im2latex.rendering.draw.

Arguments: poppler or imagemagick, a PDF in the working folder, the resolution, the page numbers. Writes the pages as
PGM to its output. It is a process of its own because pdf2image starts programs itself, which die with this one's
group, and because ImageMagick is a library that can crash or grow. Debian forbids ImageMagick to read PDF; the
private policy written here allows it in this process only, for a PDF that our own TeX run wrote.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from im2latex.rendering import pgm

_POLICY = '<policymap><policy domain="coder" rights="read|write" pattern="{PDF,GRAY}"/></policymap>\n'


def main(arguments: Sequence[str]) -> None:
    """Draw the pages to the standard output."""
    name, pdf, dpi, *numbers = arguments
    draw = {"poppler": _poppler, "imagemagick": _imagemagick}[name]
    for pixels in draw(Path(pdf), int(dpi), [int(number) for number in numbers]):
        sys.stdout.buffer.write(pgm.encode(pixels))


def _poppler(pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    import pdf2image

    first, last = min(numbers), max(numbers)
    images = pdf2image.convert_from_path(
        pdf, dpi=dpi, first_page=first, last_page=last, grayscale=True, use_cropbox=True
    )
    for number in numbers:
        yield np.asarray(images[number - first].convert("L"))


def _imagemagick(pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    settings = Path.cwd() / "ImageMagick"
    settings.mkdir()
    (settings / "policy.xml").write_text(_POLICY, encoding="utf-8")
    # Read when the library is loaded, which is why wand is imported only now.
    os.environ["XDG_CONFIG_HOME"] = os.environ["MAGICK_CONFIGURE_PATH"] = str(Path.cwd())
    from wand.image import Image

    for number in numbers:
        with Image() as image:
            image.options["pdf:use-cropbox"] = "true"
            image.read(filename=f"{pdf}[{number - 1}]", resolution=dpi)
            image.background_color = "white"
            image.alpha_channel = "remove"
            image.transform_colorspace("gray")
            image.depth = 8
            data = image.make_blob("gray")
            yield np.frombuffer(data, np.uint8).reshape(image.height, image.width)


if __name__ == "__main__":
    main(sys.argv[1:])
