"""Inputs, CPU time, memory and JSON results of the benchmarks."""

import json
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import joblib
import numpy as np
import psutil
from numpy.typing import NDArray

from im2latex.dataset.readers.files import read_file
from im2latex.images.arrays import Pixels
from im2latex.rendering.renderer import ParallelRenderer, TexRenderer
from im2latex.types import RawFormula

RESULTS = Path(__file__).with_name("results")
_MEMORY_SECONDS = 0.01


def load(path: Path, count: int = 0) -> list[str]:
    """Load the formulas of a file in any supported format; `count` of them, evenly spaced, 0 for all."""
    rows = [row.formula for row in read_file(path) if isinstance(row, RawFormula)]
    return rows[:: max(1, len(rows) // count)][:count] if count else rows


def lines(path: Path) -> list[str]:
    """All lines of a file, including blank ones, for files that are aligned by line."""
    return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n")


def save(name: str, result: dict[str, object]) -> None:
    """Print a result and write it to results/NAME.json, with the number and architecture of the cores."""
    machine = {"cores": joblib.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    text = json.dumps({"benchmark": name, **result, "on": machine}, indent=1, ensure_ascii=False) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    print(text)


def cpu_seconds() -> float:
    """CPU time of this process and all its children, including ended ones.

    On a shared machine it varies less than wall-clock time.
    """
    process = psutil.Process()
    return float(sum(sum(each.cpu_times()[:4]) for each in [process, *process.children(recursive=True)]))


def equal_pixels(references: Sequence[str], hypotheses: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each pair of formulas (N,) has equal pixels in the base style; false where one cannot be rendered."""
    formulas = list(dict.fromkeys([*references, *hypotheses]))
    renderings = ParallelRenderer(TexRenderer()).render(formulas)
    pixels = {formula: one.pixels for formula, one in zip(formulas, renderings, strict=True)}
    return np.array([_equal(pixels[one], pixels[other]) for one, other in zip(references, hypotheses, strict=True)])


def _equal(one: Pixels | None, other: Pixels | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)


def in_new_process(function: Callable[..., dict[str, float]], *arguments: object) -> dict[str, float]:
    """The result of a function in a process of its own, whose memory is all its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def anonymous_mb() -> int:
    """Anonymous memory of this process, in MiB: all that is not a page of a file."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) >> 10


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The greatest anonymous memory so far, in MiB, measured by a thread."""
    peak, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(_MEMORY_SECONDS):
            peak[0] = max(peak[0], anonymous_mb())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
