r"""Log of a TeX run: the result of each formula, and the reason for which TeX rejected it.

What TeX prints between the marker of a formula and the next one is about that formula. Any error fails the formula,
whether or not TeX made a page, and so do the warnings that mean a wrong image.
"""

import re
from dataclasses import dataclass

REASONS = [
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
"""Reason of a rejected formula, and the messages of TeX that mean it; the first match wins.

A group `name` in the pattern becomes the detail.
"""
_RELEVANT_LINE = re.compile(r"! |!pdfTeX error: .*: Font |LaTeX Warning: (?:Command|Reference|Citation)")
_LINE_NUMBER = re.compile(r" on input line \d+\.?$")  # of the batch: depends on the other formulas
_SYSTEM_FAILURE = re.compile(
    r"^(?:! I can't write on file `batch\.|!pdfTeX error: .*(?:cannot open|fwrite|fflush|write)).*",
    re.MULTILINE,
)
_LAST_MACRO = re.compile(r"\\(?:[A-Za-z@]+|.)\s*$")
_PAGES_WRITTEN = re.compile(r"^Output written on .*\((\d+) pages?", re.MULTILINE)


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
    `encodings`: the formulas that change the encoding of their fonts.
    """

    results: dict[int, PageResult]
    finished: bool
    last: int | None
    left_open: bool = False
    pages: int = 0
    encodings: frozenset[int] = frozenset()


def pages_written(text: str) -> int:
    """The number of pages in the PDF, as TeX reports it at its end; 0 without a report."""
    written = _PAGES_WRITTEN.search(text)
    return int(written[1]) if written else 0


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
    keywords, encodings = set(), set()
    for chunk in text.split(f"\n{mark} ")[1:]:
        message, _, rest = chunk.partition("\n")
        keyword, *values = message.split()
        keywords.add(keyword)
        if keyword == "start":
            last = int(values[0])
        elif keyword == "page":
            pages += 1
        elif keyword == "encoding" and last is not None:
            encodings.add(last)
        # Everything after `start` is about the formula; an error between `page` and the next `start` counts too.
        result = first_error(rest) or _page_or_size(keyword, values, pages)
        if result is not None and last is not None:
            results.setdefault(last, result)
    return TexLog(results, "finish" in keywords, last, "lost" in keywords, pages, frozenset(encodings))


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
        for reason, pattern in REASONS:
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
