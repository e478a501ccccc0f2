"""Raw formulas to normalized formulas, each in its split.

reads   data/raw/<dataset>/                    see im2latex.dataset.readers.files
writes  data/normalize/part-NNNNN.parquet     schemas.FORMULAS, in input order
"""

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import pyarrow as pa
import typer

from im2latex.dataset.queries import stream_query
from im2latex.dataset.readers.files import FormulaRow, read_as_lines
from im2latex.dataset.readers.layouts import read_raw_formulas
from im2latex.dataset.splits import precedence, split_of
from im2latex.errors import InputError, LatexError
from im2latex.io.manifest import describe_dataset
from im2latex.io.parquet import RowCursor, TableWriter, stream_table, write_table
from im2latex.io.project_cache import cache_root
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.parallel.part_cache import Job, PartCache, run_jobs
from im2latex.schemas import FORMULAS, formula_id
from im2latex.types import BadRow, RawFormula
from pipeline.fingerprint import fingerprint
from pipeline.project import NormalizeParams, dataset_folder
from pipeline.stage import Stage, StageRun

VERDICTS = pa.schema(
    [
        ("latex", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("replaced", pa.list_(pa.string())),
    ]
)
GIVEN_SPLIT_RANK = {"test": 0, "val": 1, "train": 2, None: 3}
ROWS = pa.schema(
    [
        ("number", pa.int64()),
        ("formula_id", pa.string()),
        ("given_split_rank", pa.int8()),
        ("precedence", pa.string()),
        *((name, pa.string()) for name in ("formula", "place", "source_id", "group", "split", "image")),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""A row of the dataset; `formula` is null where it holds none, and `reason` says why."""
REPEATED = """
    SELECT number FROM (
        SELECT number, row_number() OVER (
            PARTITION BY formula_id ORDER BY given_split_rank, precedence, number
        ) AS place FROM dataset WHERE formula_id IS NOT NULL
    ) WHERE place > 1 ORDER BY number
"""
"""The rows whose formula another row keeps.

A row in a given held-out split goes first, so that a published test set stays whole; then the group first by hash; then
the earlier row.
"""


@dataclass(frozen=True)
class NormalizePart:
    """The work on one part, a list of formulas, to a table of VERDICTS."""

    params: NormalizerParams

    def __call__(self, formulas: Sequence[str]) -> pa.Table:
        """Normalize each, or say why not."""
        normalizer = Normalizer(self.params)
        return pa.Table.from_pylist([_verdict(formula, normalizer) for formula in formulas], schema=VERDICTS)


def _verdict(formula: str, normalizer: Normalizer) -> dict[str, str | list[str]]:
    try:
        latex, replaced = normalizer.normalize_with_counts(formula)
        return {"latex": latex, "replaced": sorted(replaced.elements())}
    except LatexError as error:
        return {"reason": error.reason, "detail": error.sentence}


def store_rows(rows: Iterator[FormulaRow], path: Path, part_rows: int) -> int:
    """Write the dataset as ROWS, a row group for each part; returns the number of formulas."""
    count = formulas = 0
    with TableWriter(path, ROWS, part_rows) as writer:
        while chunk := list(islice(rows, part_rows)):
            writer.add(
                pa.Table.from_pylist([_row(row, number) for number, row in enumerate(chunk, count)], schema=ROWS)
            )
            count += len(chunk)
            formulas += sum(isinstance(row, RawFormula) for row in chunk)
    return formulas


def _row(row: FormulaRow, number: int) -> dict[str, object]:
    if isinstance(row, BadRow):
        return {"number": number, **asdict(row)}
    keys = {
        "formula_id": formula_id(row.formula),
        "given_split_rank": GIVEN_SPLIT_RANK[row.split],
        "precedence": precedence(row.group),
    }
    return {"number": number, **keys, **asdict(row)}


def repeated_rows(rows: Path, scratch: Path) -> RowCursor:
    """The numbers of the rows of a file of ROWS whose formula another row keeps."""
    return RowCursor(stream_query(REPEATED, scratch, dataset=rows), pa.schema([ROWS.field("number")]))


def jobs(params: NormalizeParams) -> Iterator[Job]:
    """The dataset in parts, each a job that any process may do."""
    rows = read_raw_formulas(dataset_folder())
    chunks = iter(lambda: list(islice(rows, params.part_rows)), [])
    return _jobs(params, ([row.formula for row in chunk if isinstance(row, RawFormula)] for chunk in chunks))


def job(params: NormalizeParams, formulas: Sequence[str]) -> Job:
    """The job of one part."""
    return Job(formulas, NormalizePart(params.normalizer), _cache(params.normalizer))


def _cache(params: NormalizerParams) -> PartCache:
    """The cache of finished parts: a change of anything that decides them is another key."""
    key = {
        "params": params.model_dump(mode="json"),
        "custom": _custom_files(params),
        "tools": version("pylatexenc"),
        "code": fingerprint("pipeline.normalize:NormalizePart", files=[Path(params.rules)] if params.rules else []),
    }
    return PartCache(cache_root(), "normalize", key)


def _jobs(params: NormalizeParams, parts: Iterable[Sequence[str]]) -> Iterator[Job]:
    """The job of each part."""
    Normalizer(params.normalizer)  # a team's file that is missing or wrong is refused here, before any work
    cache, work = _cache(params.normalizer), NormalizePart(params.normalizer)
    return (Job(formulas, work, cache) for formulas in parts)


def work(run: StageRun[NormalizeParams]) -> None:
    """Normalize the dataset in parts; account for every row."""
    dataset = dataset_folder()
    if note := read_as_lines(dataset):
        typer.echo(f"normalize: {note}", err=True)
    replaced: Counter[str] = Counter()
    with run.scratch() as scratch:
        path = scratch / "rows.parquet"
        formulas = store_rows(read_raw_formulas(dataset), path, run.params.part_rows)
        if not formulas:
            raise InputError(f"{dataset}: holds no formula; put one a line into a .txt file there")
        repeated = repeated_rows(path, scratch)
        parts = (rows["formula"].drop_null().to_pylist() for rows in stream_table(path, ["formula"]))
        verdicts = run_jobs(_jobs(run.params, parts), "normalize", formulas)
        # The rows are read twice: with each job, they would be in memory as long as other jobs go first.
        for index, (rows, found) in enumerate(zip(stream_table(path), verdicts, strict=True)):
            numbers = repeated.take_up_to(rows["number"][-1].as_py())["number"]
            table = _account(run, rows, found, frozenset(numbers.to_pylist()), replaced)
            write_table(table, run.out / f"part-{index:05d}.parquet")
    run.facts["replaced"] = dict(sorted(replaced.items()))
    run.facts["raw_dataset"] = describe_dataset(dataset)
    if not run.ledger.kept:
        raise InputError(f"{dataset}: no formula was accepted: {run.ledger.summary_line()}")


def _custom_files(params: NormalizerParams) -> dict[str, str]:
    """SHA-256 of the files that the parameters name: what the team added to the normalizer."""
    return {
        path: hashlib.sha256(Path(path).read_bytes()).hexdigest()
        for path in (params.macros, params.rules, params.replacements)
        if path
    }


def _account(
    run: StageRun[NormalizeParams],
    rows: pa.Table,
    verdicts: pa.Table,
    repeated: Container[int],
    replaced: Counter[str],
) -> pa.Table:
    """Keep or drop each row of a part; returns the kept ones (FORMULAS), and counts their replacements."""
    outcome = iter(verdicts.to_pylist())
    kept: list[dict[str, str | None]] = []
    run.ledger.add_seen(rows.num_rows)
    for row in rows.to_pylist():
        name, where = row["formula_id"], row["source_id"] or row["place"]
        if row["formula"] is None:
            run.ledger.drop(None, where, row["reason"], row["detail"])
            continue
        verdict = next(outcome)
        if row["number"] in repeated:
            run.ledger.drop(name, where, "duplicate")
        elif verdict["reason"] is not None:
            run.ledger.drop(name, where, verdict["reason"], verdict["detail"])
        else:
            split = row["split"] or split_of(row["group"] or verdict["latex"], run.params.split)
            values = (name, row["source_id"], row["group"], split, row["formula"], verdict["latex"], row["image"])
            kept.append(dict(zip(FORMULAS.names, values, strict=True)))
            replaced.update(verdict["replaced"])
            run.ledger.add_kept()
    return pa.Table.from_pylist(kept, schema=FORMULAS)


STAGE = Stage("normalize", NormalizeParams, work, ("pyarrow", "pylatexenc"), unit="formulas")

if __name__ == "__main__":
    STAGE.main()
