"""ImageMagick rasterizer, through wand in a child process."""

import re
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from im2latex.images.arrays import Pixels
from im2latex.rendering.rasterizers.pgm_rasterizer import PgmRasterizer
from im2latex.sandbox import process

_POLICY_FOLDER = Path("/etc")


class ImageMagick(PgmRasterizer):
    """Draws with wand, in a child process, since its library can crash or grow; it uses Ghostscript."""

    name = "imagemagick"
    programs = ("convert", "gs")
    wheels = ("wand",)

    def identity(self) -> str:
        ghostscript = process.version_line("gs", "--version")
        convert = process.version_line("convert", "--version")
        return f"imagemagick {convert} gs {ghostscript} wand {metadata.version('wand')}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        yield from self.draw_in_child("wand", path, dpi, numbers)

    def note(self) -> str:
        """Whether the ImageMagick policy of the system forbids PDF."""
        rule = re.compile(r'^\s*<policy[^>]*rights="none"[^>]*pattern="PDF"', re.MULTILINE)
        for path in sorted(_POLICY_FOLDER.glob("ImageMagick-*/policy.xml")):
            if rule.search(path.read_text(errors="replace")):
                return (
                    f"{path} forbids PDF, as Debian ships it; our child process has its own policy and needs no change"
                )
        return ""
