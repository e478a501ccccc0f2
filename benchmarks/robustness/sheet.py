"""Contact sheet: a row for each condition, a column for each formula."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from im2latex.images.arrays import PAPER
from im2latex.io.parquet import read_table

_CELL, _NAME, _GAP = (420, 90), 170, 6
_BENEATH = (208, 224, 208)  # what is seen through transparent images


def draw_sheet(folder: Path, count: int) -> NDArray[np.uint8]:
    """The sheet (H, W, 3) of the first `count` formulas; images larger than a cell are shrunk, none is enlarged."""
    rows = read_table(folder / "index.parquet").to_pylist()
    names = list(dict.fromkeys(row["condition"] for row in rows))
    ids = list(dict.fromkeys(row["id"] for row in rows))[:count]
    width, height = _CELL
    sheet = Image.new("RGB", (_NAME + count * (width + _GAP), len(names) * (height + _GAP)), (PAPER, PAPER, PAPER))
    pen = ImageDraw.Draw(sheet)
    for line, name in enumerate(names):
        pen.text((4, line * (height + _GAP) + height // 2), name, fill=(0, 0, 0))
    for row in rows:
        if row["id"] not in ids:
            continue
        left, top = _NAME + ids.index(row["id"]) * (width + _GAP), names.index(row["condition"]) * (height + _GAP)
        pen.rectangle((left, top, left + width, top + height), fill=_BENEATH)
        if row["path"] is None:
            pen.text((left + 8, top + height // 2), row["reason"], fill=(160, 0, 0))
            continue
        with Image.open(folder / row["path"]) as image:
            thumbnail = image.convert("RGBA")
        thumbnail.thumbnail(_CELL, Image.Resampling.LANCZOS)
        sheet.paste(thumbnail, (left, top), thumbnail)
    return np.array(sheet)
