"""Overfitting, size, search and scores of the model presets: python -m benchmarks.presets COMMAND --help

overfit   train the small preset of each family on a few short formulas until greedy search predicts all of them
table     number of weights of every preset, and training speed of the small ones on the same formulas
search    try optimizers and learning rates for each preset on data/bucket; one row a run, in a file that grows
scores    train each preset on the same number of samples of data/bucket with the settings of params.yaml; metrics of
          the split test
"""

import json
import shutil
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

from benchmarks import preset_search
from benchmarks.harness import RESULTS, load, save
from im2latex.config import check, load_section, load_yaml
from im2latex.dataset.buckets import BucketParams, assign, choose_shapes, save_shapes
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.decoding.rerank import RenderReranker
from im2latex.errors import LatexError
from im2latex.images.arrays import encode_png
from im2latex.inference.predict_split import PredictParams, evaluate_split
from im2latex.io.parquet import write_table
from im2latex.metrics.registry import METRICS, PRIMARY_METRICS
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

MAX_CANDIDATES = 2000
MIN_TOKENS, MAX_TOKENS = 5, 16
MAX_BUCKETS = 5
OVERFIT, SCORES = "presets-overfit", "presets-scores"
SAMPLE = "sample"
"""The dataset of this repository; the results of another one have its name."""
SCORES_SHOWN = tuple(name for name in PRIMARY_METRICS if METRICS[name].needs != "glyph_boxes")
SEARCH = RESULTS / "presets-search.jsonl"
SHARDS = Path("data/bucket")
VOCABULARY_SIZE = 500
"""Vocabulary size for the number of weights, about that of im2latex-100k."""

