r"""Formulas to PDF pages and verdicts, such that no formula can touch the fate of another.

A batch is one TeX run in a throw-away folder. Where a run does not end in good order (a loop, exhausted memory, an
open group, a fatal error) nothing of it is used: the formula it stopped in is set again alone, and so are, in two
runs, those before and those after it; a run that names no culprit is halved. So every verdict comes from a run that
ended in good order, or from a run of that formula alone.
"""

import math
import re
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from im2latex.errors import ToolError
from im2latex.rendering import document, tex_log
from im2latex.rendering.tex_log import PageResult, TexLog
from im2latex.rendering.tex_process import JOB, MOST_PDF_MB, TexRunner
from im2latex.sandbox.process import CompletedProcess, stalled_message

_SECONDS_PER_FORMULA = 0.005  # over ten times what one takes in a batch, so that a slow machine fails no good batch
TIMEOUT = "timeout"
"""The reason of a formula that was stopped at a time limit."""
_OUTPUT = re.compile(r"^Output written on .*\((\d+) pages?", re.MULTILINE)


@dataclass(frozen=True)
class TypesetBatch:
    """One finished run: verdicts by the formula's number, and the PDF with the pages they name, if there are any.

    The PDF is gone as soon as the next `TypesetBatch` is asked for.
    """

    verdicts: dict[int, PageResult]
    pdf: Path | None = None


class Typesetter:
    """Sets batches of screened formulas by runs of TeX."""

    def __init__(self, template: document.TemplateParams, tex: TexRunner, timeout_seconds: float) -> None:
        self._template = template
        self._tex = tex
        self._timeout_seconds = timeout_seconds

    def typeset(self, formulas: Sequence[str], margin_px: int) -> Iterator[TypesetBatch]:
        """Set all formulas, on pages with that margin; each one's number is in the verdicts of one `TypesetBatch`."""
        queue = deque([list(range(len(formulas)))] if formulas else [])
        while queue:
            numbers = queue.popleft()
            source, mark = document.body([formulas[number] for number in numbers], self._template, margin_px)
            with self._tex.run(source, cpu_seconds(self._timeout_seconds, len(numbers))) as (done, folder):
                record = _read(done, mark)
                if record.finished:
                    verdicts = {numbers[i]: verdict for i, verdict in record.verdicts.items()}
                    yield TypesetBatch(verdicts, folder / f"{JOB}.pdf")
                    continue
            if len(numbers) == 1:
                yield TypesetBatch({numbers[0]: _cause_of_death(done, record)})
            else:
                queue.extendleft(reversed(_around(numbers, record.last)))


def cpu_seconds(timeout_seconds: float, formulas: int) -> float:
    """Processor time of a run that sets so many formulas; above one, whole seconds."""
    seconds = timeout_seconds + formulas * _SECONDS_PER_FORMULA
    return seconds if seconds < 1 else math.ceil(seconds)


def _read(done: CompletedProcess, mark: str) -> TexLog:
    """What a run said; one whose PDF is not whole counts as not finished. Raises `ToolError`."""
    text = done.stdout.decode("utf-8", "replace")
    if done.stalled:
        raise ToolError(stalled_message("TeX"))
    # A processor limit may be as short as TeX needs for its format: that is a time-out, and no failure of the system.
    said = text + done.stderr.decode("utf-8", "replace")
    if not done.timed_out and (failure := tex_log.failure_of_the_system(said, mark)):
        raise ToolError(f"TeX failed before or beside the formulas: {failure}; see `im2latex doctor`")
    record = tex_log.read(text, mark)
    if record.finished and not _complete(text, record):
        return TexLog(record.verdicts, finished=False, last=None)
    return record


def _complete(text: str, record: TexLog) -> bool:
    """Whether the PDF was written, and with a page for each formula that says it has one."""
    written = _OUTPUT.search(text)
    return (int(written[1]) if written else 0) == record.pages


def _around(numbers: list[int], last: int | None) -> list[list[int]]:
    """The runs that replace one that died in its formula number `last`."""
    if last is None:
        half = len(numbers) // 2
        return [numbers[:half], numbers[half:]]
    return [part for part in (numbers[:last], [numbers[last]], numbers[last + 1 :]) if part]


def _cause_of_death(done: CompletedProcess, record: TexLog) -> PageResult:
    """Why the run of a formula alone did not end in good order."""
    if done.timed_out:
        return PageResult(None, TIMEOUT, "stopped at the time limit")
    said = record.verdicts.get(0)
    if said is not None and said.reason is not None:
        return said
    if record.lost:
        return PageResult(None, "unbalanced", "a group or a box is left open")
    if done.returncode == -signal.SIGXFSZ:
        return PageResult(None, "too_complex", f"more than {MOST_PDF_MB} MB of PDF")
    if done.returncode < 0:
        return PageResult(None, "memory", f"killed by signal {-done.returncode}")
    # TeX looks for the shapes of the characters only when it closes the PDF.
    last = tex_log.complaint(done.stdout.decode("utf-8", "replace"))
    return last or PageResult(None, "tex_error", "TeX ended without a page")
