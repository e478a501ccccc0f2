"""Normalized formulas to pictures.

reads   data/normalize/part-NNNNN.parquet     records.FORMULAS
writes  data/render/part-NNNNN.parquet        records.PICTURES, the same parts in the same order
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.imaging.raster import encode_png, prepare
from im2latex.parts import PartCache, run_parts
from im2latex.records import PICTURES, part_paths, read_table, write_table
from im2latex.rendering.doctor import versions
from im2latex.rendering.engine import TexRenderer
from pipeline.fingerprint import fingerprint
from pipeline.renderer import RenderStageParams
from pipeline.stage import DATA, Run, cache_root, run_stage

DRAWN = pa.schema(
    [
        *[PICTURES.field(name) for name in ("image_id", "pixel_hash", "width", "height", "image")],
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Drawing:
    """The work on one part: normalized formulas to DRAWN."""

    params: RenderStageParams

    def __call__(self, formulas: Sequence[str]) -> pa.Table:
        """Render each, or say why not."""
        renderer = TexRenderer(self.params.renderer)
        picture = self.params.picture
        identity = f"{renderer.identity}\0{picture.model_dump_json()}"
        rows: list[dict[str, object]] = []
        for formula, drawn in zip(formulas, renderer.render(formulas), strict=True):
            if drawn.pixels is None:
                rows.append({"reason": drawn.reason, "detail": drawn.detail})
                continue
            pixels = prepare(drawn.pixels, picture.padding_px, picture.downsample)
            height, width = pixels.shape
            rows.append(
                {
                    "image_id": hashlib.sha256(f"{identity}\0{formula}".encode()).hexdigest()[:32],
                    "pixel_hash": hashlib.sha256(f"{height}x{width}\0".encode() + pixels.tobytes()).hexdigest()[:32],
                    "width": width,
                    "height": height,
                    "image": {"bytes": encode_png(pixels), "path": None},
                }
            )
        return pa.Table.from_pylist(rows, schema=DRAWN)


def work(run: Run[RenderStageParams]) -> None:
    """Render the corpus in parts; account for every formula."""
    tools = versions(run.params.renderer)
    run.facts["tools"] = tools
    run.facts["renderer"] = TexRenderer(run.params.renderer).identity
    recipe = {
        "params": run.params.model_dump(mode="json"),
        "tools": tools,
        "code": fingerprint("pipeline.render"),
    }
    paths = part_paths(DATA / "normalize")
    waiting: deque[pa.Table] = deque()

    def parts() -> Iterator[list[str]]:
        for path in paths:
            table = read_table(path, ["formula_id", "source_id", "latex"])
            waiting.append(table)
            yield table["latex"].to_pylist()

    total = sum(read_table(path, ["formula_id"]).num_rows for path in paths)
    results = run_parts(parts(), Drawing(run.params), PartCache(cache_root(), run.stage, recipe), "render", total)
    for path, drawn in zip(paths, results, strict=True):
        write_table(_account(run, waiting.popleft(), drawn), run.out / path.name)


def _account(run: Run[RenderStageParams], formulas: pa.Table, drawn: pa.Table) -> pa.Table:
    """Keep the rendered rows of a part (PICTURES) and drop the others with their reason."""
    run.ledger.see(formulas.num_rows)
    kept = drawn["reason"].is_null()
    run.ledger.keep(kept.to_pylist().count(True))
    refused = drawn.filter(pc.invert(kept)).select(["reason", "detail"])
    names = formulas.filter(pc.invert(kept)).select(["formula_id", "source_id"])
    for name, why in zip(names.to_pylist(), refused.to_pylist(), strict=True):
        run.ledger.drop(name["formula_id"], name["source_id"], why["reason"], why["detail"])
    columns = {"formula_id": formulas["formula_id"]} | {name: drawn[name] for name in PICTURES.names[1:]}
    return pa.table(columns, schema=PICTURES).filter(kept)


if __name__ == "__main__":
    run_stage("render", RenderStageParams, work, ("pyarrow", "pillow", "numpy", "pypdfium2"))
