"""Speed of each part in three minutes, beside earlier results of the same processor: python -m benchmarks.quick

Each figure is the least CPU time of a few runs on the formulas of data/raw/sample, child processes included, so that
other load on the machine changes it little. A part that needs over 15 % more time than in the results is marked.
`--save` writes the figures as the results of this processor.
"""

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from benchmarks.harness import RESULTS, cpu_seconds, load, save
from benchmarks.training import load_anew, train_shards
from im2latex.config import check, load_section, load_yaml
from im2latex.dataset.buckets import BucketParams, assign, choose_shapes
from im2latex.errors import LatexError
from im2latex.images.arrays import encode_png
from im2latex.images.decode import decode_png
from im2latex.inference.effort import Effort
from im2latex.inference.predictor import Predictor
from im2latex.inference.predictor import load as load_predictor
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.metrics.baselines import one_changed
from im2latex.metrics.bootstrap import bootstrap_intervals
from im2latex.metrics.image import compare_renderings
from im2latex.metrics.registry import aggregates
from im2latex.metrics.text import text_columns
from im2latex.rendering.dataset_images import DatasetRenderer
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.trainer import Trainer
from pipeline.project_renderer import RenderStageParams

FORMULAS = Path("data/raw/sample/formulas.txt")
RESULT = "quick"
TOLERANCE = 0.15
"""Share of more CPU time from which on a part is marked."""
REPEATS = 3

Figures = dict[str, float]
"""Microseconds or milliseconds of CPU time by part; the unit is in the name."""


def main(
    save_results: Annotated[bool, typer.Option("--save", help="write these as the results of this processor")] = False,
) -> None:
    """Measure, and print each figure with its ratio to the results of the same processor family."""
    torch.set_num_threads(1)
    earlier = read_results()
    figures: Figures = {}
    for measure in (_latex, _rendering, _scores, _dataset, _training, _prediction, _command_line):
        for name, value in measure():
            figures[name] = round(value, 3)
            print(line(name, value, earlier.get(processor(), {}).get(name)), flush=True)
    if save_results:
        save(RESULT, {"processors": earlier | {processor(): figures}})
    elif processor() not in earlier:
        print(f"no results of {processor()} so far; --save writes these")


def line(name: str, value: float, earlier: float | None) -> str:
    """A figure, that of the results, and their ratio, marked where it is over the tolerance."""
    text = f"{name:<46}{value:>10.3f}"
    if not earlier:
        return text
    ratio = value / earlier
    mark = "  slower" if ratio > 1 + TOLERANCE else "  faster" if ratio < 1 / (1 + TOLERANCE) else ""
    return f"{text}{earlier:>10.3f}{ratio:>7.2f}{mark}"


def read_results() -> dict[str, Figures]:
    """The committed figures by processor."""
    path = RESULTS / f"{RESULT}.json"
    found: dict[str, Figures] = json.loads(path.read_text(encoding="utf-8"))["processors"] if path.is_file() else {}
    return found


