"""What a training has told so far, kept beside its state, so that a resumed run has one whole story.

reads, writes  a file of JSON lines; each row holds `samples`, the samples seen when it was told

Lines that a full disk or a crash has left half are skipped, with a note; a row is written again where the run is
resumed before it.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from im2latex.io.atomic_write import atomic_write


class MetricsLog:
    """Rows in the order of the samples seen; rows of steps that are done again are replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_bytes().split(b"\n") if path.is_file() else []
        found = [_row(line) for line in lines if line.strip()]
        self.rows: list[dict[str, Any]] = [row for row in found if row is not None]
        if damaged := len(found) - len(self.rows):
            tqdm.write(f"{path}: {damaged:,} damaged lines are left out; {len(self.rows):,} are kept", sys.stderr)

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows that are told at one time."""
        first = min((row["samples"] for row in rows), default=float("inf"))
        self.rows = [*(old for old in self.rows if old["samples"] < first), *rows]
        atomic_write(self._path, lambda path: path.write_text(self.text(), encoding="utf-8"))

    def text(self) -> str:
        """All rows, one JSON object a line."""
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)


def _row(line: bytes) -> dict[str, Any] | None:
    """The row of a line; None where the line is damaged."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("samples"), int | float) else None
