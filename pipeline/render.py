"""Normalized formulas to pictures.

A formula whose corpus brings a picture is not drawn: its picture is cropped, padded and made smaller as a drawn one.

reads   data/normalize/part-NNNNN.parquet     records.FORMULAS
        data/raw/<corpus>/                    the pictures it brings
writes  data/render/part-NNNNN.parquet        records.PICTURES in the base look, the same parts in the same order
        data/render/part-NNNNN.LOOK.parquet   the same in each other look of params.yaml, of what is drawn in it,
                                              and in the look "given", of what the corpus brings
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.parts import Job, run_jobs
from im2latex.records import PICTURES, part_paths, read_table, write_table
from im2latex.rendering.doctor import versions
from im2latex.rendering.looks import BASE, GIVEN, Look, all_looks, chosen, create_renderer
from pipeline.corpus import corpus_folder
from pipeline.pictures import DRAWN, Drawing, Taking
from pipeline.renderer import RenderStageParams, with_commands
from pipeline.stage import DATA, Run, run_stage


@dataclass(frozen=True)
class Part:
    """The formulas of one part of normalize whose pictures are of one look."""

    source: Path
    look: str
    formulas: pa.Table
    job: Job

    @property
    def name(self) -> str:
        """The file of the pictures."""
        look = "" if self.look == BASE else f".{self.look}"
        return f"{self.source.stem}{look}{self.source.suffix}"


def jobs(params: RenderStageParams) -> Iterator[Job]:
    """All parts in all looks, each a job that any process may do; needs the output of normalize."""
    return (part.job for part in _parts(params))


def work(run: Run[RenderStageParams]) -> None:
    """Render the corpus in parts; account for every picture."""
    run.facts["tools"] = versions(run.params.renderer)
    looks = _looks(run.params)
    run.facts["renderer"] = {look.name: create_renderer(look.renderer).identity for look in looks}
    waiting: deque[Part] = deque()
    counts: Counter[str] = Counter()

    def waited() -> Iterator[Job]:
        for part in _parts(run.params):
            waiting.append(part)
            yield part.job

    total = sum(read_table(path, ["formula_id"]).num_rows for path in part_paths(DATA / "normalize"))
    for drawn in run_jobs(waited(), "render", total * min(run.params.looks.per_formula, len(looks))):
        part = waiting.popleft()
        pictures = _account(run, part.look, part.formulas, drawn)
        counts[part.look] += pictures.num_rows
        write_table(pictures, run.out / part.name)
    run.facts["pictures"] = dict(counts)


def _looks(params: RenderStageParams) -> list[Look]:
    return all_looks(with_commands(params.renderer), params.looks)


def _parts(params: RenderStageParams) -> Iterator[Part]:
    looks = _looks(params)
    drawings = [Drawing(look.renderer, look.picture(params.picture)) for look in looks]
    caches = [drawing.cache() for drawing in drawings]
    taking = Taking(corpus_folder(), params.picture)
    for path in part_paths(DATA / "normalize"):
        table = read_table(path, ["formula_id", "source_id", "split", "latex", "image"])
        given = table.filter(pc.is_valid(table["image"]))
        if given.num_rows:
            yield Part(path, GIVEN, given, taking.job(given["image"].to_pylist()))
        drawn = table.filter(pc.is_null(table["image"]))
        names = zip(drawn["formula_id"].to_pylist(), drawn["split"].to_pylist(), strict=True)
        choices = [chosen(name, split, looks, params.looks.per_formula) for name, split in names]
        for look, drawing, cache in zip(looks, drawings, caches, strict=True):
            formulas = drawn.filter(pa.array([look.name in choice for choice in choices], pa.bool_()))
            yield Part(path, look.name, formulas, Job(formulas["latex"].to_pylist(), drawing, cache))


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