def processor() -> str:
    """Vendor, family and model of the processor, which decide its speed but for its clock."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    rows = [row.partition(":") for row in text.partition("\n\n")[0].splitlines()]
    fields = {name.strip(): value.strip() for name, _, value in rows}
    if "cpu family" in fields:
        return f"{fields['vendor_id']} family {fields['cpu family']} model {fields['model']}"
    return platform.processor() or platform.machine()


def least(work: Callable[[], object], count: int, repeats: int = REPEATS) -> float:
    """CPU seconds of one of the `count` items of `work`, child processes included: the least of a few runs."""
    seconds = []
    for _ in range(repeats):
        before = cpu_seconds()
        work()
        seconds.append(cpu_seconds() - before)
    return min(seconds) / count


def _latex() -> Iterator[tuple[str, float]]:
    formulas = load(FORMULAS, 1000)
    yield "normalize a formula, us", 1e6 * least(lambda: _normalized(formulas), len(formulas))


def _normalized(formulas: list[str]) -> list[str]:
    normalizer, found = Normalizer(NormalizerParams()), []
    for formula in formulas:
        try:
            found.append(normalizer.normalize(formula))
        except LatexError:
            continue
    return found


def _rendering() -> Iterator[tuple[str, float]]:
    stage, formulas = load_section("render", RenderStageParams), load(FORMULAS, 500)
    for name in ("pdfium", "ghostscript"):
        params = RenderParams.model_validate({**stage.renderer.model_dump(), "rasterizer": name})
        renderer = DatasetRenderer(params, stage.image)
        renderer(formulas[:20])  # compiles the preamble
        yield f"render a formula with {name}, ms", 1e3 * least(partial(renderer, formulas), len(formulas))


def _scores() -> Iterator[tuple[str, float]]:
    references = _normalized(load(FORMULAS, 1000))
    hypotheses = [one_changed(f"{text} ") for text in references]
    columns = text_columns(references, hypotheses)
    yield "score a pair by text, us", 1e6 * least(lambda: text_columns(references, hypotheses), len(references))
    yield (
        "1,000 resamples of 1,000 pairs, ms",
        1e3 * least(lambda: bootstrap_intervals(columns, aggregates("text"), 1000, 0), 1),
    )
    few, others = references[:200], hypotheses[:200]
    renderer = TexRenderer(RenderParams(rasterizer="pdfium"))
    yield "score a pair by image, ms", 1e3 * least(lambda: compare_renderings(few, others, renderer), len(few))


def _dataset() -> Iterator[tuple[str, float]]:
    params = load_section("bucket", BucketParams)
    generator = np.random.default_rng(0)
    sizes = np.column_stack([generator.integers(low, high, 5_000) for low, high in ((16, 90), (30, 700), (3, 150))])
    shapes = choose_shapes(sizes, params)
    yield "choose the shapes of 5,000 samples, ms", 1e3 * least(lambda: choose_shapes(sizes, params), 1)
    yield (
        "assign a sample to a bucket, us",
        1e6 * least(lambda: [assign(sizes, shapes, params) for _ in range(40)], 40 * len(sizes)),
    )
    png = encode_png(generator.integers(0, 255, (64, 328), dtype=np.uint8))
    yield "decode an image, us", 1e6 * least(lambda: [decode_png(png) for _ in range(500)], 500)


def _training() -> Iterator[tuple[str, float]]:
    samples = 1000
    params = check(
        load_yaml(Path("params.yaml"))["train"] | {"budget": {"samples": samples}}, TrainParams, "params.yaml"
    )
    with train_shards(FORMULAS, 1000) as (shards, vocabulary), tempfile.TemporaryDirectory() as folder:
        yield "load a sample, us", 1e6 * least(lambda: load_anew(shards), 1000)
        (shards / "val").symlink_to(shards / "train")
        trainer = Trainer(params, shards, vocabulary, "quick", Path(folder), settings=TrainerParams(accelerator="cpu"))
        yield f"train {params.preset} on a sample, ms", 1e3 * least(trainer.fit, samples, repeats=1)


def _prediction() -> Iterator[tuple[str, float]]:
    with _images(20) as paths:
        predictor = load_predictor(device="cpu", threads=1)
        predictor.predict(paths[0])
        efforts: tuple[Effort, ...] = ("fast", "normal")
        for effort in efforts:
            work = partial(_predict_all, predictor, paths, effort)
            yield f"predict an image, effort {effort}, ms", 1e3 * least(work, len(paths), repeats=2)


def _predict_all(predictor: Predictor, paths: list[Path], effort: Effort) -> None:
    for path in paths:
        predictor.predict(path, effort=effort)


@contextmanager
def _images(count: int) -> Iterator[list[Path]]:
    """Rendered formulas as PNG files."""
    with tempfile.TemporaryDirectory() as folder:
        renderings = TexRenderer(RenderParams(rasterizer="pdfium")).render(_normalized(load(FORMULAS, count)))
        pixels = [one.pixels for one in renderings if one.pixels is not None]
        paths = [Path(folder) / f"{number}.png" for number in range(len(pixels))]
        for path, image in zip(paths, pixels, strict=True):
            path.write_bytes(encode_png(image))
        yield paths


def _command_line() -> Iterator[tuple[str, float]]:
    def run(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    yield "python -c pass, ms", 1e3 * least(lambda: run("-c", "pass"), 1)
    yield "import im2latex, ms", 1e3 * least(lambda: run("-c", "import im2latex"), 1)
    yield "im2latex --help, ms", 1e3 * least(lambda: run("-m", "im2latex", "--help"), 1)
    with _images(1) as paths:
        command = ("-m", "im2latex", "predict", "--effort", "fast", str(paths[0]))
        yield "im2latex predict, process start included, ms", 1e3 * least(lambda: run(*command), 1)


if __name__ == "__main__":
    typer.run(main)
