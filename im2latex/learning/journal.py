"""What a training has told so far, kept beside its state, so that a resumed run has one whole story.

reads, writes  a file of JSON lines; each row holds `samples`, the samples seen when it was told
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from im2latex.learning.files import replace


class Journal:
    """Rows in the order of the samples seen; rows of steps that are done again are replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows that are told at one time."""
        first = min((row["samples"] for row in rows), default=float("inf"))
        self.rows = [*(old for old in self.rows if old["samples"] < first), *rows]
        replace(self._path, lambda path: path.write_text(self.text(), encoding="utf-8"))

    def text(self) -> str:
        """All rows, one JSON object a line."""
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
