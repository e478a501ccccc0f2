"""Speed and safety of the image decoder: python -m benchmarks.image_decoder --help

`hostile` decodes damaged files and files made to be slow, and counts what is not answered by pixels or a refusal.
`speed` compares the decoder process with decoding in the same process, alone and as a dataset needs it.
Processor seconds are those of the decoder process too: they hold on a busy machine, where the clock does not.
"""

import io
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from tqdm import tqdm

from benchmarks.harness import load, processor_seconds, save
from benchmarks.hostile_images import bombs, examples, mutated
from im2latex.errors import ImageError
from im2latex.images.arrays import ImageParams, crop, encode_png, to_dataset_image, to_grayscale
from im2latex.images.decode import DecodedImage, decode_image, decode_images
from im2latex.images.formats import FORMATS
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.renderer import TexRenderer

MOST_SECONDS = 2
"""A file that takes longer by the clock is decoded again, with its processor time."""
QUANTILES = {"median": 0.5, "99 %": 0.99, "99.9 %": 0.999, "most": 1.0}

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def hostile(
    count: Annotated[int, typer.Option("-n", help="damaged files")] = 20_000,
    side: Annotated[int, typer.Option(help="pixels along a side of the large images")] = 7_000,
    many: Annotated[int, typer.Option(help="comments, scans, chunks, frames of the others")] = 400_000,
    seed: int = 0,
) -> None:
    """Decode damaged files of all formats, then the slow ones; every answer is pixels or a `ImageError`."""
    random, seeds = Random(seed), examples()
    names = sorted(seeds)
    outcomes: Counter[str] = Counter()
    clocks: list[float] = []
    late: list[dict[str, object]] = []
    before = processor_seconds()
    for number in tqdm(range(count)):
        name = names[number % len(names)]
        data = mutated(random, seeds[name], seeds[random.choice(names)])
        began = time.perf_counter()
        outcomes[_outcome(data).partition(":")[0]] += 1
        clocks.append(time.perf_counter() - began)
        if clocks[-1] > MOST_SECONDS:
            late.append(_timed(name, data))
    result = {
        "damaged": dict(sorted(outcomes.items())),
        "formats": names,
        "processor_ms_a_file": round(1000 * (processor_seconds() - before) / max(1, count), 2),
        "clock_seconds": {name: round(float(np.quantile(clocks, part)), 4) for name, part in QUANTILES.items()},
        "late_and_again": late,
    }
    rows = []
    for name, build in bombs(side, many):
        rows.append(_timed(name, build()))
        print(rows[-1], flush=True)
    save("image-decoder-hostile", result | {"slow": rows})


@app.command()
def speed(
    formulas: Annotated[Path, typer.Argument(help="formulas to draw: .txt, .jsonl, .csv or .parquet")],
    count: Annotated[int, typer.Option("-n", help="formulas")] = 1_000,
    rounds: int = 5,
) -> None:
    """Microseconds of processor time and of the clock for an image, medians over rounds in turn."""
    drawn = render_dataset_images(TexRenderer(), load(formulas, count), ImageParams())
    files = [encode_png(one.pixels) for one in drawn if one.pixels is not None]
    ways: dict[str, Callable[[], object]] = {
        "in the process": lambda: [_in_process(file) for file in files],
        "decoder process": lambda: list(decode_images(files)),
        "dataset, in the process": lambda: [_stored(_in_process(file)) for file in files],
        "dataset, decoder process": lambda: [_stored(_found(one)) for one in decode_images(files)],
    }
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            before, began = processor_seconds(), time.perf_counter()
            way()
            spent = processor_seconds() - before, time.perf_counter() - began
            figures[name].append((1e6 * spent[0] / len(files), 1e6 * spent[1] / len(files)))
    medians = {name: np.median(several, axis=0).round(1).tolist() for name, several in figures.items()}
    columns = ("processor_us", "clock_us")
    save(
        "image-decoder-speed",
        {"images": len(files)} | {name: dict(zip(columns, pair, strict=True)) for name, pair in medians.items()},
    )


def _timed(name: str, data: bytes) -> dict[str, object]:
    """What a file costs."""
    before, began = processor_seconds(), time.perf_counter()
    outcome = _outcome(data)
    spent = {"processor_seconds": processor_seconds() - before, "clock_seconds": time.perf_counter() - began}
    return {"file": name, "bytes": len(data), "outcome": outcome, **{key: round(one, 3) for key, one in spent.items()}}


def _outcome(data: bytes) -> str:
    """The refusal, or "decoded"."""
    try:
        decode_image(data)
    except ImageError as error:
        return f"{error.reason}: {error.detail}"
    except Exception as error:  # noqa: BLE001 what must not happen is counted
        return f"ESCAPED {type(error).__name__}: {error}"
    return "decoded"


def _in_process(file: bytes) -> DecodedImage:
    with Image.open(io.BytesIO(file), formats=FORMATS) as image:
        return np.array(image)


def _found(one: DecodedImage | ImageError) -> DecodedImage:
    if isinstance(one, ImageError):
        raise one
    return one


def _stored(pixels: DecodedImage) -> bytes:
    return encode_png(to_dataset_image(crop(to_grayscale(pixels)), ImageParams()))


if __name__ == "__main__":
    app()
