r"""Batches of formulas to PDF pages, so that the result of a formula does not depend on the others.

A batch is one TeX run. Where a run does not end normally (a loop, exhausted memory, an open group, a fatal error),
nothing of it is used: the formula at which it stopped is typeset again alone, and those before and those after it in a
run each; where that formula is not known, the batch is halved. So every result comes from a run that ended normally,
or from a run of that formula alone.

What TeX prints between the marker of a formula and the next one is about that formula. Any error fails the formula,
whether or not TeX made a page, and so do the warnings that mean a wrong image.
"""

import math
import re
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from im2latex.errors import ToolError
from im2latex.rendering import document
from im2latex.rendering.tex_process import JOB_NAME, MAX_PDF_MB, TexRunner
from im2latex.sandbox.process import CompletedProcess, stalled_message

_SECONDS_PER_FORMULA = (
    0.005  # over ten times what a formula takes in a batch, so that a slow machine fails no good batch
)
TIMEOUT = "timeout"
"""The reason of a formula that was stopped at a time limit."""
_OUTPUT = re.compile(r"^Output written on .*\((\d+) pages?", re.MULTILINE)
# First match wins; a group `name` becomes the detail.
_REASONS = [
    (reason, re.compile(pattern))
    for reason, pattern in (
        ("undefined_macro", r"! Undefined control sequence"),
        ("undefined_environment", r"! LaTeX Error: Environment (?P<name>\S+) undefined"),
        ("undefined_color", r"! Package x?color Error: Undefined color"),
        ("missing_character", r"! Missing character: There is no (?P<name>.*?) in font"),
        ("missing_font", r"! Font .*?=(?P<name>\S+) .*not loadable: Metric \(TFM\)"),
        ("missing_font", r"!pdfTeX error: .*: Font (?P<name>\S+) at \d+ not found"),
        ("missing_character", r"! (?:LaTeX|Package inputenc) Error: (?:Unicode character|Invalid UTF-8)(?P<name>.*)"),
        ("missing_dollar", r"! Missing \$ inserted|! Display math should end with"),
        ("extra_alignment", r"! Extra alignment tab|! Misplaced|! Missing # inserted|! Missing \\cr inserted"),
        ("runaway", r"! Paragraph ended before|! File ended while|! Argument of .* has an extra|! Forbidden control"),
        ("unbalanced", r"! Missing [{}] inserted|! Extra |! Missing delimiter|! Missing \\right|! Missing \\endgroup"),
        ("unbalanced", r"! LaTeX Error: \\begin\{.*ended by|! Too many }"),
        ("too_deep", r"! TeX capacity exceeded, sorry \[(?:grouping levels|semantic nest|input stack|parameter stack)"),
        ("too_deep", r"! LaTeX Error: Too deeply nested"),
        ("memory", r"! TeX capacity exceeded"),
        ("dimension_too_large", r"! Dimension too large|! Arithmetic overflow|! Number too big"),
        ("too_many_alphabets", r"! LaTeX Error: Too many math alphabets"),
        ("double_script", r"! Double (?:superscript|subscript)"),
        ("bad_length", r"! Missing number|! Illegal unit|! LaTeX Error: Illegal character in array arg"),
        ("wrong_mode", r"! You can't use|! LaTeX Error: (?:Command .* invalid|Bad math|Not in outer|Not allowed)"),
        ("wrong_mode", r"! Please use \\mathaccent|.* allowed only in |.* not allowed here|! Improper"),
        ("wrong_mode", r"LaTeX Warning: Command .* invalid in math mode"),
        ("undefined_reference", r"LaTeX Warning: (?:Reference|Citation) (?P<name>.*?) (?:on page|undefined)"),
        ("tex_error", r"! (?P<name>.*)"),
    )
]
_RELEVANT_LINE = re.compile(r"! |!pdfTeX error: .*: Font |LaTeX Warning: (?:Command|Reference|Citation)")
_LINE_NUMBER = re.compile(r" on input line \d+\.?$")  # of the batch: depends on the other formulas
_SYSTEM_FAILURE = re.compile(
    r"^(?:! I can't write on file `batch\.|!pdfTeX error: .*(?:cannot open|fwrite|fflush|write)).*",
    re.MULTILINE,
)
_LAST_MACRO = re.compile(r"\\(?:[A-Za-z@]+|.)\s*$")


