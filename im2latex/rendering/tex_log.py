r"""Read from TeX's transcript what became of each formula of a batch.

Text in, verdicts out. Between a formula's marker and the next stands all that TeX said about it. Any error fails
the formula, whether or not a page came out, and so do the warnings that mean an image other than the formula says.
"""

import re
from dataclasses import dataclass

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
_TELLING = re.compile(r"! |!pdfTeX error: .*: Font |LaTeX Warning: (?:Command|Reference|Citation)")
_LINE_NUMBER = re.compile(r" on input line \d+\.?$")  # of the batch: it would tell of the neighbours
_OF_THE_SYSTEM = re.compile(
    r"^(?:! I can't write on file `batch\.|!pdfTeX error: .*(?:cannot open|fwrite|fflush|write)).*",
    re.MULTILINE,
)
_LAST_MACRO = re.compile(r"\\(?:[A-Za-z@]+|.)\s*$")


@dataclass(frozen=True)
class PageResult:
    """What TeX said of one formula: it has a `page`, counted from 1, of `size` (H, W) pixels, or a `reason`."""

    page: int | None
    reason: str | None = None
    detail: str = ""
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class TexLog:
    """Verdicts by the formula's number in the batch, and how the run ended.

    `finished`: in good order. `lost`: at a formula that left something open. `last`: the formula that TeX was in,
    None where that is not known. `pages`: how many pages it says it wrote, those of failed formulas included.
    """

    verdicts: dict[int, PageResult]
    finished: bool
    last: int | None
    lost: bool = False
    pages: int = 0


def failure_of_the_system(text: str, mark: str) -> str | None:
    """Why the transcript of a run tells nothing of its formulas: TeX did not get to them, or could not read or write.

    A font that is listed as an outline and has no file is such a reason: the TeX installation is not whole.
    """
    if found := _OF_THE_SYSTEM.search(text):
        return found[0]
    if f"\n{mark} " in text:
        return None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def read(text: str, mark: str) -> TexLog:
    """Sort the transcript of one run, whose messages open with `mark`, by formula."""
    verdicts: dict[int, PageResult] = {}
    pages = 0
    last: int | None = None
    words = set()
    for chunk in text.split(f"\n{mark} ")[1:]:
        message, _, rest = chunk.partition("\n")
        word, *values = message.split()
        words.add(word)
        if word == "start":
            last = int(values[0])
        elif word == "page":
            pages += 1
        # What was said after `start` is about the formula; an error between `page` and the next `start` counts too.
        verdict = complaint(rest) or _dimensions(word, values, pages)
        if verdict is not None and last is not None:
            verdicts.setdefault(last, verdict)
    return TexLog(verdicts, "finish" in words, last, "lost" in words, pages)


def _dimensions(word: str, values: list[str], page: int) -> PageResult | None:
    """The verdict of a message about the size of the box."""
    if word == "page":
        return PageResult(page, size=(int(values[1]), int(values[0])))
    return PageResult(None, f"too_{word}", f"{values[0]} px") if word in ("wide", "tall") else None


def complaint(text: str) -> PageResult | None:
    """The first error, or warning that counts as one, with its reason."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not _TELLING.match(line):
            continue
        for reason, pattern in _REASONS:
            if found := pattern.match(line):
                detail = found.groupdict().get("name")
                if reason == "undefined_macro":
                    detail = _macro(lines[number + 1 : number + 2])
                return PageResult(None, reason, _LINE_NUMBER.sub("", detail or line.removeprefix("! ")).strip())
    return None


def _macro(context: list[str]) -> str:
    """The macro TeX stopped at: the last thing in the line of context that it prints up to there."""
    found = _LAST_MACRO.search(context[0]) if context else None
    return found[0].strip() if found else ""
