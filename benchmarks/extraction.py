"""Speed and yield of formula extraction from papers: python -m benchmarks.extraction COMMAND PAPERS --help

speed     megabytes of source per second
macros    whether an expanded formula renders the same image as with the definitions of its paper
"""

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import joblib
import typer

from benchmarks.harness import save
from im2latex.errors import LatexError, ToolError
from im2latex.images.compare import same_ink
from im2latex.latex.papers.archive import Paper, read_papers
from im2latex.latex.papers.display_conversion import display_to_formula
from im2latex.latex.papers.extract import extract
from im2latex.latex.papers.formula_collector import ExtractedFormula
from im2latex.latex.papers.input_files import main_files
from im2latex.latex.papers.lexer import tokens
from im2latex.latex.papers.macro_definitions import DEFINITION_COMMANDS, read_definition
from im2latex.latex.papers.macro_expander import MacroExpander
from im2latex.latex.papers.paper_reader import PaperReader, read_definitions
from im2latex.latex.papers.verbatim import remove_comments
from im2latex.rendering.document import TemplateParams
from im2latex.rendering.renderer import RenderParams, TexRenderer

app = typer.Typer(help=__doc__, pretty_exceptions_enable=False, rich_markup_mode=None)
Papers = Annotated[Path, typer.Argument(help="a folder or an archive of papers")]
_MAX_EXAMPLES = 15
_NAME = re.compile(r"\\[A-Za-z@]+")
_LENIENT = r"""\makeatletter\long\def\@ifdefinable#1#2{#2}\makeatother\let\renewcommand\newcommand
\let\NewDocumentCommand\DeclareDocumentCommand\let\RenewDocumentCommand\DeclareDocumentCommand
"""
"""Allows the definitions of a paper to replace those of the template."""


@app.command()
def speed(papers: Papers) -> None:
    """Extract formulas on all cores."""
    size = sum(len(text.encode()) for paper in read_papers(papers) for text in paper.files.values())
    out = Path("extraction-speed.jsonl")
    started = time.perf_counter()
    summary = extract([papers], out)
    seconds = time.perf_counter() - started
    out.unlink()
    result = {"papers": summary.papers, "megabytes": round(size / 1e6, 2), "formulas": summary.kept}
    save("extraction-speed", {**result, "megabytes_per_second": round(size / 1e6 / seconds, 2)})


@app.command()
def macros(papers: Papers) -> None:
    """Compare images at 200 dpi, rendered by pdfium; the trivial baseline does not expand macros."""
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    faults: list[dict[str, str]] = []
    tasks = (joblib.delayed(_compare)(paper) for paper in read_papers(papers))
    for paper_counts, failures, different in joblib.Parallel(n_jobs=-1, return_as="generator")(tasks):
        counts.update(paper_counts)
        reasons.update(failures)
        faults += different
    both = counts["same"] + counts["different"]
    rates = {
        "rate": round(counts["same"] / max(1, both), 5),
        "baseline_rate": round(counts["same_unexpanded"] / max(1, both), 5),
    }
    save(
        "extraction-macros",
        {**counts, **rates, "reasons": dict(reasons.most_common(12)), "faults": faults[:_MAX_EXAMPLES]},
    )


def _compare(paper: Paper) -> tuple[Counter[str], Counter[str], list[dict[str, str]]]:
    counts: Counter[str] = Counter(papers=1)
    reasons: Counter[str] = Counter()
    items, written = _with_macros(paper)
    counts["formulas"] += len(items)
    if not items:
        return counts, reasons, []
    plain = TexRenderer(RenderParams(rasterizer="pdfium"))
    template = TemplateParams(extra_preamble=_LENIENT + _preamble(paper, written))
    try:
        inside = TexRenderer(RenderParams(rasterizer="pdfium", template=template)).render(written)
    except ToolError:
        counts["papers_whose_definitions_do_not_compile"] += 1
        return counts, reasons, []
    expanded = plain.render([item.formula or "" for item in items])
    unexpanded = plain.render(written)
    faults = []
    for item, source, a, b, c in zip(items, written, inside, expanded, unexpanded, strict=True):
        if a.pixels is None or b.pixels is None:
            which = (
                "neither"
                if a.pixels is None and b.pixels is None
                else "only_expanded"
                if b.pixels is not None
                else "only_written"
            )
            counts[which] += 1
            reasons[f"{which}: {(a if a.pixels is None else b).reason}"] += 1
            continue
        same = same_ink(a.pixels, b.pixels)
        counts["same" if same else "different"] += 1
        counts["same_unexpanded"] += c.pixels is not None and same_ink(a.pixels, c.pixels)
        if not same:
            faults.append({"paper": paper.name[:40], "written": source, "expanded": item.formula or ""})
    return counts, reasons, faults


def _with_macros(paper: Paper) -> tuple[list[ExtractedFormula], list[str]]:
    """The formulas with expanded macros, and their source."""
    reader = PaperReader(paper.files, 1, MacroExpander())
    items, written = [], []
    for item in reader.paper():
        if item.formula is None:
            continue
        try:
            source = display_to_formula(tokens(item.raw), item.env)
        except LatexError:
            continue
        if source != item.formula:
            if item.formula.startswith("{") and not source.startswith(
                "{"
            ):  # the macro contains a fraction; see latex.papers.display_conversion
                source = f"{{{source}}}"
            items.append(item)
            written.append(source)
    return items, written


def _preamble(paper: Paper, formulas: list[str]) -> str:
    """Definitions of the paper that its formulas use; those of its main files come last."""
    main = main_files(paper.files)
    known = MacroExpander()
    found = []
    for path in [*(path for path in sorted(paper.files) if path not in main), *main]:
        for definition in _definitions(remove_comments(paper.files[path]), known):
            names = read_definitions(definition).definitions.keys()
            found.append((names, definition.replace("\1", " ")))
    needed = {token for formula in formulas for token in tokens(formula)} & known.definitions.keys()
    while (
        more := {token for name in needed for token in known.definitions[name].body} & known.definitions.keys() - needed
    ):
        needed |= more
    return "\n".join(definition for names, definition in found if needed & names)


def _definitions(source: str, macros: MacroExpander) -> Iterator[str]:
    """Add every definition of a source to `macros`; yields the source of each."""
    place = 0
    while match := _NAME.search(source, place):
        place = match.end()
        name = macros.primitive(match[0])
        end = read_definition(name, source, place, macros) if name in DEFINITION_COMMANDS else place
        if end > place:
            yield name + source[place:end]
        place = end


if __name__ == "__main__":
    app()
