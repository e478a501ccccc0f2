"""Cost of training: python -m benchmarks.training COMMAND --help

loader      decoded images and collated samples per second, for each placement of the images
memory      memory of a process that reads a split larger than that, which repeats the training split of the project
throughput  training and inference samples per second, memory, and share of the peak matrix-product rate

Model, batches and augmentation are those of params.yaml.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, cast, get_args
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import torch
import typer

from benchmarks.harness import anonymous_mb, cpu_seconds, in_new_process, load, peak_memory, save
from benchmarks.throughput import Device, measure
from im2latex.config import load_section
from im2latex.dataset.buckets import BucketParams
from im2latex.dataset.shards import ShardWriter, read_shards
from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams
from im2latex.errors import LatexError
from im2latex.images.decode import decode_png
from im2latex.io.project_cache import cache_root
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.schemas import SAMPLES
from im2latex.training.collate import collate
from im2latex.training.config import TrainParams
from im2latex.training.dataloader import BatchLoader, Placement
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.devices import Precision, describe_devices
from im2latex.training.sampler import BatchParams, BucketBatchSampler, bucket_batches
from pipeline.paths import DATA
from pipeline.project_renderer import RenderStageParams
from pipeline.rendered_shards import Label, write_rendered_shards

MAX_TOKENS = 150
_SEGMENT_MB = 8
"""Memory of the placement `segments`, small enough that an epoch needs several segments."""

File = Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")]
app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def loader(file: File, count: int = 4000, device: str = "cpu", name: str = "loader") -> None:
    """Samples per second on one core; images as in params.yaml but rendered with pdfium."""
    torch.set_num_threads(1)
    params = load_section("train", TrainParams)
    with train_shards(file, count) as (folder, _):
        encoded = [
            row["bytes"] for table in read_shards(folder, "train", ["image"]) for row in table["image"].to_pylist()
        ]
        rates = {"decode": len(encoded) / _seconds(lambda: [decode_png(png) for png in encoded])}
        rates["load_a_split"] = len(encoded) / _seconds(lambda: load_anew(folder))
        samples = MemoryMappedDataset(folder, "train")
        rates["load_it_again"] = len(encoded) / _seconds(lambda: MemoryMappedDataset(folder, "train"))
    batches = bucket_batches(samples, params.batches, [params.seed, 0])
    generator = torch.Generator().manual_seed(0)
    rates["collate"] = len(samples) / _seconds(lambda: [collate(samples, batch, generator) for batch in batches])
    placements: tuple[Placement, ...] = ("host", "device", "segments")
    for placement in placements:
        batch_loader = BatchLoader(
            samples,
            BucketBatchSampler(samples, params.batches, params.seed),
            torch.device(device),
            _SEGMENT_MB,
            placement=placement,
        )
        rates[f"epoch_{placement}"] = len(samples) / _seconds(partial(_epoch, batch_loader, len(batches), device))
    seconds_per_sample = 1 / rates["decode"] + 1 / rates["epoch_host"]
    save(
        f"training-{name}",
        {
            "samples": len(samples),
            "mean_pixels": float(np.mean([height * width for height, width in samples.sizes])),
            "samples_per_batch": len(samples) / len(batches),
            "device": device,
            "per_second": {key: round(rate) for key, rate in rates.items()},
            "decode_and_one_epoch_per_second": round(1 / seconds_per_sample),
        },
    )


def load_anew(folder: Path) -> None:
    """Load the split train of `train_shards` as at the first time: decode it."""
    shutil.rmtree(cache_root() / "decoded", ignore_errors=True)
    MemoryMappedDataset(folder, "train")


@app.command()
def memory(
    folder: Annotated[Path, typer.Argument(help="a folder with free space: 8 GB for a million samples of the sample")],
    counts: Annotated[str, typer.Option(help="numbers of samples")] = "250000,1000000",
    shards: Path = DATA / "bucket",
) -> None:
    """Anonymous memory, which is all that is not a page of a file: while a split is decoded, and in an epoch."""
    rows = []
    for count in map(int, counts.split(",")):
        place = folder / str(count)
        _repeat_split(shards, place, count)
        with patch.dict(os.environ, IM2LATEX_CACHE=str(place / "cache")):
            rows.append(in_new_process(_measure_memory, place, load_section("train", TrainParams).batches))
        shutil.rmtree(place)
        print(rows[-1], flush=True)
    save("training-memory", {"splits": rows})


def _repeat_split(shards: Path, folder: Path, count: int) -> None:
    """Shards of `count` samples: those of the split train, again and again, each time under other ids."""
    folder.mkdir(parents=True)
    shutil.copy(shards / "buckets.json", folder)
    split = pa.concat_tables(read_shards(shards, "train")).combine_chunks()
    writer = ShardWriter(folder, "train", load_section("bucket", BucketParams).shard_rows)
    for first in range(0, count, split.num_rows):
        part = split.slice(0, count - first)
        ids = pa.array([f"{first + number:032x}" for number in range(part.num_rows)])
        writer.add(part.set_column(0, "formula_id", ids).cast(SAMPLES))
    writer.close()


def _measure_memory(folder: Path, limits: BatchParams) -> dict[str, float]:
    """Load the split twice, and read an epoch of its batches."""
    torch.set_num_threads(1)
    result: dict[str, float] = {"before_mb": anonymous_mb()}
    with peak_memory() as peak:
        started = cpu_seconds()
        samples = MemoryMappedDataset(folder, "train")
        result |= {"decode_cpu_seconds": round(cpu_seconds() - started, 1)}
    result |= {"decoding_peak_mb": peak[0], "samples": len(samples), "pixels_mb": round(samples.pixels.nbytes / 2**20)}
    del samples
    started = cpu_seconds()
    samples = MemoryMappedDataset(folder, "train")
    result |= {"loaded_again_cpu_seconds": round(cpu_seconds() - started, 1), "loaded_mb": anonymous_mb()}
    with peak_memory() as peak:
        started = cpu_seconds()
        batches = BatchLoader(samples, BucketBatchSampler(samples, limits, 0), torch.device("cpu"), 0)
        _epoch(batches, len(bucket_batches(samples, limits)), "cpu")
        result["epoch_samples_per_second"] = round(len(samples) / (cpu_seconds() - started))
    return result | {"epoch_peak_mb": peak[0]}


def _epoch(batch_loader: BatchLoader, batches: int, device: str) -> None:
    """Load the batches of one epoch, and wait for the accelerator."""
    for position in range(batches):
        batch_loader.batch(position, torch.Generator().manual_seed(position))
    if device == "cuda":
        torch.cuda.synchronize()


def _precision(name: str) -> Precision:
    if name not in get_args(Precision):
        raise typer.BadParameter(f"{name}: unknown precision; known are {', '.join(get_args(Precision))}")
    return cast(Precision, name)


@app.command()
def throughput(
    file: File,
    count: int = 2000,
    device: str = "auto",
    seconds: float = 20,
    batch_sizes: Annotated[str, typer.Option(help="batch sizes of inference")] = "1,8,64",
    precisions: str = "32-true,bf16-mixed",
    name: str = "",
) -> None:
    """Train and predict for `seconds` each, in each precision; the weights are discarded."""
    params = load_section("train", TrainParams)
    target = Device("cuda" if device == "auto" and torch.cuda.is_available() else device.replace("auto", "cpu"))
    sizes = [int(size) for size in batch_sizes.split(",")]
    with train_shards(file, count) as (folder, vocabulary):
        result: dict[str, object] = {
            precision: measure(
                params, _precision(precision), MemoryMappedDataset(folder, "train"), vocabulary, target, sizes, seconds
            )
            for precision in precisions.split(",")
        }
    model = params.model.model_dump(mode="json")
    kind = f"training-throughput-{name or target.kind}"
    save(kind, {"devices": describe_devices(), "threads": torch.get_num_threads(), "model": model, **result})


@contextmanager
def train_shards(file: Path, count: int) -> Iterator[tuple[Path, Vocabulary]]:
    """A temporary folder of shards of `count` formulas, as the split train, and their vocabulary."""
    formulas = [formula for formula in _normalized(load(file, count)) if len(formula.split()) <= MAX_TOKENS]
    vocabulary = Vocabulary.fit(
        [formula.split() for formula in formulas], VocabularyParams(min_frequency=2, max_size=2000)
    )
    render = load_section("render", RenderStageParams)
    fast = render.renderer.model_copy(update={"rasterizer": "pdfium"})
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, IM2LATEX_CACHE=f"{folder}/cache"):
        labels = [Label(formula, formula) for formula in formulas]
        changed = render.model_copy(update={"renderer": fast})
        write_rendered_shards(labels, vocabulary, Path(folder), "train", changed, load_section("bucket", BucketParams))
        yield Path(folder), vocabulary


def _normalized(formulas: list[str]) -> Iterator[str]:
    normalizer = Normalizer(NormalizerParams())
    for formula in formulas:
        try:
            yield normalizer.normalize(formula)
        except LatexError:
            continue


def _seconds(function: Callable[[], object], times: int = 3) -> float:
    """Minimum CPU seconds of a few calls, which is reliable on a busy machine."""
    seconds = []
    for _ in range(times):
        started = time.process_time()
        function()
        seconds.append(time.process_time() - started)
    return min(seconds)


if __name__ == "__main__":
    app()
