"""Child process that draws PDF pages with pdf2image (Poppler) or wand (ImageMagick): python -m MODULE.

Its arguments are LIBRARY PDF DPI PAGE... It reads a PDF in the working folder, and writes the pages as PGM to the
standard output. The programs that pdf2image starts end with the process group of this one. Debian forbids ImageMagick
to read PDF; the private policy written here allows it in this process only, for a PDF that our own TeX run wrote. The
module imports little, since it is started for every batch of pages.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_POLICY = '<policymap><policy domain="coder" rights="read|write" pattern="{PDF,GRAY}"/></policymap>\n'

# Each read starts Ghostscript, at 60 ms; the largest pages take 64 MB each while they are read.
_PAGES_PER_READ = 16


def main(arguments: Sequence[str]) -> None:
    """Draw the pages to the standard output."""
    library, pdf, dpi, *numbers = arguments
    draw = {"pdf2image": _draw_with_pdf2image, "wand": _draw_with_wand}[library]
    for pixels in draw(Path(pdf), int(dpi), [int(number) for number in numbers]):
        sys.stdout.buffer.write(encode_pgm(pixels))


def _draw_with_pdf2image(pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    import pdf2image

    first, last = min(numbers), max(numbers)
    images = pdf2image.convert_from_path(
        pdf, dpi=dpi, first_page=first, last_page=last, grayscale=True, use_cropbox=True
    )
    for number in numbers:
        yield np.asarray(images[number - first].convert("L"))


def _draw_with_wand(pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    # The library reads the policy when it is loaded, which is why wand is imported only now.
    os.environ.update(allow_pdf(Path.cwd()))
    from wand.image import Image

    for start in range(0, len(numbers), _PAGES_PER_READ):
        part = numbers[start : start + _PAGES_PER_READ]
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


def allow_pdf(folder: Path) -> dict[str, str]:
    """Write an ImageMagick policy into `folder`; returns the environment variables that make a process use it."""
    settings = folder / "ImageMagick"
    settings.mkdir(exist_ok=True)
    (settings / "policy.xml").write_text(_POLICY, encoding="utf-8")
    return {"XDG_CONFIG_HOME": str(folder), "MAGICK_CONFIGURE_PATH": str(folder)}


def encode_pgm(pixels: NDArray[np.uint8]) -> bytes:
    """One image (H, W) in the PGM format, as `pgm_rasterizer.decode_pgm` reads it."""
    height, width = pixels.shape
    return b"P5\n%d %d\n255\n" % (width, height) + np.ascontiguousarray(pixels).tobytes()


if __name__ == "__main__":
    main(sys.argv[1:])
