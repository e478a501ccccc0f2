"""Metrics log: JSON lines beside the state of a run, consistent when the run resumes.

reads, writes  a file of JSON lines; each row has `samples`, the samples seen when it was logged

Lines that a full disk or a crash has damaged are skipped with a message. A run that resumes before a row logs it again.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from im2latex.io.atomic_write import atomic_write


class MetricsLog:
    """Rows in the order of the samples seen; rows of steps that are repeated are replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_bytes().split(b"\n") if path.is_file() else []
        found = [_parse(line) for line in lines if line.strip()]
        self.rows: list[dict[str, Any]] = [row for row in found if row is not None]
        if damaged := len(found) - len(self.rows):
            tqdm.write(f"{path}: skipped {damaged:,} damaged lines; {len(self.rows):,} are whole", sys.stderr)

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows of one validation."""
        first = min((row["samples"] for row in rows), default=float("inf"))
        self.rows = [*(old for old in self.rows if old["samples"] < first), *rows]
        atomic_write(self._path, lambda path: path.write_text(self.text(), encoding="utf-8"))

    def text(self) -> str:
        """All rows, one JSON object a line."""
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)


def _parse(line: bytes) -> dict[str, Any] | None:
    """The row of a line; None for a damaged line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("samples"), int | float) else None
