"""Speed of the renderer on real formulas: python -m benchmarks.rendering COMMAND --help

speed    formulas per second from LaTeX to Parquet, compared with one pdflatex and one gs process per formula
scale    milliseconds per formula by the number of formulas
single   latency of a single formula
labels   share of labels that render, as given and normalized
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

from benchmarks.harness import cpu_seconds, load, save
from im2latex.config import load_section
from im2latex.errors import LatexError
from im2latex.images.arrays import encode_png, to_dataset_image
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.parallel.part_cache import Job, PartCache, run_jobs
from im2latex.parallel.process_pool import worker_count
from im2latex.rendering import document, sanitize, tex_format
from im2latex.rendering.dataset_images import DatasetRenderer
from im2latex.rendering.rasterizers import pdf_library_worker, pdfium
from im2latex.rendering.rasterizers.registry import RASTERIZERS, create_rasterizer
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.rendering.tex_process import TexLauncher
from im2latex.rendering.typesetter import Typesetter
from im2latex.sandbox.scratch import temporary_folder
from pipeline.project_renderer import RenderStageParams

PART_ROWS = 500
_PAUSE_SECONDS = 0.05  # between two formulas of a user
_SELF_AND_CHILDREN = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
_GS = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pnggray", "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4"]
_BASELINE_TOOLS = {
    "ghostscript": [*_GS, "-r{dpi}", "-o", "a.png", "a.pdf"],
    "imagemagick": ["convert", "-density", "{dpi}", "a.pdf", "-quality", "100", "a.png"],
}

File = Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")]
app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def speed(
    file: File,
    count: int = 4000,
    baseline_count: int = 60,
    rasterizer: Annotated[list[str] | None, typer.Option(help="default: all but the optional ones")] = None,
) -> None:
    """Formulas per second; the baselines with one process per formula run on the first `baseline_count` formulas.

    What a process does once, such as to import modules, is in a warm-up, whose seconds are reported too.
    """
    stage = load_section("render", RenderStageParams)
    formulas = _renderable(load(file, count), stage.renderer)
    workers = worker_count()
    result: dict[str, object] = {"formulas": len(formulas), "workers": workers}
    rates: dict[str, float] = {}
    for tool in _BASELINE_TOOLS:
        _run_baseline(formulas[: 2 * workers], tool, stage.renderer.dpi, workers)  # warm-up
        seconds = _seconds(partial(_run_baseline, formulas[:baseline_count], tool, stage.renderer.dpi, workers))
        rates[tool] = baseline_count / seconds
    result["baseline_per_second"] = rates
    for name in rasterizer or [name for name, kind in RASTERIZERS.items() if not kind.optional]:
        chosen = stage.model_copy(update={"renderer": _with(stage.renderer, name)})
        warm_up = _seconds(partial(_to_parquet, formulas[: workers * PART_ROWS], chosen))
        rate = len(formulas) / _seconds(partial(_to_parquet, formulas, chosen))
        steps = _steps(formulas[:1000], chosen)
        result[name] = {
            "warm_up_seconds": warm_up,
            "per_second": rate,
            "speedup": {tool: rate / baseline for tool, baseline in rates.items()},
            "relative_to_tools_alone": (steps["tex"] + steps["rasterizer"]) / steps["all"],
            "cpu_ms": steps,
            "peak_process_mb": max(resource.getrusage(who).ru_maxrss for who in _SELF_AND_CHILDREN) / 1024,
        }
    save("rendering-speed", result)


@app.command()
def scale(file: File, counts: tuple[int, int, int] = (1000, 10_000, 100_000), rasterizer: str = "pdfium") -> None:
    """Milliseconds per formula from LaTeX to Parquet, and peak memory, by the number of formulas."""
    stage = load_section("render", RenderStageParams)
    chosen = stage.model_copy(update={"renderer": _with(stage.renderer, rasterizer)})
    formulas = load(file, max(counts))
    _to_parquet(formulas[: 2 * PART_ROWS], chosen)  # warm-up: preamble and processes
    result: dict[str, object] = {"rasterizer": rasterizer, "workers": worker_count()}
    for count in counts:
        subset = formulas[:count]
        result[f"{len(subset)}"] = {
            "ms_per_formula": 1000 * _seconds(partial(_to_parquet, subset, chosen)) / len(subset),
            "peak_process_mb": max(resource.getrusage(who).ru_maxrss for who in _SELF_AND_CHILDREN) / 1024,
        }
    save(f"rendering-scale-{rasterizer}", result)


@app.command()
def single(file: File, count: int = 100) -> None:
    """Milliseconds from one formula to its pixels, with a new TeX process each, and with a pool of started ones."""
    stage = load_section("render", RenderStageParams)
    formulas = _renderable(load(file, count), stage.renderer)
    result: dict[str, object] = {"formulas": len(formulas)}
    for name in ("pdfium", "ghostscript"):
        for pool_size in (0, 2):
            renderer = TexRenderer(_with(stage.renderer, name), pool_size=pool_size)
            renderer.render_one(formulas[0])
            times = []
            for formula in formulas:
                time.sleep(_PAUSE_SECONDS)
                times.append(1000 * _seconds(partial(renderer.render_one, formula)))
            renderer.close()
            result[f"{name}, pool_size {pool_size}"] = {
                "median_ms": float(np.median(times)),
                "p95_ms": float(np.percentile(times, 95)),
            }
    save("rendering-single", result)


@app.command()
def labels(file: File, count: int = 0) -> None:
    """Share of labels that render, and the reasons for failures."""
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
    """Counts of rendered formulas, and of failures by reason."""
    parts = [texts[start : start + PART_ROWS] for start in range(0, len(texts), PART_ROWS)]
    pool = joblib.Parallel(n_jobs=worker_count())
    return Counter(
        reason for part in pool(joblib.delayed(_reasons_of)(part, params) for part in parts) for reason in part
    )


def _reasons_of(texts: Sequence[str], params: RenderParams) -> list[str]:
    return [rendering.reason or "rendered" for rendering in TexRenderer(params).render(texts)]


def _renderable(formulas: Sequence[str], params: RenderParams) -> list[str]:
    """The formulas that render; also compiles the preamble before any timing."""
    renderings = TexRenderer(_with(params, "pdfium")).render(formulas)
    return [formula for formula, rendering in zip(formulas, renderings, strict=True) if rendering.pixels is not None]


def _with(params: RenderParams, name: str) -> RenderParams:
    return RenderParams.model_validate({**params.model_dump(), "rasterizer": name})


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _to_parquet(formulas: Sequence[str], params: RenderStageParams) -> None:
    """The work of the stage `render`, with an empty cache."""
    parts = [formulas[start : start + PART_ROWS] for start in range(0, len(formulas), PART_ROWS)]
    with tempfile.TemporaryDirectory() as folder:
        cache = PartCache(Path(folder), "render", {})
        renderer = DatasetRenderer(params.renderer, params.image)
        for _ in run_jobs((Job(part, renderer, cache) for part in parts), "render", len(formulas)):
            pass


def _steps(formulas: Sequence[str], params: RenderStageParams) -> dict[str, float]:
    """CPU milliseconds per formula of each step alone and of all steps together, including child processes.

    Together, pdfium loads a page once for its inspection and its drawing, so that the steps add up to more than all.
    """
    used: dict[str, float] = defaultdict(float)
    renderer = params.renderer
    DatasetRenderer(renderer, params.image)(formulas[:PART_ROWS])  # warm-up: modules and processes
    tex = TexLauncher(tex_format.load(document.preamble(renderer.template, renderer)), renderer)
    rasterizer = create_rasterizer(renderer.rasterizer, renderer)
    before = cpu_seconds()

    def lap(step: str) -> None:
        nonlocal before
        now = cpu_seconds()
        used[step] += 1000 * (now - before) / len(formulas)
        before = now

    for start in range(0, len(formulas), renderer.batch_size):
        batch = [sanitize.clean(formula) for formula in formulas[start : start + renderer.batch_size]]
        for typeset in Typesetter(renderer.template, tex, renderer.timeout_seconds).typeset(
            batch, renderer.template.margin_px
        ):
            lap("tex")
            pages = [result.page for result in typeset.results.values() if result.page is not None]
            if typeset.pdf is not None and pages:
                pixels = list(rasterizer.pages(typeset.pdf, renderer.dpi, pages))
                lap("rasterizer")
                pdfium.thread_client().inspect(typeset.pdf, pages)
                lap("inspection")
                images = [to_dataset_image(page, params.image) for page in pixels]
                lap("crop, pad, downsample")
                _ = [encode_png(image) for image in images]
                lap("png")
    DatasetRenderer(renderer, params.image)(formulas)
    lap("all")
    return dict(used)


def _run_baseline(formulas: Sequence[str], tool: str, dpi: int, workers: int) -> None:
    joblib.Parallel(n_jobs=workers)(
        joblib.delayed(_render_with_new_processes)(formula, tool, dpi) for formula in formulas
    )


def _render_with_new_processes(formula: str, tool: str, dpi: int) -> None:
    """Run one pdflatex and one gs or convert, as the scripts of the published datasets do."""
    source = (
        "\\documentclass[12pt]{article}\n\\usepackage{amsmath,amssymb,mathtools,mathrsfs,xcolor}\n"
        f"\\pagestyle{{empty}}\n\\begin{{document}}\n$\\displaystyle {formula}$\n\\end{{document}}\n"
    )
    with temporary_folder() as folder:
        (folder / "a.tex").write_text(source, encoding="utf-8")
        settings = pdf_library_worker.allow_pdf(folder)
        tex = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "a.tex"]
        for command in (tex, [word.format(dpi=dpi) for word in _BASELINE_TOOLS[tool]]):
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, env=os.environ | settings)
        assert (folder / "a.png").exists(), (done.stdout, done.stderr)


if __name__ == "__main__":
    app()
