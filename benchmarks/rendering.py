"""Speed of the renderer on real formulas: python -m benchmarks.rendering COMMAND --help

speed    formulas a second from text to Parquet, beside the tools alone and beside one pdflatex and one gs a formula
scale    milliseconds a formula, for ever more formulas
single   milliseconds for one formula by itself
labels   what becomes of each label of a file, as given and normalized
"""

import os
import resource
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import joblib
import numpy as np
import typer

from benchmarks.harness import load, save
from im2latex.config import load_section
from im2latex.errors import LatexError
from im2latex.images.arrays import encode_png, to_dataset_image
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.parallel.part_cache import Job, PartCache, run_jobs
from im2latex.parallel.workers import worker_count
from im2latex.rendering import document, sanitize, tex_format
from im2latex.rendering.dataset_images import DatasetRenderer
from im2latex.rendering.rasterizers import pdfium, pgm_worker
from im2latex.rendering.rasterizers.registry import RASTERIZERS, create_rasterizer
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.rendering.tex_process import TexLauncher
from im2latex.rendering.typesetter import Typesetter
from im2latex.sandbox.scratch import temporary_folder
from pipeline.project_renderer import RenderStageParams

PART_ROWS = 500
_PAUSE = 0.05  # seconds between two formulas of one person
_US_AND_CHILDREN = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
_GS = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pnggray", "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4"]
_USUAL_TOOLS = {
    "ghostscript": [*_GS, "-r{dpi}", "-o", "a.png", "a.pdf"],
    "imagemagick": ["convert", "-density", "{dpi}", "a.pdf", "-quality", "100", "a.png"],
}

File = Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")]
app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def speed(
    file: File,
    count: int = 4000,
    usual: int = 60,
    rasterizer: Annotated[list[str] | None, typer.Option(help="by default all")] = None,
) -> None:
    """Formulas a second; the usual ways are timed on the first `usual` of the same formulas."""
    stage = load_section("render", RenderStageParams)
    formulas = _that_typeset(load(file, count), stage.renderer)
    workers = worker_count()
    result: dict[str, object] = {"formulas": len(formulas), "workers": workers}
    rates: dict[str, float] = {}
    for tool in _USUAL_TOOLS:
        _usual_way(formulas[: 2 * workers], tool, stage.renderer.dpi, workers)  # so that nobody waits for processes
        rates[tool] = usual / _seconds(partial(_usual_way, formulas[:usual], tool, stage.renderer.dpi, workers))
    result["usual_way_per_second"] = rates
    for name in rasterizer or RASTERIZERS:
        chosen = stage.model_copy(update={"renderer": _with(stage.renderer, name)})
        rate = len(formulas) / _seconds(partial(_to_parquet, formulas, chosen))
        steps = _steps(formulas[:1000], chosen)
        result[name] = {
            "per_second": rate,
            "times_usual": {tool: rate / usual_rate for tool, usual_rate in rates.items()},
            "share_of_tools_alone": rate * (steps["tex"] + steps["rasterizer"]) / 1000 / workers,
            "cpu_ms": steps,
            "peak_process_mb": max(resource.getrusage(who).ru_maxrss for who in _US_AND_CHILDREN) / 1024,
        }
    save("rendering-speed", result)


@app.command()
def scale(file: File, counts: tuple[int, int, int] = (1000, 10_000, 100_000), rasterizer: str = "pdfium") -> None:
    """Milliseconds a formula from text to Parquet, for ever more formulas, and the largest process."""
    stage = load_section("render", RenderStageParams)
    chosen = stage.model_copy(update={"renderer": _with(stage.renderer, rasterizer)})
    formulas = load(file, max(counts))
    _to_parquet(formulas[: 2 * PART_ROWS], chosen)  # so that no timing holds the preamble and the start of processes
    result: dict[str, object] = {"rasterizer": rasterizer, "workers": worker_count()}
    for count in counts:
        found = formulas[:count]
        result[f"{len(found)}"] = {
            "ms_per_formula": 1000 * _seconds(partial(_to_parquet, found, chosen)) / len(found),
            "peak_process_mb": max(resource.getrusage(who).ru_maxrss for who in _US_AND_CHILDREN) / 1024,
        }
    save(f"rendering-scale-{rasterizer}", result)


@app.command()
def single(file: File, count: int = 100) -> None:
    """Milliseconds from one formula to its pixels: a new TeX process each, and processes that wait for one."""
    stage = load_section("render", RenderStageParams)
    formulas = _that_typeset(load(file, count), stage.renderer)
    result: dict[str, object] = {"formulas": len(formulas)}
    for name in ("pdfium", "ghostscript"):
        for ready in (0, 2):
            renderer = TexRenderer(_with(stage.renderer, name), pool_size=ready)
            renderer.render_one(formulas[0])
            times = []
            for formula in formulas:
                time.sleep(_PAUSE)
                times.append(1000 * _seconds(partial(renderer.render_one, formula)))
            renderer.close()
            result[f"{name}, {ready} ready"] = {
                "median_ms": float(np.median(times)),
                "p95_ms": float(np.percentile(times, 95)),
            }
    save("rendering-single", result)


