"""Output of `im2latex render`: images of formulas, for people and for other programs.

writes  OUT.parquet                    one row a formula, in input order
        OUT/<id>.png, OUT/render.jsonl  the same as files
A formula without an image has a row too, with `image` null and a reason.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import joblib
import pyarrow as pa
import pyarrow.parquet as pq

from im2latex.errors import InputError
from im2latex.images.arrays import encode_png
from im2latex.parallel.parent_death_signal import delayed
from im2latex.parallel.process_pool import worker_count
from im2latex.rendering.renderer import Rendering
from im2latex.rendering.styles import RendererParams, create_renderer
from im2latex.schemas import IMAGE, formula_id, image_schema
from im2latex.types import BadRow, RawFormula

RENDERED = image_schema(
    pa.schema(
        [
            ("id", pa.string()),
            ("formula", pa.string()),
            ("image", IMAGE),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("reason", pa.string()),
        ]
    )
)
PART_ROWS = 500

RenderedRow = dict[str, object]


def render_rows(rows: Iterable[RawFormula | BadRow], params: RendererParams) -> Iterator[RenderedRow]:
    """Render rows in order, on all cores; yields rows of RENDERED, with images cropped to the ink."""
    pool = joblib.Parallel(n_jobs=worker_count(), return_as="generator", pre_dispatch="2*n_jobs")
    source = iter(rows)
    parts = iter(lambda: list(islice(source, PART_ROWS)), [])
    for drawn in pool(delayed(_render)(part, params) for part in parts):
        yield from drawn


def _render(rows: Sequence[RawFormula | BadRow], params: RendererParams) -> list[RenderedRow]:
    formulas = [row.formula for row in rows if isinstance(row, RawFormula)]
    drawn = iter(create_renderer(params).render(formulas))
    return [_bad_row(row) if isinstance(row, BadRow) else _row(row, *_image(next(drawn))) for row in rows]


def _image(rendering: Rendering) -> tuple[bytes | None, int | None, int | None, str | None]:
    if rendering.pixels is None:
        return None, None, None, f"{rendering.reason}: {rendering.detail}".removesuffix(": ")
    height, width = rendering.pixels.shape
    return encode_png(rendering.pixels), width, height, None


def _row(row: RawFormula, png: bytes | None, width: int | None, height: int | None, reason: str | None) -> RenderedRow:
    return {
        "id": row.source_id or formula_id(row.formula),
        "formula": row.formula,
        "image": None if png is None else {"bytes": png, "path": None},
        "width": width,
        "height": height,
        "reason": reason,
    }


def _bad_row(row: BadRow) -> RenderedRow:
    return {"id": row.source_id or row.place, "reason": f"{row.reason}: {row.detail}"}


def write_parquet(rows: Iterator[RenderedRow], out: Path) -> tuple[int, int]:
    """Write RENDERED; returns how many rows there are and how many of them have no image."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.is_dir():
        raise InputError(f"{out}: is a folder; name a file, or a folder that does not end in .parquet")
    partial = out.with_name(out.name + ".partial")
    total = failed = 0
    try:
        with pq.ParquetWriter(partial, RENDERED, compression={"formula": "ZSTD", "image.bytes": "NONE"}) as writer:
            while part := list(islice(rows, PART_ROWS)):
                writer.write_table(pa.Table.from_pylist(part, schema=RENDERED))
                total += len(part)
                failed += sum(row.get("image") is None for row in part)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return total, failed


def write_folder(rows: Iterator[RenderedRow], out: Path) -> tuple[int, int]:
    """Write one PNG a row and render.jsonl, whose `image` is then the file's name; counts as `write_parquet`.

    Rows of one id get files of their own. Files of an earlier rendering, which render.jsonl lists, are written anew;
    raises `InputError` rather than overwrite any other, and for a name that means another kind of file.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; name a folder, or a file that ends in .parquet")
    if out.suffix.lower() in _OTHER_KINDS and not out.exists():
        raise InputError(f"{out}: {out.suffix} is not written; name a folder, or a file that ends in .parquet")
    out.mkdir(parents=True, exist_ok=True)
    listing, draft = out / "render.jsonl", out / "render.jsonl.partial"
    ours = _listed_files(listing) | _listed_files(draft)
    uses: Counter[str] = Counter()
    total = failed = 0
    with draft.open("w", encoding="utf-8") as stream:
        for row in rows:
            image = row.get("image")
            png = image["bytes"] if isinstance(image, dict) else None
            if png is not None:
                path = out / _file_name(str(row["id"]), uses)
                if path.exists() and path.name not in ours:
                    raise InputError(f"{path}: is there, and from no earlier rendering; name another folder")
                row = {**row, "image": path.name}
            stream.write(json.dumps({name: row.get(name) for name in RENDERED.names}, ensure_ascii=False) + "\n")
            if png is not None:
                stream.flush()  # first the line, by which the image is known for ours
                path.write_bytes(png)
            total += 1
            failed += png is None
    draft.replace(listing)
    return total, failed


_OTHER_KINDS = (".png", ".jpg", ".jpeg", ".svg", ".pdf", ".json", ".jsonl", ".csv", ".txt", ".zip", ".gz", ".tar")


def _listed_files(path: Path) -> set[str]:
    """The images of an earlier rendering; none where its listing cannot be read."""
    lines = path.read_bytes().splitlines() if path.is_file() else []
    found: set[str] = set()
    for line in lines:
        with suppress(ValueError, RecursionError, AttributeError, TypeError):
            found.add(json.loads(line).get("image"))
    return found


def _file_name(name: str, uses: Counter[str]) -> str:
    """The file of an id, or of its hash where it cannot name one; a number behind it where that is in use."""
    stem = formula_id(name) if _is_unsafe_name(name) else name
    uses[stem.casefold()] += 1  # some file systems know no case
    again = uses[stem.casefold()]
    return f"{stem}~{again}.png" if again > 1 else f"{stem}.png"  # an id with ~ goes by its hash


def _is_unsafe_name(name: str) -> bool:
    """Whether an id cannot be a file name; most file systems allow 255 bytes."""
    plain = all(letter.isalnum() or letter in "-_." for letter in name)
    return len(name.encode("utf-8", "replace")) > 200 or not plain or name.startswith(".")
