"""Inputs of the benchmarks, processor time, and the JSON files of results."""

import json
import platform
from pathlib import Path

import joblib
import psutil

from im2latex.dataset.readers.files import read_file
from im2latex.types import RawFormula

RESULTS = Path(__file__).with_name("results")


def load(path: Path, count: int = 0) -> list[str]:
    """The formulas of a file in any format that the toolkit reads; `count` of them at even distances, 0 for all."""
    rows = [row.formula for row in read_file(path) if isinstance(row, RawFormula)]
    return rows[:: max(1, len(rows) // count)][:count] if count else rows


def lines(path: Path) -> list[str]:
    """The lines of a file, blank ones too, for files that belong together line by line."""
    return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n")


def save(name: str, result: dict[str, object]) -> None:
    """Print a result and write it to results/NAME.json, with the number and kind of processors."""
    machine = {"cores": joblib.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    text = json.dumps({"benchmark": name, **result, "on": machine}, indent=1, ensure_ascii=False) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    print(text)


def processor_seconds() -> float:
    """Return the processor time of this process and all its children, ended ones included.

    On a shared machine it varies less than wall-clock time.
    """
    process = psutil.Process()
    return float(sum(sum(one.cpu_times()[:4]) for one in [process, *process.children(recursive=True)]))
