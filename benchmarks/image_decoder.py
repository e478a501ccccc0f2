"""Speed and safety of the image decoder: python -m benchmarks.image_decoder --help

hostile   decode mutated files and slow files, and count outcomes other than pixels or an `ImageError`
speed     compare the decoder process with decoding in this process, alone and with the processing of a dataset

CPU seconds include the decoder process, so they are reliable on a busy machine.
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

from benchmarks.harness import cpu_seconds, load, save
from benchmarks.hostile_images import bombs, examples, mutate
from im2latex.errors import ImageError
from im2latex.images.arrays import ImageParams, crop, encode_png, to_dataset_image, to_grayscale
from im2latex.images.decode import FORMATS
from im2latex.images.sandboxed_decoder import DecodedImage, decode_image, decode_images
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.renderer import TexRenderer

SLOW_SECONDS = 2
"""A file that takes longer is decoded again, and its CPU time is measured."""
QUANTILES = {"median": 0.5, "99 %": 0.99, "99.9 %": 0.999, "max": 1.0}

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def hostile(
    count: Annotated[int, typer.Option("-n", help="number of mutated files")] = 20_000,
    side: Annotated[int, typer.Option(help="width and height of the large images")] = 7_000,
    many: Annotated[int, typer.Option(help="number of comments, scans, chunks or frames of the other files")] = 400_000,
    seed: int = 0,
) -> None:
    """Decode mutated files of all formats, then the slow ones; any outcome but pixels and `ImageError` is a fault."""
    random, seeds = Random(seed), examples()
    names = sorted(seeds)
    outcomes: Counter[str] = Counter()
    wall: list[float] = []
    slow: list[dict[str, object]] = []
    before = cpu_seconds()
    for number in tqdm(range(count)):
        name = names[number % len(names)]
        data = mutate(random, seeds[name], seeds[random.choice(names)])
        began = time.perf_counter()
        outcomes[_outcome(data).partition(":")[0]] += 1
        wall.append(time.perf_counter() - began)
        if wall[-1] > SLOW_SECONDS:
            slow.append(_timed(name, data))
    result = {
        "mutated": dict(sorted(outcomes.items())),
        "formats": names,
        "cpu_ms_per_file": round(1000 * (cpu_seconds() - before) / max(1, count), 2),
        "wall_seconds": {name: round(float(np.quantile(wall, part)), 4) for name, part in QUANTILES.items()},
        "slow_repeated": slow,
    }
    rows = []
    for name, build in bombs(side, many):
        rows.append(_timed(name, build()))
        print(rows[-1], flush=True)
    save("image-decoder-hostile", result | {"slow": rows})


@app.command()
def speed(
    formulas: Annotated[Path, typer.Argument(help="formulas to render: .txt, .jsonl, .csv or .parquet")],
    count: Annotated[int, typer.Option("-n", help="number of formulas")] = 1_000,
    rounds: int = 5,
) -> None:
    """CPU and wall-clock microseconds per image, medians over alternating rounds."""
    renderings = render_dataset_images(TexRenderer(), load(formulas, count), ImageParams())
    files = [encode_png(one.pixels) for one in renderings if one.pixels is not None]
    methods: dict[str, Callable[[], object]] = {
        "in process": lambda: [_in_process(file) for file in files],
        "decoder process": lambda: list(decode_images(files)),
        "dataset, in process": lambda: [_dataset_png(_in_process(file)) for file in files],
        "dataset, decoder process": lambda: [_dataset_png(_pixels(one)) for one in decode_images(files)],
    }
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            before, began = cpu_seconds(), time.perf_counter()
            method()
            used = cpu_seconds() - before, time.perf_counter() - began
            figures[name].append((1e6 * used[0] / len(files), 1e6 * used[1] / len(files)))
    medians = {name: np.median(several, axis=0).round(1).tolist() for name, several in figures.items()}
    columns = ("cpu_us", "wall_us")
    save(
        "image-decoder-speed",
        {"images": len(files)} | {name: dict(zip(columns, pair, strict=True)) for name, pair in medians.items()},
    )


def _timed(name: str, data: bytes) -> dict[str, object]:
    """Decode a file; returns outcome and time."""
    before, began = cpu_seconds(), time.perf_counter()
    outcome = _outcome(data)
    used = {"cpu_seconds": cpu_seconds() - before, "wall_seconds": time.perf_counter() - began}
    return {"file": name, "bytes": len(data), "outcome": outcome, **{key: round(one, 3) for key, one in used.items()}}


def _outcome(data: bytes) -> str:
    """The reason and detail of the error, or "decoded"."""
    try:
        decode_image(data)
    except ImageError as error:
        return f"{error.reason}: {error.detail}"
    except Exception as error:  # noqa: BLE001 any other exception is a fault
        return f"UNHANDLED {type(error).__name__}: {error}"
    return "decoded"


def _in_process(file: bytes) -> DecodedImage:
    with Image.open(io.BytesIO(file), formats=FORMATS) as image:
        return np.array(image)


def _pixels(one: DecodedImage | ImageError) -> DecodedImage:
    if isinstance(one, ImageError):
        raise one
    return one


def _dataset_png(pixels: DecodedImage) -> bytes:
    return encode_png(to_dataset_image(crop(to_grayscale(pixels)), ImageParams()))


if __name__ == "__main__":
    app()
