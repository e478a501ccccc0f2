"""Measure the renderer on real formulas: python -m benchmarks.rendering COMMAND --help

speed    formulas a second from text to Parquet, beside the tools alone and beside one pdflatex and one gs a formula
single   milliseconds for one formula by itself
labels   what becomes of each label of a file, as given and normalized
"""

import resource
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import joblib
import numpy as np
import typer

from benchmarks.corpus import load, save
from im2latex.errors import LatexError
from im2latex.latex.normalize import Normalizer, NormalizerParams
from im2latex.params import load_section
from im2latex.parts import PartCache, run_parts, worker_count
from im2latex.rendering import document, rasterizers, screening, texformat
from im2latex.rendering.engine import RenderParams, TexRenderer
from im2latex.rendering.process import throwaway_folder
from im2latex.rendering.texrun import Fresh
from im2latex.rendering.typesetter import Typesetter
from pipeline.render import Drawing
from pipeline.renderer import RenderStageParams

PART_ROWS = 500

File = Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")]
app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def speed(
    file: File, count: int = 4000, usual: int = 60, rasterizer: tuple[str, str] = ("ghostscript", "pdfium")
) -> None:
    """Formulas a second; the usual way is timed on the first `usual` of the same formulas."""
    stage = load_section("render", RenderStageParams)
    formulas = _that_typeset(load(file, count), stage.renderer)
    workers = worker_count()
    _usual_way(formulas[: 2 * workers], stage.renderer.dpi, workers)  # so that neither side waits for its processes
    usual_rate = usual / _seconds(partial(_usual_way, formulas[:usual], stage.renderer.dpi, workers))
    result: dict[str, object] = {"formulas": len(formulas), "workers": workers, "usual_way_per_second": usual_rate}
    for name in rasterizer:
        chosen = stage.model_copy(update={"renderer": _with(stage.renderer, name)})
        rate = len(formulas) / _seconds(partial(_to_parquet, formulas, chosen))
        floor = workers / _tools_alone(formulas[:1000], chosen.renderer)
        cost = _cost(formulas[:1000], chosen)
        result[name] = {
            "per_second": rate,
            "times_usual": rate / usual_rate,
            "share_of_tools_alone": rate / floor,
            **cost,
        }
    save("rendering-speed", result)


@app.command()
def single(file: File, count: int = 100) -> None:
    """Milliseconds from one formula to its pixels, a new TeX process each."""
    stage = load_section("render", RenderStageParams)
    formulas = _that_typeset(load(file, count), stage.renderer)
    result: dict[str, object] = {"formulas": len(formulas)}
    for name in ("pdfium", "ghostscript"):
        renderer = TexRenderer(_with(stage.renderer, name))
        renderer.render(formulas[:1])
        times = [1000 * _seconds(partial(renderer.render, [formula])) for formula in formulas]
        result[name] = {"median_ms": float(np.median(times)), "p95_ms": float(np.percentile(times, 95))}
    save("rendering-single", result)


@app.command()
def labels(file: File, count: int = 0) -> None:
    """Share of labels with a picture, and the reasons of the others."""
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
    """How many have a picture, and why the others have none."""
    parts = [texts[start : start + PART_ROWS] for start in range(0, len(texts), PART_ROWS)]
    pool = joblib.Parallel(n_jobs=worker_count())
    return Counter(
        reason for part in pool(joblib.delayed(_reasons_of)(part, params) for part in parts) for reason in part
    )


def _reasons_of(texts: Sequence[str], params: RenderParams) -> list[str]:
    return [drawn.reason or "rendered" for drawn in TexRenderer(params).render(texts)]


def _that_typeset(formulas: Sequence[str], params: RenderParams) -> list[str]:
    """Those that have a picture; compiles the preamble, so that no timing holds it."""
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
        for _ in run_parts(parts, Drawing(params.renderer, params.picture), cache, "render", len(formulas)):
            pass


def _tools_alone(formulas: Sequence[str], params: RenderParams) -> float:
    """Seconds a formula of TeX and of the rasterizer, on one core, with nothing done to the pixels."""
    preamble = texformat.load(document.preamble(params.template, params))
    typesetter = Typesetter(params.template, Fresh(preamble, params), params.timeout_seconds)
    rasterizer = rasterizers.create(params.rasterizer, params)
    started = time.monotonic()
    for start in range(0, len(formulas), params.batch_size):
        batch = [screening.clean(formula) for formula in formulas[start : start + params.batch_size]]
        for printed in typesetter.typeset(batch, params.template.margin_px):
            pages = [verdict.page for verdict in printed.verdicts.values() if verdict.page is not None]
            if printed.pdf is not None and pages:
                for _ in rasterizer.pages(printed.pdf, params.dpi, pages):
                    pass
    return (time.monotonic() - started) / len(formulas)


def _cost(formulas: Sequence[str], params: RenderStageParams) -> dict[str, object]:
    """Processor milliseconds a formula in this process and in its children, and the largest process."""
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    Drawing(params.renderer, params.picture)(formulas)
    after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, children = (
        1000 * (end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime) / len(formulas)
        for begin, end in zip(before, after, strict=True)
    )
    peak = max(usage.ru_maxrss for usage in after) / 1024
    return {"own_cpu_ms": own, "tools_cpu_ms": children, "peak_process_mb": peak}


def _usual_way(formulas: Sequence[str], dpi: int, workers: int) -> None:
    joblib.Parallel(n_jobs=workers)(joblib.delayed(_one_by_the_usual_way)(formula, dpi) for formula in formulas)


def _one_by_the_usual_way(formula: str, dpi: int) -> None:
    """One pdflatex and one gs, as the scripts of the published data sets start them."""
    source = (
        "\\documentclass[12pt]{article}\n\\usepackage{amsmath,amssymb,mathtools,mathrsfs,xcolor}\n"
        f"\\pagestyle{{empty}}\n\\begin{{document}}\n$\\displaystyle {formula}$\n\\end{{document}}\n"
    )
    with throwaway_folder() as folder:
        (folder / "a.tex").write_text(source, encoding="utf-8")
        tex = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "a.tex"]
        draw = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pnggray", "-dTextAlphaBits=4"]
        for command in (tex, [*draw, "-dGraphicsAlphaBits=4", f"-r{dpi}", "-o", "a.png", "a.pdf"]):
            subprocess.run(
                command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False
            )


if __name__ == "__main__":
    app()
