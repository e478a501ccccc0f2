"""ImageMagick as a rasterizer, through wand."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from im2latex.images.arrays import Pixels
from im2latex.rendering.rasterizers.base import PdfRasterizer
from im2latex.sandbox import process
from im2latex.sandbox.worker import python_access

_POLICY_FOLDER = Path("/etc")


class ImageMagick(PdfRasterizer):
    """Draws in a child process (`imagemagick_worker`), since its library can crash or grow; it uses Ghostscript."""

    name = "imagemagick"
    programs = ("convert", "gs")
    wheels = ("wand",)

    def identity(self) -> str:
        ghostscript = process.version_line("gs", "--version")
        convert = process.version_line("convert", "--version")
        return f"imagemagick {convert} gs {ghostscript} wand {metadata.version('wand')}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        command = [
            sys.executable,
            "-m",
            "im2latex.rendering.rasterizers.imagemagick_worker",
            path.name,
            str(dpi),
            *map(str, numbers),
        ]
        env = {"PYTHONPATH": os.pathsep.join(sys.path)}
        yield from self.draw_pgm(command, path, len(numbers), python_access(), env)

    def note(self) -> str:
        """What the ImageMagick policy of the system says about PDF."""
        rule = re.compile(r'^\s*<policy[^>]*rights="none"[^>]*pattern="PDF"', re.MULTILINE)
        for path in sorted(_POLICY_FOLDER.glob("ImageMagick-*/policy.xml")):
            if rule.search(path.read_text(errors="replace")):
                return (
                    f"{path} forbids PDF, as Debian ships it; our child process has its own policy and needs no change"
                )
        return ""
