"""Base classes of the rasterizers, and how they run their programs.

A rasterizer reads a file that our own TeX run wrote, PDF or DVI, never one from elsewhere. It yields uint8 arrays
(H, W), 255 paper and 0 ink, at `dpi`: the crop box of a PDF page, the ink of a DVI page. The tools differ in nearly
every gray pixel, so a style is drawn with one of them, and `identity` is part of the identity of its images.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from im2latex.errors import ToolError
from im2latex.images.arrays import PAPER, Pixels
from im2latex.rendering.document import TexOutput
from im2latex.sandbox import process
from im2latex.sandbox.process import CompletedProcess, stalled_message
from im2latex.sandbox.resource_limits import ProcessLimits
from im2latex.sandbox.sandbox import FileAccess
from im2latex.sandbox.system_packages import install_command, packages_of

_SECONDS_PER_PAGE = 0.1  # over six times what the slowest of them takes for a formula


class RasterizerError(ToolError):
    """A rasterizer failed on a file; another part of its pages may still succeed."""


class Rasterizer(ABC):
    """Converts pages to pixels."""

    name: ClassVar[str]
    input_format: ClassVar[TexOutput] = "pdf"
    """The format that TeX must write for it."""
    programs: ClassVar[tuple[str, ...]] = ()
    """Programs that it starts; `sandbox/system_packages.txt` names the Debian and Homebrew packages of each."""
    wheels: ClassVar[tuple[str, ...]] = ()
    """Python packages that decide its pixels."""
    optional: ClassVar[bool] = False
    """Whether only `make styles` installs it."""
    fixed_page_size: ClassVar[bool] = True
    """Whether a page has the size that TeX wrote, rather than that of its ink."""

    def __init__(self, limits: ProcessLimits) -> None:
        self.limits = limits

    @abstractmethod
    def identity(self) -> str:
        """Everything that decides the pixels besides the pages: program, device, flags, version."""

    @abstractmethod
    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Draw the pages `numbers` (ascending, from 1); raises `RasterizerError` where one cannot be drawn."""

    @abstractmethod
    def page_faults(self, path: Path, numbers: Sequence[int], max_size: tuple[int, int]) -> dict[int, str]:
        """Find those of the pages `numbers` that cannot be drawn as they are, each with a reason.

        `max_size` is the largest (height, width) of the ink in scaled points, for formats without a page size.
        """

    def self_test(self, path: Path, dpi: int) -> None:
        """Draw the first page of a file, a typeset letter; raises `ToolError` where no ink comes out."""
        (page,) = self.pages(path, dpi, [1])
        if page.min(initial=PAPER) == PAPER:
            raise RasterizerError(f"{self.name} draws a letter as blank paper")

    def note(self) -> str:
        """A remark for the user about this installation of the tool; may be empty."""
        return ""

    @classmethod
    def remedy(cls) -> str:
        """The command that installs it."""
        if cls.programs:
            return install_command(*packages_of(*cls.programs))
        return f"reinstall the Python package {' '.join(cls.wheels)}"


def run_program(
    command: list[str], path: Path, count: int, limits: ProcessLimits, access: FileAccess, env: Mapping[str, str]
) -> CompletedProcess:
    """Run a program on `count` pages in the folder of their file; its output is mapped into memory.

    Raises `RasterizerError` where it fails or uses up its CPU time, `ToolError` where the machine is too busy.
    """
    cpu_seconds = math.ceil(limits.timeout_seconds + count * _SECONDS_PER_PAGE)
    done = process.run_process(
        command,
        cwd=path.parent,
        timeout_seconds=60 * cpu_seconds,  # a busy machine fails no good page
        cpu_seconds=cpu_seconds,
        memory_mb=limits.memory_mb,
        file_mb=limits.file_mb,
        access=access,
        env=env,
        map_output=True,
    )
    if done.stalled:
        raise ToolError(stalled_message(command[0]))
    if done.timed_out:
        raise RasterizerError(f"{command[0]} was stopped at the time limit")
    if not done.ok:
        raise RasterizerError(f"{command[0]} failed with status {done.returncode}: {stderr_tail(done)}")
    return done


def stderr_tail(done: CompletedProcess) -> str:
    """The end of what a program wrote to its standard error, in one line."""
    return " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