@app.command()
def labels(file: File, count: int = 0) -> None:
    """Share of labels with an image, and the reasons of the others."""
    params = load_section("render", RenderStageParams).renderer
    given = file.read_text(encoding="utf-8").splitlines()
    given = given[:count] if count else given
    forms = {"as_given": given, "normalized": [_normalized(text) for text in given]}
    result: dict[str, object] = {"labels": len(given)}
    for name, texts in forms.items():
        started = time.monotonic()
        reasons = _reasons(texts, params)
        result[name] = {
            "rendered": reasons["rendered"] / len(given),
            "seconds": time.monotonic() - started,
            "reasons": dict(reasons.most_common()),
        }
    save("rendering-labels", result)


def _normalized(text: str) -> str:
    """The normalized form, or the text itself where the normalizer refuses it."""
    try:
        return Normalizer(NormalizerParams()).normalize(text)
    except LatexError:
        return text


def _reasons(texts: Sequence[str], params: RenderParams) -> Counter[str]:
    """How many have an image, and why the others have none."""
    parts = [texts[start : start + PART_ROWS] for start in range(0, len(texts), PART_ROWS)]
    pool = joblib.Parallel(n_jobs=worker_count())
    return Counter(
        reason for part in pool(joblib.delayed(_reasons_of)(part, params) for part in parts) for reason in part
    )


def _reasons_of(texts: Sequence[str], params: RenderParams) -> list[str]:
    return [drawn.reason or "rendered" for drawn in TexRenderer(params).render(texts)]


def _that_typeset(formulas: Sequence[str], params: RenderParams) -> list[str]:
    """Those that have an image; compiles the preamble, so that no timing holds it."""
    drawn = TexRenderer(_with(params, "pdfium")).render(formulas)
    return [formula for formula, rendering in zip(formulas, drawn, strict=True) if rendering.pixels is not None]


def _with(params: RenderParams, name: str) -> RenderParams:
    return RenderParams.model_validate({**params.model_dump(), "rasterizer": name})


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _to_parquet(formulas: Sequence[str], params: RenderStageParams) -> None:
    """What the stage does, into an empty cache."""
    parts = [formulas[start : start + PART_ROWS] for start in range(0, len(formulas), PART_ROWS)]
    with tempfile.TemporaryDirectory() as folder:
        cache = PartCache(Path(folder), "render", {})
        drawing = DatasetRenderer(params.renderer, params.image)
        for _ in run_jobs((Job(part, drawing, cache) for part in parts), "render", len(formulas)):
            pass


def _steps(formulas: Sequence[str], params: RenderStageParams) -> dict[str, float]:
    """Processor milliseconds a formula of each step on its own, those of child processes included, and of all."""
    spent: dict[str, float] = defaultdict(float)
    renderer = params.renderer
    tex = TexLauncher(tex_format.load(document.preamble(renderer.template, renderer)), renderer)
    rasterizer = create_rasterizer(renderer.rasterizer, renderer)
    before = _cpu_ms()

    def lap(step: str) -> None:
        nonlocal before
        now = _cpu_ms()
        spent[step] += (now - before) / len(formulas)
        before = now

    for start in range(0, len(formulas), renderer.batch_size):
        batch = [sanitize.clean(formula) for formula in formulas[start : start + renderer.batch_size]]
        for printed in Typesetter(renderer.template, tex, renderer.timeout_seconds).typeset(
            batch, renderer.template.margin_px
        ):
            lap("tex")
            pages = [result.page for result in printed.results.values() if result.page is not None]
            if printed.pdf is not None and pages:
                pdfium.thread_client().inspect(printed.pdf, pages)
                lap("inspection")
                pixels = list(rasterizer.pages(printed.pdf, renderer.dpi, pages))
                lap("rasterizer")
                images = [to_dataset_image(page, params.image) for page in pixels]
                lap("crop, pad, downsample")
                _ = [encode_png(image) for image in images]
                lap("png")
    DatasetRenderer(renderer, params.image)(formulas)
    lap("all")
    return dict(spent)


def _cpu_ms() -> float:
    usages = [resource.getrusage(who) for who in _US_AND_CHILDREN]
    return 1000 * sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _usual_way(formulas: Sequence[str], tool: str, dpi: int, workers: int) -> None:
    joblib.Parallel(n_jobs=workers)(joblib.delayed(_one_by_the_usual_way)(formula, tool, dpi) for formula in formulas)


def _one_by_the_usual_way(formula: str, tool: str, dpi: int) -> None:
    """One pdflatex and one gs or convert, as the scripts of the published data sets start them."""
    source = (
        "\\documentclass[12pt]{article}\n\\usepackage{amsmath,amssymb,mathtools,mathrsfs,xcolor}\n"
        f"\\pagestyle{{empty}}\n\\begin{{document}}\n$\\displaystyle {formula}$\n\\end{{document}}\n"
    )
    with temporary_folder() as folder:
        (folder / "a.tex").write_text(source, encoding="utf-8")
        settings = pgm_worker.allow_pdf(folder)
        tex = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "a.tex"]
        for command in (tex, [word.format(dpi=dpi) for word in _USUAL_TOOLS[tool]]):
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, env=os.environ | settings)
        assert (folder / "a.png").exists(), (done.stdout, done.stderr)


if __name__ == "__main__":
    app()
