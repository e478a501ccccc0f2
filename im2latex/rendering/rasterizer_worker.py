"""A child process that draws PDF pages with Poppler or ImageMagick: python -m im2latex.rendering.rasterizer_worker.

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

from im2latex.rendering.rasterizers import pgm

_POLICY = '<policymap><policy domain="coder" rights="read|write" pattern="{PDF,GRAY}"/></policymap>\n'

# Each reading starts Ghostscript, at 60 ms; the largest pages take 64 MB each while they are read.
_PAGES_AT_ONCE = 16


def main(arguments: Sequence[str]) -> None:
    """Draw the pages to the standard output."""
    name, pdf, dpi, *numbers = arguments
    draw = {"poppler": _poppler, "imagemagick": _imagemagick}[name]
    for pixels in draw(Path(pdf), int(dpi), [int(number) for number in numbers]):
        sys.stdout.buffer.write(pgm.encode(pixels))


def allow_pdf(folder: Path) -> dict[str, str]:
    """Write an ImageMagick policy into `folder`; returns the environment in which a process goes by it."""
    settings = folder / "ImageMagick"
    settings.mkdir(exist_ok=True)
    (settings / "policy.xml").write_text(_POLICY, encoding="utf-8")
    return {"XDG_CONFIG_HOME": str(folder), "MAGICK_CONFIGURE_PATH": str(folder)}


def _poppler(pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    import pdf2image

    first, last = min(numbers), max(numbers)
    images = pdf2image.convert_from_path(
        pdf, dpi=dpi, first_page=first, last_page=last, grayscale=True, use_cropbox=True
    )
    for number in numbers:
        yield np.asarray(images[number - first].convert("L"))


def _imagemagick(pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    # Read when the library is loaded, which is why wand is imported only now.
    os.environ.update(allow_pdf(Path.cwd()))
    from wand.image import Image

    for start in range(0, len(numbers), _PAGES_AT_ONCE):
        part = numbers[start : start + _PAGES_AT_ONCE]
        with Image() as image:
            image.options["pdf:use-cropbox"] = "true"
            image.read(filename=f"{pdf}[{part[0] - 1}-{part[-1] - 1}]", resolution=dpi)
            for number in part:
                with image.sequence[number - part[0]].clone() as page:
                    page.background_color = "white"
                    page.alpha_channel = "remove"
                    page.transform_colorspace("gray")
                    page.depth = 8
                    data = page.make_blob("gray")
                    yield np.frombuffer(data, np.uint8).reshape(page.height, page.width)


if __name__ == "__main__":
    main(sys.argv[1:])
