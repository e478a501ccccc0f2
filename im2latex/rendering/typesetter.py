r"""Formulas to PDF pages and verdicts, such that no formula can touch the fate of another.

A batch is one TeX run in a throw-away folder. Where a run does not end in good order (a loop, exhausted memory, an
open group, a fatal error) nothing of it is used: the formula it stopped in is set again alone, and so are, in two
runs, those before and those after it; a run that names no culprit is halved. So every verdict comes from a run that
ended in good order, or from a run of that formula alone.
"""

import math
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from im2latex.params import Params
from im2latex.rendering import document, process, texformat, transcript
from im2latex.rendering.process import Completed
from im2latex.rendering.transcript import Transcript, Verdict

MEMORY_FOLDER = Path("/dev/shm")
_JOB = "batch"
_SECONDS_PER_FORMULA = 0.005  # over ten times what one takes in a batch, so that a slow machine fails no good batch
_OUTPUT = re.compile(r"^Output written on .*\((\d+) pages?", re.MULTILINE)


class LimitParams(Params):
    """What one run of TeX or of a rasterizer may use."""

    timeout_seconds: float = Field(
        default=3, gt=0, description="processor time for a formula set alone, counted in whole seconds"
    )
    memory_mb: int = Field(default=2048, ge=256, description="address space")
    file_mb: int = Field(default=128, ge=8, description="size of a file it writes, of its output too")


@dataclass(frozen=True)
class Printed:
    """One finished run: verdicts by the formula's number, and the PDF with the pages they name, if there are any.

    The PDF is gone as soon as the next `Printed` is asked for.
    """

    verdicts: dict[int, Verdict]
    pdf: Path | None = None


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """A new empty folder, in memory where possible, gone afterwards."""
    try:
        folder = tempfile.mkdtemp(prefix="im2latex-", dir=MEMORY_FOLDER)
    except OSError:
        folder = tempfile.mkdtemp(prefix="im2latex-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Typesetter:
    """Sets batches of screened formulas with one compiled preamble."""

    def __init__(self, template: document.TemplateParams, preamble: texformat.Format, limits: LimitParams) -> None:
        self._template = template
        self._format = preamble
        self._limits = limits

    def typeset(self, formulas: Sequence[str]) -> Iterator[Printed]:
        """Set all formulas; every number of `formulas` is in the verdicts of exactly one `Printed`."""
        queue = deque([list(range(len(formulas)))] if formulas else [])
        while queue:
            numbers = queue.popleft()
            with throwaway_folder() as folder:
                done, record = self._run([formulas[number] for number in numbers], folder)
                if record.finished:
                    yield Printed(
                        {numbers[i]: verdict for i, verdict in record.verdicts.items()}, folder / f"{_JOB}.pdf"
                    )
                    continue
            if len(numbers) == 1:
                yield Printed({numbers[0]: _cause_of_death(done, record)})
            else:
                queue.extendleft(reversed(_around(numbers, record.last)))

    def _run(self, formulas: Sequence[str], folder: Path) -> tuple[Completed, Transcript]:
        """One TeX run in `folder`."""
        source, mark = document.body(formulas, self._template)
        (folder / f"{_JOB}.tex").write_text(source, encoding="utf-8")
        cpu_seconds = math.ceil(self._limits.timeout_seconds + len(formulas) * _SECONDS_PER_FORMULA)
        done = process.run(
            ["pdftex", f"-fmt={self._format.path}", "-no-shell-escape", "-interaction=nonstopmode", f"{_JOB}.tex"],
            cwd=folder,
            timeout_seconds=10 * cpu_seconds,
            cpu_seconds=cpu_seconds,
            memory_mb=self._limits.memory_mb,
            file_mb=self._limits.file_mb,
            env=texformat.TEX_ENVIRONMENT,
        )
        text = done.stdout.decode("utf-8", "replace")
        record = transcript.read(text, mark)
        if record.finished and not _complete(text, record):
            record = Transcript(record.verdicts, finished=False, last=None)
        return done, record


def _complete(text: str, record: Transcript) -> bool:
    """Whether the PDF was written, and with a page for each formula that says it has one."""
    written = _OUTPUT.search(text)
    return (int(written[1]) if written else 0) == record.pages


def _around(numbers: list[int], last: int | None) -> list[list[int]]:
    """The runs that replace one that died in its formula number `last`."""
    if last is None:
        half = len(numbers) // 2
        return [numbers[:half], numbers[half:]]
    return [part for part in (numbers[:last], [numbers[last]], numbers[last + 1 :]) if part]


def _cause_of_death(done: Completed, record: Transcript) -> Verdict:
    """Why the run of a formula alone did not end in good order."""
    if done.timed_out:
        return Verdict(None, "timeout", "stopped at the time limit")
    said = record.verdicts.get(0)
    if said is not None and said.reason is not None:
        return said
    if record.lost:
        return Verdict(None, "unbalanced", "a group or a box is left open")
    if done.returncode < 0:
        return Verdict(None, "memory", f"killed by signal {-done.returncode}")
    return Verdict(None, "tex_error", "TeX ended without a page")
