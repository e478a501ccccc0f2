"""The list of rasterizers, which doctor, parameters, command line and tests read.

A new rasterizer is a class, an entry here, and a line for each program that it starts in
`im2latex/sandbox/system_packages.txt`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from im2latex.rendering.rasterizers.base import Rasterizer
from im2latex.rendering.rasterizers.dvipng import Dvipng
from im2latex.rendering.rasterizers.ghostscript import Ghostscript
from im2latex.rendering.rasterizers.imagemagick import ImageMagick
from im2latex.rendering.rasterizers.pdfium import Pdfium
from im2latex.rendering.rasterizers.poppler import Poppler
from im2latex.sandbox.resource_limits import ProcessLimits

RasterizerName = Literal["ghostscript", "pdfium", "poppler", "imagemagick", "dvipng"]

RASTERIZERS: Mapping[RasterizerName, type[Rasterizer]] = MappingProxyType(
    {
        "ghostscript": Ghostscript,
        "pdfium": Pdfium,
        "poppler": Poppler,
        "imagemagick": ImageMagick,
        "dvipng": Dvipng,
    }
)


def create_rasterizer(name: RasterizerName, limits: ProcessLimits) -> Rasterizer:
    """Create the rasterizer of that name."""
    return RASTERIZERS[name](limits)
