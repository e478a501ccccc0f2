"""Extraction of raw formulas, with their provenance, from the sources of papers.

writes  FORMULAS.jsonl     {"id", "paper", "file", "line", "env", "formula"} per line; papers by name, then text order
        REJECTS.jsonl      {"paper", "file", "line", "env", "raw", "reason"} per line, if requested
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

import joblib
from tqdm import tqdm

from im2latex.errors import InputError
from im2latex.latex.papers.archive import Paper, read_papers, read_source
from im2latex.latex.papers.formula_collector import ExtractedFormula
from im2latex.latex.papers.macro_expander import MacroExpander
from im2latex.latex.papers.paper_reader import PaperReader, read_definitions
from im2latex.latex.papers.verbatim import remove_comments
from im2latex.parallel.parent_death_signal import delayed
from im2latex.parallel.process_pool import worker_count


@dataclass
class ExtractionReport:
    """Counts of an extraction: found = kept + rejected. `notes` counts other events, such as a missing input."""

    papers: int = 0
    found: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Format the counts as one line."""
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.reasons.most_common())
        notes = ", ".join(f"{note} {count:,}" for note, count in self.notes.most_common())
        rejected = f"{self.found - self.kept:,} rejected" + (f" ({reasons})" if reasons else "")
        return f"{self.papers:,} papers, {self.kept:,} formulas, {rejected}" + (f"; {notes}" if notes else "")


def extract(
    places: Sequence[Path],
    out: Path,
    min_inline: int | None = 25,
    rejects: Path | None = None,
    macros_file: Path | None = None,
) -> ExtractionReport:
    """Write the formulas of all papers; inline formulas have at least `min_inline` characters, None excludes them.

    A source that cannot be read is listed in the report, and the others are processed. The output does not depend on
    the number of workers. Raises `InputError` where no source could be read.
    """
    report = ExtractionReport()
    known = read_definitions(remove_comments(read_source(macros_file))) if macros_file else MacroExpander()
    files = {path: path.with_name(path.name + ".partial") for path in (out, rejects) if path}
    with ExitStack() as stack:
        kept, *others = [stack.enter_context(_opened(partial)) for partial in files.values()]
        refused = others[0] if others else None
        bar = stack.enter_context(tqdm(desc="extract", unit="paper", disable=None, delay=2))
        pool = joblib.Parallel(n_jobs=worker_count(), return_as="generator", pre_dispatch="4*n_jobs")
        for paper, found, notes in pool(
            delayed(_read)(paper, min_inline, known) for paper in _all_papers(places, report)
        ):
            report.papers += 1
            report.notes.update(notes)
            if not found:
                report.notes["paper_without_formula"] += 1
            for number, item in enumerate(found):
                report.found += 1
                if item.formula is None:
                    report.reasons[item.reason] += 1
                    if refused:
                        refused.write(_line(paper, item, {"raw": item.raw, "reason": item.reason}))
                else:
                    report.kept += 1
                    kept.write(_line(paper, item, {"formula": item.formula}, f"{paper}:{number}"))
            bar.update()
    for path, partial in files.items():
        if report.papers:
            partial.replace(path)
        else:
            partial.unlink()
    if not report.papers:
        raise InputError("; ".join(report.unreadable) or "no paper was given")
    return report


def _opened(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A file name may hold bytes that are no text: `\\udce9` in JSON restores them.
    return path.open("w", encoding="utf-8", errors="backslashreplace")


def _all_papers(places: Iterable[Path], report: ExtractionReport) -> Iterator[Paper]:
    """Yield the papers of all sources; a repeated name gets a number, since names are groups and parts of ids."""
    names: Counter[str] = Counter()
    for place in places:
        try:
            for paper in read_papers(place):
                names[paper.name] += 1
                report.notes.update({"left_out": paper.left_out} if paper.left_out else {})
                again = names[paper.name]
                yield replace(paper, name=f"{paper.name}~{again}") if again > 1 else paper
        except InputError as error:
            report.unreadable.append(str(error))


def _read(
    paper: Paper, min_inline: int | None, known: MacroExpander
) -> tuple[str, list[ExtractedFormula], dict[str, int]]:
    reader = PaperReader(paper.files, min_inline, known.copy())
    return paper.name, reader.paper(), reader.reasons


def _line(paper: str, item: ExtractedFormula, rest: dict[str, str], name: str | None = None) -> str:
    place = {"paper": paper, "file": item.file, "line": item.line, "env": item.env}
    return json.dumps(({"id": name} if name else {}) | place | rest, ensure_ascii=False) + "\n"