@dataclass(frozen=True)
class PageResult:
    """The result of one formula: a `page`, counted from 1, of `size` (H, W) pixels, or the `reason` for its failure."""

    page: int | None
    reason: str | None = None
    detail: str = ""
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class TexLog:
    """Results by the formula's number in the batch, and how the run ended.

    `finished`: normally. `left_open`: at a formula that left a group or a box open. `last`: the formula that TeX was
    processing, None where that is not known. `pages`: how many pages TeX reports, those of failed formulas included.
    """

    results: dict[int, PageResult]
    finished: bool
    last: int | None
    left_open: bool = False
    pages: int = 0


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
                queue.extendleft(reversed(_retries(numbers, log.last)))


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
    if log.finished and not _complete(text, log):
        return TexLog(log.results, finished=False, last=None)
    return log


def _complete(text: str, log: TexLog) -> bool:
    """Whether TeX wrote the PDF, with a page for each formula that reports one."""
    written = _OUTPUT.search(text)
    return (int(written[1]) if written else 0) == log.pages


def _retries(numbers: list[int], last: int | None) -> list[list[int]]:
    """The runs that replace one that ended in its formula number `last`."""
    if last is None:
        half = len(numbers) // 2
        return [numbers[:half], numbers[half:]]
    return [part for part in (numbers[:last], [numbers[last]], numbers[last + 1 :]) if part]


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


def system_failure(text: str, mark: str) -> str | None:
    """Failure of a run that no formula caused: TeX did not reach them, or could not read or write a file.

    An outline font that is listed and has no file is such a reason: the TeX installation is incomplete.
    """
    if found := _SYSTEM_FAILURE.search(text):
        return found[0]
    if f"\n{mark} " in text:
        return None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


def parse_log(text: str, mark: str) -> TexLog:
    """Parse the log of one run, whose messages start with `mark`."""
    results: dict[int, PageResult] = {}
    pages = 0
    last: int | None = None
    keywords = set()
    for chunk in text.split(f"\n{mark} ")[1:]:
        message, _, rest = chunk.partition("\n")
        keyword, *values = message.split()
        keywords.add(keyword)
        if keyword == "start":
            last = int(values[0])
        elif keyword == "page":
            pages += 1
        # Everything after `start` is about the formula; an error between `page` and the next `start` counts too.
        result = first_error(rest) or _page_or_size(keyword, values, pages)
        if result is not None and last is not None:
            results.setdefault(last, result)
    return TexLog(results, "finish" in keywords, last, "lost" in keywords, pages)


def _page_or_size(keyword: str, values: list[str], page: int) -> PageResult | None:
    """The result of a message about the page, or about a box that is too large."""
    if keyword == "page":
        return PageResult(page, size=(int(values[1]), int(values[0])))
    return PageResult(None, f"too_{keyword}", f"{values[0]} px") if keyword in ("wide", "tall") else None


def first_error(text: str) -> PageResult | None:
    """The first error, or warning that counts as one, with its reason."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not _RELEVANT_LINE.match(line):
            continue
        for reason, pattern in _REASONS:
            if found := pattern.match(line):
                detail = found.groupdict().get("name")
                if reason == "undefined_macro":
                    detail = _macro(lines[number + 1 : number + 2])
                return PageResult(None, reason, _LINE_NUMBER.sub("", detail or line.removeprefix("! ")).strip())
    return None


def _macro(context: list[str]) -> str:
    """The macro at which TeX stopped: the last one in the line of context, which ends there."""
    found = _LAST_MACRO.search(context[0]) if context else None
    return found[0].strip() if found else ""
