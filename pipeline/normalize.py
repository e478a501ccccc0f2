"""Raw formulas to normalized formulas, each in its split.

reads   data/raw/<dataset>/                    see im2latex.dataset.readers.files
writes  data/normalize/part-NNNNN.parquet     schemas.FORMULAS, in input order
"""

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import pyarrow as pa
import typer

from im2latex.dataset.readers.files import FormulaRow, read_as_lines
from im2latex.dataset.readers.layouts import read_raw_formulas
from im2latex.dataset.splits import precedence, split_of
from im2latex.errors import InputError, LatexError
from im2latex.io.manifest import describe_dataset
from im2latex.io.parquet import write_table
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


def owners(rows: Iterator[FormulaRow]) -> dict[str, int]:
    """For each formula the number of the row that keeps it.

    A row in a given held-out split goes first, so that a published test set stays whole; then the group first by
    hash; then the earlier row.
    """
    best: dict[str, tuple[int, str, int]] = {}
    for number, row in enumerate(rows):
        if isinstance(row, RawFormula):
            name = formula_id(row.formula)
            claim = (GIVEN_SPLIT_RANK[row.split], precedence(row.group), number)
            if name not in best or claim < best[name]:
                best[name] = claim
    return {name: claim[2] for name, claim in best.items()}


def jobs(params: NormalizeParams) -> Iterator[Job]:
    """The dataset in parts, each a job that any process may do."""
    return (job for _, job in _jobs(params))


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


def _jobs(params: NormalizeParams) -> Iterator[tuple[list[FormulaRow], Job]]:
    """Each part with its rows, those that hold no formula included."""
    Normalizer(params.normalizer)  # a team's file that is missing or wrong is refused here, before any work
    cache, work = _cache(params.normalizer), NormalizePart(params.normalizer)
    rows = read_raw_formulas(dataset_folder())
    while chunk := list(islice(rows, params.part_rows)):
        yield chunk, Job([row.formula for row in chunk if isinstance(row, RawFormula)], work, cache)


def work(run: StageRun[NormalizeParams]) -> None:
    """Normalize the dataset in parts; account for every row."""
    dataset = dataset_folder()
    if note := read_as_lines(dataset):
        typer.echo(f"normalize: {note}", err=True)
    kept_by = owners(read_raw_formulas(dataset))
    if not kept_by:
        raise InputError(f"{dataset}: holds no formula; put one a line into a .txt file there")
    waiting: deque[list[FormulaRow]] = deque()

    def waited() -> Iterator[Job]:
        for chunk, job in _jobs(run.params):
            waiting.append(chunk)
            yield job

    number = 0
    replaced: Counter[str] = Counter()
    for index, verdicts in enumerate(run_jobs(waited(), "normalize", len(kept_by))):
        chunk = waiting.popleft()
        table = _account(run, chunk, verdicts, kept_by, number, replaced)
        write_table(table, run.out / f"part-{index:05d}.parquet")
        number += len(chunk)
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
    chunk: list[FormulaRow],
    verdicts: pa.Table,
    kept_by: dict[str, int],
    first: int,
    replaced: Counter[str],
) -> pa.Table:
    """Keep or drop each row of a part; returns the kept ones (FORMULAS), and counts their replacements."""
    outcome = iter(verdicts.to_pylist())
    kept: list[dict[str, str | None]] = []
    run.ledger.add_seen(len(chunk))
    for number, row in enumerate(chunk, first):
        if isinstance(row, BadRow):
            run.ledger.drop(None, row.source_id or row.place, row.reason, row.detail)
            continue
        verdict = next(outcome)
        name = formula_id(row.formula)
        if kept_by[name] != number:
            run.ledger.drop(name, row.source_id or row.place, "duplicate")
        elif verdict["reason"] is not None:
            run.ledger.drop(name, row.source_id or row.place, verdict["reason"], verdict["detail"])
        else:
            split = row.split or split_of(row.group or verdict["latex"], run.params.split)
            values = (name, row.source_id, row.group, split, row.formula, verdict["latex"], row.image)
            kept.append(dict(zip(FORMULAS.names, values, strict=True)))
            replaced.update(verdict["replaced"])
            run.ledger.add_kept()
    return pa.Table.from_pylist(kept, schema=FORMULAS)


STAGE = Stage("normalize", NormalizeParams, work, ("pyarrow", "pylatexenc"), unit="formulas")

if __name__ == "__main__":
    STAGE.main()
