"""Overfitting, size and scores of the model presets: python -m benchmarks.presets overfit FILE | table FILE | scores

`overfit` trains the small size of each family on a few short formulas until greedy search reads every one of them
without a fault, which any sound model and optimizer must reach. `table` counts weights, and times the training of
the small sizes on the same formulas. `scores` trains each on as many of the project's own samples (data/bucket), with
the settings of params.yaml, and scores what it reads in the split test.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import torch
import typer
from numpy.typing import NDArray

from benchmarks.harness import RESULTS, load, save
from im2latex.config import check, load_section, load_yaml
from im2latex.dataset.buckets import BucketParams, assign, choose_shapes, save_shapes
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.decoding.rerank import RenderReranker
from im2latex.errors import LatexError
from im2latex.images.arrays import encode_png
from im2latex.inference.predict_split import PredictParams, evaluate_split
from im2latex.io.parquet import write_table
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset, preset_names
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.renderer import ParallelRenderer, TexRenderer
from im2latex.schemas import SAMPLES, formula_id
from im2latex.training.callbacks import Callback, MetricsRow
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.trainer import Trainer
from im2latex.training.validation import ValidationExample
from pipeline.project import project_normalizer
from pipeline.project_renderer import RenderStageParams

LOOKED_AT = 2000
SHORTEST, LONGEST = 5, 16
SHAPES = 5
OVERFIT, SCORES = "presets-overfit", "presets-scores"
HEADLINE = ("bleu", "edit", "exact", "image_exact", "compiles")
SHARDS = Path("data/bucket")
PUBLISHED_ENTRIES = 500
"""Entries of the vocabulary with which weights are counted, about those of im2latex-100k."""

app = typer.Typer(help=__doc__, no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")]
Only = Annotated[list[str] | None, typer.Option(help="a preset, again for each; all small ones without")]


class LearntError(Exception):
    """All formulas are read: the training has reached its end."""


@app.command()
def overfit(file: File, count: int = 50, samples: int = 8_000, preset: Only = None) -> None:
    """Train on `count` formulas until all are read, for at most `samples` samples."""
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = _shards(file, count, Path(folder))
        for name in preset or _small():
            found = _kept(OVERFIT) | {name: _overfit(name, Path(folder), vocabulary, count, samples)}
            save(OVERFIT, {"file": file.name, "presets": found})


@app.command()
def table(file: File, count: int = 50, samples: int = 100) -> None:
    """Weights of every preset, and samples a second of one processor of the small ones."""
    rows: dict[str, dict[str, object]] = {name: {"weights": _weights(name)} for name in preset_names()}
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = _shards(file, count, Path(folder))
        for name in _small():
            rows[name]["samples_a_processor_second"] = _speed(name, Path(folder), vocabulary, samples)
    save("presets-table", {"file": file.name, "vocabulary": PUBLISHED_ENTRIES, "presets": rows})


@app.command()
def scores(samples: int = 10_000, preset: Only = None) -> None:
    """Train on `samples` samples of data/bucket and score the readings of its split test."""
    for name in preset or ["fast-tiny", *_small()]:
        found = _kept(SCORES) | {name: _scores(name, samples)}
        save(SCORES, {"dataset": load_yaml(Path("params.yaml"))["dataset"], "presets": found})


def _scores(name: str, samples: int) -> dict[str, object]:
    """Headline scores with their intervals, and seconds of training, validations included."""
    changes = {"preset": name, "budget": {"samples": samples}, "validate_every_samples": samples}
    recipe = check(load_yaml(Path("params.yaml"))["train"] | changes, TrainParams, "params.yaml: train")
    vocabulary = Vocabulary.load(Path("data/tokenize/vocabulary.json"))
    stage = load_section("render", RenderStageParams)
    renderer = ParallelRenderer(TexRenderer(stage.renderer))
    started, processor = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Trainer(recipe, SHARDS, vocabulary, "scores", Path(folder) / "state").fit()
        seconds = {"seconds": time.monotonic() - started, "processor_seconds": time.process_time() - processor}
        save_checkpoint(checkpoint, Path(folder) / "model")
        out = Path(folder) / "predictions.parquet"
        reranker = RenderReranker(renderer, stage.image)
        found = evaluate_split(Path(folder) / "model", SHARDS, "test", out, PredictParams(), reranker, renderer)
    values = {key: [found[key], *found["intervals"][key]] for key in HEADLINE}
    return {"samples": samples, "n": found["n"], **{key: round(value, 1) for key, value in seconds.items()}, **values}


def _kept(result: str) -> dict[str, object]:
    """The results of other presets, which stay."""
    path = RESULTS / f"{result}.json"
    presets: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))["presets"] if path.is_file() else {}
    return presets


def _small() -> list[str]:
    return [name for name in preset_names() if name.endswith("-small")]


def _weights(name: str) -> int:
    with torch.device("meta"):
        network = Network(check(load_preset(name)["model"], ModelParams, name), PUBLISHED_ENTRIES)
    return sum(weight.numel() for weight in network.parameters())


def _overfit(name: str, shards: Path, vocabulary: Vocabulary, count: int, samples: int) -> dict[str, object]:
    """Samples and seconds, validations included, until all are read or the samples are used up; the last scores."""
    rows: list[dict[str, float]] = []

    def note(row: dict[str, float]) -> None:
        rows.append(row)
        if row["val_exact"] == 1.0:
            raise LearntError

    started, processor = time.monotonic(), time.process_time()
    recipe = _recipe(name, {"samples": samples}, 500, count)
    with tempfile.TemporaryDirectory() as state, suppress(LearntError):
        _fit(recipe, shards, vocabulary, Path(state), note)
    last = rows[-1]
    scores = {key: round(last[key], 4) for key in ("val_exact", "val_token_error", "train_loss")}
    seconds = {"seconds": time.monotonic() - started, "processor_seconds": time.process_time() - processor}
    given = {"formulas": count, "most_samples": samples}
    return {**given, "samples": last["samples"], **{key: round(value, 1) for key, value in seconds.items()}, **scores}


def _speed(name: str, shards: Path, vocabulary: Vocabulary, samples: int) -> float:
    """Samples a second of processor time, which a busy machine does not change, between two validations of one."""
    marks: list[tuple[float, float]] = []
    recipe = _recipe(name, {"samples": 2 * samples}, samples, 1)

    def note(row: dict[str, float]) -> None:
        marks.append((row["samples"], time.process_time()))

    with tempfile.TemporaryDirectory() as state:
        _fit(recipe, shards, vocabulary, Path(state), note)
    (before, started), *_, (after, ended) = marks
    return round((after - before) / (ended - started), 1)


class _Note(Callback):
    """Passes each row on."""

    def __init__(self, note: Callable[[MetricsRow], None]) -> None:
        self._note = note

    def on_validation(self, row: MetricsRow, examples: Sequence[ValidationExample]) -> None:  # noqa: ARG002
        """Pass the row on."""
        self._note(row)


def _fit(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, state: Path, note: Callable[[MetricsRow], None]
) -> None:
    """Train on the processor."""
    settings = TrainerParams(accelerator="cpu")
    Trainer(recipe, shards, vocabulary, "benchmark", state, settings=settings, callback=_Note(note)).fit()


def _recipe(name: str, budget: dict[str, float], validate_every: int, validated: int) -> TrainParams:
    """Section `train` of params.yaml with that preset, on this processor and without augmentation."""
    changes: dict[str, Any] = {
        "preset": name,
        "augmentation": {"contrast": 0.0, "light": 0.0, "noise": 0.0},
        "budget": budget,
        "ema_samples": 300,
        "validate_every_samples": validate_every,
        "validation_samples": validated,
    }
    return check(load_yaml(Path("params.yaml"))["train"] | changes, TrainParams, "params.yaml: train")


def _shards(file: Path, count: int, folder: Path) -> Vocabulary:
    """Write the first short formulas that can be drawn as the splits `train` and `val` alike."""
    drawn = _drawn(file, count)
    vocabulary = Vocabulary([*SPECIALS, *sorted({token for text, _ in drawn for token in text.split()})])
    sizes = np.array([[*pixels.shape, len(text.split())] for text, pixels in drawn])
    params = load_section("bucket", BucketParams).model_copy(update={"max_buckets": SHAPES})
    shapes = choose_shapes(sizes, params)
    rows = [
        {
            "formula_id": formula_id(text),
            "latex": text,
            "tokens": vocabulary.encode(text.split()),
            "bucket": int(bucket),
            "height": pixels.shape[0],
            "width": pixels.shape[1],
            "image": {"bytes": encode_png(pixels), "path": None},
        }
        for (text, pixels), bucket in zip(drawn, assign(sizes, shapes, params), strict=True)
    ]
    save_shapes(shapes, folder / "buckets.json")
    for split in ("train", "val"):
        write_table(pa.Table.from_pylist(rows, schema=SAMPLES), folder / split / "shard-00000.parquet")
    return vocabulary


def _drawn(file: Path, count: int) -> list[tuple[str, NDArray[np.uint8]]]:
    """Formulas and their images (h, w), as the pipeline makes them but drawn with pdfium."""
    normalizer, stage = project_normalizer(), load_section("render", RenderStageParams)
    texts: dict[str, None] = {}
    for formula in load(file, LOOKED_AT):
        try:
            text = normalizer.normalize(formula)
        except LatexError:
            continue
        if SHORTEST <= len(text.split()) <= LONGEST:
            texts[text] = None
    chosen = list(texts)[: 2 * count]
    renderer = TexRenderer(stage.renderer.model_copy(update={"rasterizer": "pdfium"}))
    renderings = render_dataset_images(renderer, chosen, stage.image)
    return [(text, one.pixels) for text, one in zip(chosen, renderings, strict=True) if one.pixels is not None][:count]


if __name__ == "__main__":
    app()
