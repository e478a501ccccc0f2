"""Independence of a rendering from its batch: python -m benchmarks.rendering_isolation --help

Renders the same formulas in batches of several sizes, shuffled, mixed with broken ones, with one process and two, and
one by one; compares verdict, detail and pixels of each formula with those of the first way.
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

# They fail in ways of their own: before TeX, within it, by ending its run, by running on for ever.
BROKEN = (
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


class Way(NamedTuple):
    """One way of rendering the formulas; `pool_size` started processes for one formula each, none for batches."""

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
    """Count the formulas that differ between two ways of rendering them; exit 1 if there is one."""
    stage = load_section("render", RenderStageParams)
    base = RenderParams.model_validate({**stage.renderer.model_dump(), "rasterizer": rasterizer, "batch_size": 500})
    formulas = load(file, count)
    shuffled = Random(seed).sample(formulas, len(formulas))
    reference = dict(zip(formulas, _digests(Way(formulas, base, 1)), strict=True))
    single = base.model_copy(update={"batch_size": 1})
    ways = {
        "batches of 500, two processes": Way(formulas, base, 2),
        "batches of 10, two processes": Way(formulas, base.model_copy(update={"batch_size": 10}), 2),
        "shuffled": Way(shuffled, base, 2),
        "shuffled, with one broken in twenty": Way(_mixed(shuffled, Random(seed)), base, 2),
        "one by one": Way(formulas, single, 2),
        "one by one, by processes that waited": Way(formulas, single, 2, pool_size=2),
    }
    differing: dict[str, int] = {}
    for name, way in ways.items():
        found = dict(zip(way.formulas, _digests(way), strict=True))
        differing[name] = sum(found[formula] != reference[formula] for formula in reference)
    images = sum(digest.startswith("image") for digest in reference.values())
    facts = {"formulas": len(formulas), "distinct": len(reference), "with_image": images}
    save(f"rendering-isolation-{rasterizer}", {**facts, "differing": differing})
    if any(differing.values()):
        raise typer.Exit(1)


def _mixed(formulas: Sequence[str], random: Random) -> list[str]:
    """A broken formula before every twentieth."""
    mixed: list[str] = []
    for number, formula in enumerate(formulas):
        mixed += [random.choice(BROKEN), formula] if number % 20 == 0 else [formula]
    return mixed


def _digests(way: Way) -> list[str]:
    """What became of each formula, in a word that differs where a pixel, a reason or a detail does."""
    TexRenderer(way.params).prepare()
    chunks = [way.formulas[start : start + CHUNK] for start in range(0, len(way.formulas), CHUNK)]
    pool = joblib.Parallel(n_jobs=way.processes)
    drawn = pool(joblib.delayed(_chunk)(chunk, way.params, way.pool_size) for chunk in chunks)
    return [digest for part in drawn for digest in part]


def _chunk(formulas: Sequence[str], params: RenderParams, pool_size: int) -> list[str]:
    renderer = TexRenderer(params, pool_size=pool_size)
    drawn = [renderer.render_one(formula) for formula in formulas] if pool_size else renderer.render(formulas)
    renderer.close()
    return [_digest(rendering) for rendering in drawn]


def _digest(drawn: Rendering) -> str:
    if drawn.pixels is None:
        return f"{drawn.reason}: {drawn.detail}"
    height, width = drawn.pixels.shape
    return f"image {height}x{width} {hashlib.sha256(drawn.pixels.tobytes()).hexdigest()}"


if __name__ == "__main__":
    typer.run(main)
