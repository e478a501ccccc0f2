"""Cost of training: python -m benchmarks.training COMMAND --help

loader      images decoded and batches put together a second, by each way there is
sheet       an image of every augmentation at several strengths, for the eye
throughput  samples trained and images read a second, memory, and the share of what the machine can multiply
The model, its batches and its augmentation are those of params.yaml.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, cast, get_args

import numpy as np
import torch
import typer

from benchmarks.augmentation_sheet import draw_sheet
from benchmarks.harness import load, save
from benchmarks.throughput import Machine, measure
from im2latex.config import load_section
from im2latex.dataset.buckets import BucketParams
from im2latex.dataset.shards import read_shards
from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams
from im2latex.errors import LatexError
from im2latex.images.arrays import encode_png
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.training.collate import collate
from im2latex.training.config import TrainParams
from im2latex.training.dataloader import BatchLoader, Placement
from im2latex.training.dataset import InMemoryDataset, decode_png
from im2latex.training.devices import Precision, describe_devices
from im2latex.training.sampler import BucketBatchSampler, bucket_batches
from pipeline.project_renderer import RenderStageParams
from pipeline.rendered_shards import Label, write_rendered_shards

MOST_TOKENS = 150
_PARTS_MB = 8
"""Memory of the placement `segments`: so little that an epoch of the benchmark needs several."""

File = Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")]
app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def loader(file: File, count: int = 4000, device: str = "cpu", name: str = "loader") -> None:
    """Samples a second on one core, on images as params.yaml makes them but drawn with pdfium."""
    torch.set_num_threads(1)
    params = load_section("train", TrainParams)
    with _shards(file, count) as (folder, _):
        coded = [
            row["bytes"] for table in read_shards(folder, "train", ["image"]) for row in table["image"].to_pylist()
        ]
        rates = {"decode": len(coded) / _seconds(lambda: [decode_png(png) for png in coded])}
        rates["load_a_split"] = len(coded) / _seconds(lambda: InMemoryDataset(folder, "train"))
        samples = InMemoryDataset(folder, "train")
    batches = bucket_batches(samples, params.batches, [params.seed, 0])
    placing = torch.Generator().manual_seed(0)
    rates["collate"] = len(samples) / _seconds(lambda: [collate(samples, batch, placing) for batch in batches])
    ways: tuple[Placement, ...] = ("host", "device", "segments")
    for way in ways:
        feed = BatchLoader(
            samples,
            BucketBatchSampler(samples, params.batches, params.seed),
            torch.device(device),
            _PARTS_MB,
            placement=way,
        )
        rates[f"epoch_{way}"] = len(samples) / _seconds(partial(_epoch, feed, len(batches), device))
    once = 1 / rates["decode"] + 1 / rates["epoch_host"]
    save(
        f"training-{name}",
        {
            "samples": len(samples),
            "mean_pixels": float(np.mean([height * width for height, width in samples.sizes])),
            "samples_per_batch": len(samples) / len(batches),
            "device": device,
            "per_second": {key: round(rate) for key, rate in rates.items()},
            "decode_and_one_epoch_per_second": round(1 / once),
        },
    )


def _epoch(feed: BatchLoader, batches: int, device: str) -> None:
    """One epoch; on an accelerator it ends when the last batch is there, and the processor waits for it busily."""
    for place in range(batches):
        feed.batch(place, torch.Generator().manual_seed(place))
    if device == "cuda":
        torch.cuda.synchronize()


@app.command()
def sheet(
    out: Annotated[Path, typer.Option("-o", "--out", help="the PNG to write")] = Path("sheet.png"), seed: int = 0
) -> None:
    """One row for each augmentation, from the weakest draw to the strongest."""
    out.write_bytes(encode_png(draw_sheet(load_section("render", RenderStageParams), seed)))


def _precision(name: str) -> Precision:
    if name not in get_args(Precision):
        raise typer.BadParameter(f"{name}: known are {', '.join(get_args(Precision))}")
    return cast(Precision, name)


@app.command()
def throughput(
    file: File,
    count: int = 2000,
    device: str = "auto",
    seconds: float = 20,
    batch_sizes: Annotated[str, typer.Option(help="images read at once")] = "1,8,64",
    precisions: str = "32-true,bf16-mixed",
    name: str = "",
) -> None:
    """Train and read for `seconds` each, in each arithmetic; nothing that is trained is kept."""
    params = load_section("train", TrainParams)
    machine = Machine("cuda" if device == "auto" and torch.cuda.is_available() else device.replace("auto", "cpu"))
    sizes = [int(size) for size in batch_sizes.split(",")]
    with _shards(file, count) as (folder, vocabulary):
        result: dict[str, object] = {
            precision: measure(
                params, _precision(precision), InMemoryDataset(folder, "train"), vocabulary, machine, sizes, seconds
            )
            for precision in precisions.split(",")
        }
    model = params.model.model_dump(mode="json")
    kind = f"training-throughput-{name or machine.kind}"
    save(kind, {"devices": describe_devices(), "threads": torch.get_num_threads(), "model": model, **result})


@contextmanager
def _shards(file: Path, count: int) -> Iterator[tuple[Path, Vocabulary]]:
    """A throw-away folder of shards made of `count` formulas, as a split train, and their vocabulary."""
    formulas = [formula for formula in _normalized(load(file, count)) if len(formula.split()) <= MOST_TOKENS]
    vocabulary = Vocabulary.fit(
        [formula.split() for formula in formulas], VocabularyParams(min_frequency=2, max_size=2000)
    )
    render = load_section("render", RenderStageParams)
    fast = render.renderer.model_copy(update={"rasterizer": "pdfium"})
    with tempfile.TemporaryDirectory() as folder:
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


def _seconds(work: Callable[[], object], times: int = 3) -> float:
    """The least processor seconds of a few runs: what the work takes of one core, however busy the machine is."""
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


if __name__ == "__main__":
    app()
