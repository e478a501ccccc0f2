"""Independence of a rendering from its batch: python -m benchmarks.rendering_isolation --help

Renders the same formulas in batches of several sizes, shuffled, mixed with invalid ones, with one process and two, and
one by one; compares pixels, or reason and detail, of each formula with the reference.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Annotated, NamedTuple

import joblib
import typer

from benchmarks.harness import load, save
from im2latex.config import load_section
from im2latex.rendering.renderer import Rendering, RenderParams, TexRenderer
from pipeline.project_renderer import RenderStageParams

# They fail differently: before TeX, within TeX, by ending its run, by an endless loop.
INVALID = (
    r"\undefinedthing x",
    r"\left( x",
    r"\frac{a}{b",
    r"\begin{array}{c} a & b & c \end{array}",
    r"x^a^b",
    r"\begin{tiny} {a $} \end{tiny} \hbox{$x}",
    r"\gdef\alpha{\beta}",
    r"\color{red} x",
    r"\mathsurround=99999pt x",
    r"\begin{aligned} a \endarray \end{aligned}",
    r"\rule{1pt}{99cm}",
    r"\hskip-10in x",
)
CHUNK = 500


class Setup(NamedTuple):
    """A way of rendering; `pool_size` TeX processes are started ahead for single formulas, 0 means batches."""

    formulas: Sequence[str]
    params: RenderParams
    processes: int
    pool_size: int = 0


def main(
    file: Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")],
    count: int = 5000,
    seed: int = 0,
    rasterizer: str = "ghostscript",
) -> None:
    """Count the formulas that differ from the reference in each setup; exit 1 if there is one."""
    stage = load_section("render", RenderStageParams)
    base = RenderParams.model_validate({**stage.renderer.model_dump(), "rasterizer": rasterizer, "batch_size": 500})
    formulas = load(file, count)
    shuffled = Random(seed).sample(formulas, len(formulas))
    reference = dict(zip(formulas, _digests(Setup(formulas, base, 1)), strict=True))
    single = base.model_copy(update={"batch_size": 1})
    setups = {
        "batches of 500, two processes": Setup(formulas, base, 2),
        "batches of 10, two processes": Setup(formulas, base.model_copy(update={"batch_size": 10}), 2),
        "shuffled": Setup(shuffled, base, 2),
        "shuffled, one invalid in twenty": Setup(_mixed(shuffled, Random(seed)), base, 2),
        "one by one": Setup(formulas, single, 2),
        "one by one, processes started ahead": Setup(formulas, single, 2, pool_size=2),
    }
    differing: dict[str, int] = {}
    for name, setup in setups.items():
        found = dict(zip(setup.formulas, _digests(setup), strict=True))
        differing[name] = sum(found[formula] != reference[formula] for formula in reference)
    images = sum(digest.startswith("image") for digest in reference.values())
    facts = {"formulas": len(formulas), "distinct": len(reference), "with_image": images}
    save(f"rendering-isolation-{rasterizer}", {**facts, "differing": differing})
    if any(differing.values()):
        raise typer.Exit(1)


def _mixed(formulas: Sequence[str], random: Random) -> list[str]:
    """Insert an invalid formula before every twentieth."""
    mixed: list[str] = []
    for number, formula in enumerate(formulas):
        mixed += [random.choice(INVALID), formula] if number % 20 == 0 else [formula]
    return mixed


def _digests(setup: Setup) -> list[str]:
    """A string for each formula that differs where a pixel, reason or detail differs."""
    TexRenderer(setup.params).prepare()
    chunks = [setup.formulas[start : start + CHUNK] for start in range(0, len(setup.formulas), CHUNK)]
    pool = joblib.Parallel(n_jobs=setup.processes)
    results = pool(joblib.delayed(_chunk)(chunk, setup.params, setup.pool_size) for chunk in chunks)
    return [digest for part in results for digest in part]


def _chunk(formulas: Sequence[str], params: RenderParams, pool_size: int) -> list[str]:
    renderer = TexRenderer(params, pool_size=pool_size)
    renderings = [renderer.render_one(formula) for formula in formulas] if pool_size else renderer.render(formulas)
    renderer.close()
    return [_digest(rendering) for rendering in renderings]


def _digest(rendering: Rendering) -> str:
    if rendering.pixels is None:
        return f"{rendering.reason}: {rendering.detail}"
    height, width = rendering.pixels.shape
    return f"image {height}x{width} {hashlib.sha256(rendering.pixels.tobytes()).hexdigest()}"


if __name__ == "__main__":
    typer.run(main)
