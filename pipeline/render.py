"""Normalized formulas to pictures.

reads   data/normalize/part-NNNNN.parquet     records.FORMULAS
writes  data/render/part-NNNNN.parquet        records.PICTURES in the base look, the same parts in the same order
        data/render/part-NNNNN.LOOK.parquet   the same in each other look of params.yaml, of what is drawn in it
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.imaging.raster import encode_png, prepare
from im2latex.parts import Job, PartCache, run_jobs
from im2latex.records import PICTURES, part_paths, read_table, write_table
from im2latex.rendering.doctor import versions
from im2latex.rendering.engine import RenderParams, TexRenderer
from im2latex.rendering.looks import BASE, Look, all_looks, chosen
from pipeline.fingerprint import fingerprint
from pipeline.renderer import PictureParams, RenderStageParams
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

    renderer: RenderParams
    picture: PictureParams

    def __call__(self, formulas: Sequence[str]) -> pa.Table:
        """Render each, or say why not."""
        renderer = TexRenderer(self.renderer)
        identity = f"{renderer.identity}\0{self.picture.model_dump_json()}"
        rows: list[dict[str, object]] = []
        for formula, drawn in zip(formulas, renderer.render(formulas), strict=True):
            if drawn.pixels is None:
                rows.append({"reason": drawn.reason, "detail": drawn.detail})
                continue
            pixels = prepare(drawn.pixels, self.picture.padding_px, self.picture.downsample)
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

    def cache(self) -> PartCache:
        """Where finished parts are kept: a change of anything that decides them is another place."""
        recipe = {
            "params": [self.renderer.model_dump(mode="json"), self.picture.model_dump(mode="json")],
            "tools": versions(self.renderer),
            "renderer": TexRenderer(self.renderer).identity,
            "code": fingerprint("pipeline.render"),
        }
        return PartCache(cache_root(), "render", recipe)


@dataclass(frozen=True)
class Part:
    """The formulas of one part of normalize that are drawn in one look."""

    source: Path
    look: Look
    formulas: pa.Table
    job: Job

    @property
    def name(self) -> str:
        """The file of the pictures."""
        look = "" if self.look.name == BASE else f".{self.look.name}"
        return f"{self.source.stem}{look}{self.source.suffix}"


def jobs(params: RenderStageParams) -> Iterator[Job]:
    """All parts in all looks, each a job that any process may do; needs the output of normalize."""
    return (part.job for part in _parts(params))


def work(run: Run[RenderStageParams]) -> None:
    """Render the corpus in parts; account for every picture."""
    run.facts["tools"] = versions(run.params.renderer)
    looks = all_looks(run.params.renderer, run.params.looks)
    run.facts["renderer"] = {look.name: TexRenderer(look.renderer).identity for look in looks}
    waiting: deque[Part] = deque()

    def waited() -> Iterator[Job]:
        for part in _parts(run.params):
            waiting.append(part)
            yield part.job

    total = sum(read_table(path, ["formula_id"]).num_rows for path in part_paths(DATA / "normalize"))
    for drawn in run_jobs(waited(), "render", total * min(run.params.looks.per_formula, len(looks))):
        part = waiting.popleft()
        write_table(_account(run, part.look.name, part.formulas, drawn), run.out / part.name)


def _parts(params: RenderStageParams) -> Iterator[Part]:
    looks = all_looks(params.renderer, params.looks)
    drawings = [Drawing(look.renderer, params.picture) for look in looks]
    caches = [drawing.cache() for drawing in drawings]
    for path in part_paths(DATA / "normalize"):
        for look, drawing, cache in zip(looks, drawings, caches, strict=True):
            formulas = _formulas(path, look, looks, params.looks.per_formula)
            yield Part(path, look, formulas, Job(formulas["latex"].to_pylist(), drawing, cache))


def _formulas(path: Path, look: Look, looks: Sequence[Look], per_formula: int) -> pa.Table:
    """The formulas of a part that are drawn in a look."""
    table = read_table(path, ["formula_id", "source_id", "split", "latex"])
    pairs = zip(table["formula_id"].to_pylist(), table["split"].to_pylist(), strict=True)
    drawn = [look.name in chosen(name, split, looks, per_formula) for name, split in pairs]
    return table.filter(pa.array(drawn, pa.bool_()))


def _account(run: Run[RenderStageParams], look: str, formulas: pa.Table, drawn: pa.Table) -> pa.Table:
    """Keep the rendered rows of a part (PICTURES) and drop the others with their reason."""
    run.ledger.see(formulas.num_rows)
    kept = drawn["reason"].is_null()
    run.ledger.keep(kept.to_pylist().count(True))
    refused = drawn.filter(pc.invert(kept)).select(["reason", "detail"])
    names = formulas.filter(pc.invert(kept)).select(["formula_id", "source_id"])
    for name, why in zip(names.to_pylist(), refused.to_pylist(), strict=True):
        detail = why["detail"] if look == BASE else f"in look {look}: {why['detail']}"
        run.ledger.drop(name["formula_id"], name["source_id"], why["reason"], detail)
    columns = {"formula_id": formulas["formula_id"], "look": pa.array([look] * formulas.num_rows, pa.string())}
    columns |= {name: drawn[name] for name in DRAWN.names if name in PICTURES.names}
    return pa.table(columns, schema=PICTURES).filter(kept)


if __name__ == "__main__":
    run_stage("render", RenderStageParams, work, ("pyarrow", "pillow", "numpy", "pypdfium2"))
