r"""Batches of formulas to PDF pages, so that the result of a formula does not depend on the others.

A batch is one TeX run. Where a run does not end normally (a loop, exhausted memory, an open group, a fatal error),
nothing of it is used: the formula at which it stopped is typeset again alone, and those before and those after it in a
run each; where that formula is not known, those that change the encoding of their fonts are set apart, or the batch is
halved. So every result comes from a run that ended normally, or from a run of that formula alone.
"""

import math
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from im2latex.errors import ToolError
from im2latex.rendering import document
from im2latex.rendering.tex_log import PageResult, TexLog, first_error, pages_written, parse_log, system_failure
from im2latex.rendering.tex_process import JOB_NAME, MAX_PDF_MB, TexRunner
from im2latex.sandbox.process import CompletedProcess, stalled_message

# Over ten times what a formula takes in a batch, so that a slow machine fails no good batch.
_SECONDS_PER_FORMULA = 0.005

TIMEOUT = "timeout"
"""The reason of a formula that was stopped at a time limit."""


@dataclass(frozen=True)
class TypesetBatch:
    """One finished run: results by the formula's number, and the PDF with their pages, if there are any.

    The next batch of the iterator removes the PDF.
    """

    results: dict[int, PageResult]
    pdf: Path | None = None


class Typesetter:
    """Typesets batches of sanitized formulas with TeX."""

    def __init__(self, template: document.TemplateParams, tex: TexRunner, timeout_seconds: float) -> None:
        self._template = template
        self._tex = tex
        self._timeout_seconds = timeout_seconds

    def typeset(self, formulas: Sequence[str], margin_px: int) -> Iterator[TypesetBatch]:
        """Typeset all formulas on pages with that margin; each one's number is in the results of one `TypesetBatch`."""
        queue = deque([list(range(len(formulas)))] if formulas else [])
        while queue:
            numbers = queue.popleft()
            source, mark = document.body([formulas[number] for number in numbers], self._template, margin_px)
            with self._tex.run(source, cpu_seconds(self._timeout_seconds, len(numbers))) as (done, folder):
                log = _parse(done, mark)
                if log.finished:
                    results = {numbers[i]: result for i, result in log.results.items()}
                    yield TypesetBatch(results, folder / f"{JOB_NAME}.pdf")
                    continue
            if len(numbers) == 1:
                yield TypesetBatch({numbers[0]: _failure(done, log)})
            else:
                queue.extendleft(reversed(_retries(numbers, log)))


def cpu_seconds(timeout_seconds: float, formulas: int) -> float:
    """CPU time of a run of so many formulas; above one, whole seconds."""
    seconds = timeout_seconds + formulas * _SECONDS_PER_FORMULA
    return seconds if seconds < 1 else math.ceil(seconds)


def _parse(done: CompletedProcess, mark: str) -> TexLog:
    """The log of a run; a run with an incomplete PDF counts as not finished. Raises `ToolError`."""
    text = done.stdout.decode("utf-8", "replace")
    if done.stalled:
        raise ToolError(stalled_message("TeX"))
    # The time limit may be shorter than TeX needs to load its format: that is a timeout, and no failure of the system.
    output = text + done.stderr.decode("utf-8", "replace")
    if not done.timed_out and (failure := system_failure(output, mark)):
        raise ToolError(f"TeX failed before or beside the formulas: {failure}; see `im2latex doctor`")
    log = parse_log(text, mark)
    if log.finished and pages_written(text) != log.pages:
        return replace(log, finished=False, last=None)
    return log


def _retries(numbers: list[int], log: TexLog) -> list[list[int]]:
    """The runs that replace one that did not end normally."""
    if log.last is not None:
        parts = [numbers[: log.last], [numbers[log.last]], numbers[log.last + 1 :]]
    elif 0 < len(log.encodings) < len(numbers):
        suspects = [numbers[place] for place in sorted(log.encodings)]
        parts = [[number for number in numbers if number not in suspects], suspects]
    else:
        half = len(numbers) // 2
        parts = [numbers[:half], numbers[half:]]
    return [part for part in parts if part]


def _failure(done: CompletedProcess, log: TexLog) -> PageResult:
    """Reason for the abnormal end of the run of a single formula."""
    if done.timed_out:
        return PageResult(None, TIMEOUT, "stopped at the time limit")
    result = log.results.get(0)
    if result is not None and result.reason is not None:
        return result
    if log.left_open:
        return PageResult(None, "unbalanced", "a group or a box is left open")
    if done.returncode == -signal.SIGXFSZ:
        return PageResult(None, "too_complex", f"more than {MAX_PDF_MB} MB of PDF")
    if done.returncode < 0:
        return PageResult(None, "memory", f"killed by signal {-done.returncode}")
    # TeX loads the shapes of the characters only when it closes the PDF.
    error = first_error(done.stdout.decode("utf-8", "replace"))
    return error or PageResult(None, "tex_error", "TeX ended without a page")