app = typer.Typer(help=__doc__, no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")]
Only = Annotated[list[str] | None, typer.Option(help="name of a preset; may be repeated; default all small ones")]


class ConvergedError(Exception):
    """All formulas are predicted; ends the training."""


@app.command()
def overfit(file: File, count: int = 50, samples: int = 8_000, preset: Only = None) -> None:
    """Train on `count` formulas until all are predicted, for at most `samples` samples."""
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = _shards(file, count, Path(folder))
        for name in preset or _small():
            found = _overfit(name, Path(folder), vocabulary, count, samples)
            save(OVERFIT, {"file": file.name, "presets": _earlier(OVERFIT) | {name: found}})


@app.command()
def table(file: File, count: int = 50, samples: int = 100) -> None:
    """Number of weights of every preset, and training samples per CPU second of the small ones."""
    rows: dict[str, dict[str, object]] = {name: {"weights": _weights(name)} for name in preset_names()}
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = _shards(file, count, Path(folder))
        for name in _small():
            rows[name]["samples_per_cpu_second"] = _speed(name, Path(folder), vocabulary, samples)
    save("presets-table", {"file": file.name, "vocabulary": VOCABULARY_SIZE, "presets": rows})


@app.command()
def search(
    samples: Annotated[int, typer.Option(help="samples to train on in each run")] = 5_000,
    preset: Only = None,
    candidate: Annotated[
        list[str] | None,
        typer.Option(help="OPTIMIZER@RATE, with +norm or +ctc before the @, or preset; may be repeated; default: six"),
    ] = None,
    best: Annotated[int, typer.Option(help="instead: so many best candidates of the shorter runs in the file")] = 0,
    data: Annotated[Path, typer.Option(help="folder with bucket/ and tokenize/")] = Path("data"),
    results: Annotated[Path, typer.Option(help="file of JSON lines; its runs are not repeated")] = SEARCH,
    threads: Annotated[int, typer.Option(help="threads of torch")] = 1,
) -> None:
    """Train each preset with each candidate and append its loss curve, BLEU and image dependence on split val.

    Stop it at any time: a run that was stopped goes on at the next call with the same options.
    """
    names, earlier = preset or ["fast-tiny", *_small()], preset_search.read_rows(results)
    chosen = {
        name: preset_search.best_candidates(earlier, name, samples, best)
        if best
        else candidate or list(preset_search.CANDIDATES)
        for name in names
    }
    # The first candidate of all presets comes before the second of any: a search that is stopped is useful, too.
    for place in range(max(map(len, chosen.values()))):
        for name in names:
            for one in chosen[name][place : place + 1]:
                run = preset_search.Run(name, one, samples)
                if not run.is_done(preset_search.read_rows(results)):
                    state = Path(".cache/preset-search") / f"{results.stem}-{name}-{one}-{samples}"
                    preset_search.append_row(results, preset_search.train_and_score(run, data, state, threads))
    for row in preset_search.read_rows(results):
        print({name: value for name, value in row.items() if not isinstance(value, list)})


@app.command()
def scores(samples: int = 10_000, preset: Only = None) -> None:
    """Train on `samples` samples of data/bucket, score its split test, and measure the dependence on the image.

    `python -m benchmarks.preset_corpus` makes a folder with data/bucket from other formulas. A training that was
    stopped goes on at the next call; its seconds are then those since that call.
    """
    dataset = load_yaml(Path("params.yaml"))["dataset"]
    result = SCORES if dataset == SAMPLE else f"{SCORES}-{dataset}"
    for name in preset or ["fast-tiny", *_small()]:
        found = _scores(name, samples)
        save(result, {"dataset": dataset, "presets": _earlier(result) | {name: found}})


def _scores(name: str, samples: int) -> dict[str, object]:
    """Headline metrics with intervals, and seconds of training, including validation."""
    overrides = {"preset": name, "budget": {"samples": samples}, "validate_every_samples": samples}
    params = check(load_yaml(Path("params.yaml"))["train"] | overrides, TrainParams, "params.yaml: train")
    vocabulary = Vocabulary.load(Path("data/tokenize/vocabulary.json"))
    stage = load_section("render", RenderStageParams)
    renderer = ParallelRenderer(TexRenderer(stage.renderer))
    folder = Path(".cache/preset-scores") / f"{name}-{samples}"
    started, cpu = time.monotonic(), time.process_time()
    checkpoint = Trainer(params, SHARDS, vocabulary, "scores", folder / "state").fit()
    seconds = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - cpu}
    save_checkpoint(checkpoint, folder / "model")
    out = folder / "predictions.parquet"
    reranker = RenderReranker(renderer, stage.image)
    found = evaluate_split(folder / "model", SHARDS, "test", out, PredictParams(), reranker, renderer)
    val = preset_search.val_scores(folder / "model", SHARDS)
    shutil.rmtree(folder)
    dependence = preset_search.image_dependence(checkpoint.network, preset_search.val_batches(SHARDS))
    values = {key: [found[key], *found["intervals"][key]] for key in SCORES_SHOWN}
    rounded = {key: round(value, 1) for key, value in seconds.items()}
    of_val = {"val_bleu": val["bleu"], "val_bleu_blank": val["bleu_blank"], **dependence}
    return {"samples": samples, "n": found["n"], **rounded, **values, **of_val}


def _earlier(result: str) -> dict[str, object]:
    """Results of earlier calls, for other presets; read after a training, since another process may train beside it."""
    path = RESULTS / f"{result}.json"
    presets: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))["presets"] if path.is_file() else {}
    return presets


def _small() -> list[str]:
    return [name for name in preset_names() if name.endswith("-small")]


def _weights(name: str) -> int:
    with torch.device("meta"):
        network = Network(check(load_preset(name)["model"], ModelParams, name), VOCABULARY_SIZE)
    return sum(weight.numel() for weight in network.parameters())


def _overfit(name: str, shards: Path, vocabulary: Vocabulary, count: int, samples: int) -> dict[str, object]:
    """Samples and seconds (with validation) until all formulas are predicted or the budget is used; last scores."""
    rows: list[dict[str, float]] = []

    def on_row(row: dict[str, float]) -> None:
        rows.append(row)
        if row["val_exact"] == 1.0:
            raise ConvergedError

    started, cpu = time.monotonic(), time.process_time()
    params = _params(name, {"samples": samples}, 500, count)
    with tempfile.TemporaryDirectory() as state, suppress(ConvergedError):
        _fit(params, shards, vocabulary, Path(state), on_row)
    last = rows[-1]
    scores = {key: round(last[key], 4) for key in ("val_exact", "val_token_error", "train_loss")}
    seconds = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - cpu}
    settings = {"formulas": count, "max_samples": samples}
    return {
        **settings,
        "samples": last["samples"],
        **{key: round(value, 1) for key, value in seconds.items()},
        **scores,
    }


