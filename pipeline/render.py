"""Normalized formulas to images.

A formula whose dataset brings an image is not drawn: its image is cropped, padded and made smaller as a drawn one.

reads   data/normalize/part-NNNNN.parquet     schemas.FORMULAS
        data/raw/<dataset>/                    the images it brings
writes  data/render/part-NNNNN.parquet        schemas.IMAGES in the base style, the same parts in the same order
        data/render/part-NNNNN.STYLE.parquet   the same in each other style of params.yaml, of what is drawn in it,
                                              and in the style "given", of what the dataset brings
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.io.parquet import part_paths, read_table, write_table
from im2latex.io.project_cache import cache_root
from im2latex.parallel.part_cache import Job, PartCache, run_jobs
from im2latex.rendering.dataset_images import DATASET_IMAGES, DatasetRenderer
from im2latex.rendering.doctor import tool_versions
from im2latex.rendering.styles import BASE_STYLE, SOURCE_STYLE, RenderStyle, all_styles, create_renderer, select_styles
from im2latex.schemas import IMAGES
from pipeline.fingerprint import fingerprint
from pipeline.paths import DATA
from pipeline.project import dataset_folder
from pipeline.project_renderer import RenderStageParams, with_commands
from pipeline.source_image_converter import SourceImageConverter
from pipeline.stage import Stage, StageRun


@dataclass(frozen=True)
class Part:
    """The formulas of one part of normalize whose images are of one style."""

    source: Path
    style: str
    formulas: pa.Table

    @property
    def name(self) -> str:
        """The file of the images."""
        style = "" if self.style == BASE_STYLE else f".{self.style}"
        return f"{self.source.stem}{style}{self.source.suffix}"


def jobs(params: RenderStageParams) -> Iterator[Job]:
    """All parts in all styles, each a job that any process may do; needs the output of normalize."""
    workers = _work(params)
    caches = {name: _cache(one) for name, one in workers.items()}
    converter = SourceImageConverter(dataset_folder(), params.image)
    for part in _parts(params):
        if part.style == SOURCE_STYLE:
            strings = converter.named(part.formulas["image"].to_pylist())
        else:
            strings = part.formulas["latex"].to_pylist()
        yield Job(strings, workers[part.style], caches[part.style], part.style)


def job(params: RenderStageParams, part: Sequence[str], style: str) -> Job:
    """The job of one part, whose images are of one style."""
    work = _work(params)[style]
    return Job(part, work, _cache(work), style)


def work(run: StageRun[RenderStageParams]) -> None:
    """Render the dataset in parts; account for every image."""
    run.facts["tools"] = tool_versions(run.params.renderer)
    styles = _styles(run.params)
    run.facts["renderer"] = {style.name: create_renderer(style.renderer).identity for style in styles}
    counts: Counter[str] = Counter()
    total = sum(read_table(path, ["formula_id"]).num_rows for path in part_paths(DATA / "normalize"))
    drawn = run_jobs(jobs(run.params), "render", total * min(run.params.styles.per_formula, len(styles)))
    # The parts are read twice: with each job, they would be in memory as long as other jobs go first.
    for part, rows in zip(_parts(run.params), drawn, strict=True):
        images = _account(run, part.style, part.formulas, rows)
        counts[part.style] += images.num_rows
        write_table(images, run.out / part.name)
    run.facts["images"] = dict(counts)


def _styles(params: RenderStageParams) -> list[RenderStyle]:
    return all_styles(with_commands(params.renderer), params.styles)


def _work(params: RenderStageParams) -> dict[str, DatasetRenderer | SourceImageConverter]:
    """The work on a part for each style, and for images that the dataset brings."""
    found: dict[str, DatasetRenderer | SourceImageConverter] = {
        style.name: DatasetRenderer(style.renderer, style.image_params(params.image)) for style in _styles(params)
    }
    return found | {SOURCE_STYLE: SourceImageConverter(dataset_folder(), params.image)}


def _cache(work: DatasetRenderer | SourceImageConverter) -> PartCache:
    """The cache of finished parts: a change of anything that decides them is another key."""
    kind = type(work)
    code = {"code": fingerprint(f"{kind.__module__}:{kind.__name__}")}
    return PartCache(cache_root(), "render", work.cache_key() | code)


def _parts(params: RenderStageParams) -> Iterator[Part]:
    styles = _styles(params)
    for path in part_paths(DATA / "normalize"):
        table = read_table(path, ["formula_id", "source_id", "split", "latex", "image"])
        source = table.filter(pc.is_valid(table["image"]))
        if source.num_rows:
            yield Part(path, SOURCE_STYLE, source)
        formulas = table.filter(pc.is_null(table["image"]))
        names = zip(formulas["formula_id"].to_pylist(), formulas["split"].to_pylist(), strict=True)
        choices = [select_styles(name, split, styles, params.styles.per_formula) for name, split in names]
        for style in styles:
            chosen = formulas.filter(pa.array([style.name in choice for choice in choices], pa.bool_()))
            yield Part(path, style.name, chosen)


def _account(run: StageRun[RenderStageParams], style: str, formulas: pa.Table, drawn: pa.Table) -> pa.Table:
    """Keep the rendered rows of a part (IMAGES) and drop the others with their reason."""
    run.ledger.add_seen(formulas.num_rows)
    kept = drawn["reason"].is_null()
    run.ledger.add_kept(kept.to_pylist().count(True))
    refused = drawn.filter(pc.invert(kept)).select(["reason", "detail"])
    names = formulas.filter(pc.invert(kept)).select(["formula_id", "source_id"])
    for name, why in zip(names.to_pylist(), refused.to_pylist(), strict=True):
        detail = why["detail"] if style == BASE_STYLE else f"in style {style}: {why['detail']}"
        run.ledger.drop(name["formula_id"], name["source_id"], why["reason"], detail)
    columns = {"formula_id": formulas["formula_id"], "style": pa.array([style] * formulas.num_rows, pa.string())}
    columns |= {name: drawn[name] for name in DATASET_IMAGES.names if name in IMAGES.names}
    return pa.table(columns, schema=IMAGES).filter(kept)


STAGE = Stage(
    "render", RenderStageParams, work, ("pyarrow", "pillow", "deflate", "numpy", "pypdfium2"), unit="formulas"
)

if __name__ == "__main__":
    STAGE.main()
