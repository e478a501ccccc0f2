"""An artifact on a terminal: its columns, its first rows, or one sample in full; images small, or as their sizes."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from im2latex.images.arrays import to_grayscale
from im2latex.images.decode import decode_image
from im2latex.reporting.artifact import IMAGES, Artifact, Row, image
from im2latex.reporting.unicode_image import blocks

LINES = 16
"""Most lines of an image."""

KINDS = ("input", "style", "rank")
"""What tells rows of one sample apart, and is therefore said of each."""


def overview(artifact: Artifact, rows: Iterable[Row], columns: int | None) -> Group:
    """Columns and first rows, a value a line; `columns` is the width of images, None for their sizes alone."""
    title = f"{artifact.path}: {artifact.rows:,} rows in {artifact.groups:,} row groups, {artifact.size:,} bytes"
    schema = _listing(max(map(len, artifact.columns), default=0))
    for name, kind in artifact.columns.items():
        schema.add_row(name, Text(kind, "dim"))
    parts: list[RenderableType] = [Text(title), Text(), schema]
    for number, row in enumerate(rows):
        parts += [Text(f"\nrow {number}", "bold"), *_row(row, columns, "ellipsis" if columns else "fold")]
    return Group(*parts)


def sample(artifact: Artifact, rows: list[Row], others: Mapping[str, list[Row]], columns: int | None) -> Group:
    """All there is of one sample: its rows here, after the first how they differ from it; elsewhere what is new."""
    parts: list[RenderableType] = []
    said = {(name, repr(value)) for row in rows for name, value in row.items()}
    for row in rows:
        differs = {name: value for name, value in row.items() if name in KINDS or value != rows[0][name]}
        parts += [Text(str(artifact.path), "bold"), *_row(row if row is rows[0] else differs, columns), Text()]
    for stage, found in others.items():
        for row in found:
            new = {name: value for name, value in row.items() if name in KINDS or (name, repr(value)) not in said}
            if new.keys() - set(KINDS):
                parts += [Text(stage, "bold"), *_row(new, None), Text()]
            said |= {(name, repr(value)) for name, value in new.items()}
    return Group(*parts[:-1])


def _row(row: Row, columns: int | None, overflow: Any = "fold") -> list[RenderableType]:
    table = _listing(max(map(len, row)), overflow)
    for name, value in row.items():
        table.add_row(name, Text(_value(name, value)))
    data = image(row)
    if data is None or columns is None:
        return [table]
    return [table, Text("\n".join(["", *blocks(to_grayscale(decode_image(data)), columns, LINES)]))]


def _listing(width: int, overflow: Any = "fold") -> Table:
    """Names of at most `width` characters beside values."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True, min_width=width)
    table.add_column(overflow=overflow, no_wrap=overflow == "ellipsis")
    return table


def _value(name: str, value: Any) -> str:
    """One value in one line."""
    if value is None:
        return "–"
    if name in IMAGES and isinstance(value, dict):
        if not value.get("bytes"):
            return value.get("path") or "–"
        height, width = decode_image(value["bytes"]).shape[:2]
        return f"{width} × {height} px, {len(value['bytes']):,} bytes"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