def _speed(name: str, shards: Path, vocabulary: Vocabulary, samples: int) -> float:
    """Training samples per CPU second, measured between two validations of one sample."""
    marks: list[tuple[float, float]] = []
    params = _params(name, {"samples": 2 * samples}, samples, 1)

    def on_row(row: dict[str, float]) -> None:
        marks.append((row["samples"], time.process_time()))

    with tempfile.TemporaryDirectory() as state:
        _fit(params, shards, vocabulary, Path(state), on_row)
    (before, started), *_, (after, ended) = marks
    return round((after - before) / (ended - started), 1)


class _RowCallback(Callback):
    """Calls a function with each row."""

    def __init__(self, on_row: Callable[[MetricsRow], None]) -> None:
        self._on_row = on_row

    def on_validation(self, row: MetricsRow, examples: Sequence[ValidationExample]) -> None:  # noqa: ARG002
        """Call the function."""
        self._on_row(row)


def _fit(
    params: TrainParams, shards: Path, vocabulary: Vocabulary, state: Path, on_row: Callable[[MetricsRow], None]
) -> None:
    """Train on the CPU."""
    settings = TrainerParams(accelerator="cpu")
    Trainer(params, shards, vocabulary, "benchmark", state, settings=settings, callback=_RowCallback(on_row)).fit()


def _params(name: str, budget: dict[str, float], validate_every: int, validation_samples: int) -> TrainParams:
    """Section `train` of params.yaml with a preset and without augmentation."""
    overrides: dict[str, Any] = {
        "preset": name,
        "augmentation": {"contrast": 0.0, "brightness": 0.0, "noise": 0.0},
        "budget": budget,
        "ema_samples": 300,
        "validate_every_samples": validate_every,
        "validation_samples": validation_samples,
    }
    return check(load_yaml(Path("params.yaml"))["train"] | overrides, TrainParams, "params.yaml: train")


def _shards(file: Path, count: int, folder: Path) -> Vocabulary:
    """Write the first short formulas that render as the splits `train` and `val`, which are equal."""
    rendered = _rendered(file, count)
    vocabulary = Vocabulary([*SPECIALS, *sorted({token for text, _ in rendered for token in text.split()})])
    sizes = np.array([[*pixels.shape, len(text.split())] for text, pixels in rendered])
    params = load_section("bucket", BucketParams).model_copy(update={"max_buckets": MAX_BUCKETS})
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
        for (text, pixels), bucket in zip(rendered, assign(sizes, shapes, params), strict=True)
    ]
    save_shapes(shapes, folder / "buckets.json")
    for split in ("train", "val"):
        write_table(pa.Table.from_pylist(rows, schema=SAMPLES), folder / split / "shard-00000.parquet")
    return vocabulary


def _rendered(file: Path, count: int) -> list[tuple[str, NDArray[np.uint8]]]:
    """Formulas and their images (h, w), as in the pipeline but with pdfium."""
    normalizer, stage = project_normalizer(), load_section("render", RenderStageParams)
    texts: dict[str, None] = {}
    for formula in load(file, MAX_CANDIDATES):
        try:
            text = normalizer.normalize(formula)
        except LatexError:
            continue
        if MIN_TOKENS <= len(text.split()) <= MAX_TOKENS:
            texts[text] = None
    chosen = list(texts)[: 2 * count]
    renderer = TexRenderer(stage.renderer.model_copy(update={"rasterizer": "pdfium"}))
    renderings = render_dataset_images(renderer, chosen, stage.image)
    return [(text, one.pixels) for text, one in zip(chosen, renderings, strict=True) if one.pixels is not None][:count]


if __name__ == "__main__":
    app()
