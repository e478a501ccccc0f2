"""A run with the samples behind its scores, where they can be read.

reads  a project, commit or experiment      reports/metrics.json, params.yaml and what else `runs` reads
                                            data/evaluate/scores.parquet, data/bucket/<split>/
                                            reports/manifest/bucket.json, the ledgers
       a checkpoint folder                  its last validation; it has no samples
       a .parquet file                      schemas.SCORES, or schemas.PREDICTIONS, which are scored here
"""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from im2latex.errors import InputError
from im2latex.io.json_files import parse_json
from im2latex.io.parquet import PARQUET_ERRORS
from im2latex.metrics.bootstrap import Aggregate, Column, sum_columns
from im2latex.metrics.score_predictions import metric_columns
from im2latex.metrics.significance import rows_of_split
from im2latex.reporting.provenance import training_budget
from im2latex.reporting.runs import RunFiles, RunSummary, open_run_files, read_run
from im2latex.schemas import PREDICTIONS, SCORES

SAMPLES = "data/evaluate/scores.parquet"

ScorePredictions = Callable[[pa.Table], pa.Table]
"""PREDICTIONS to SCORES."""

_ROUNDING = 2e-6
"""Published scores are rounded to six decimals."""


@dataclass(frozen=True)
class ScoredSamples:
    """Samples of one split (schemas.SCORES), their columns row by row, and the aggregates of their metrics."""

    rows: pa.Table = field(repr=False)
    columns: dict[str, Column] = field(repr=False)
    aggregates: dict[str, Aggregate] = field(repr=False)

    @classmethod
    def of(cls, rows: pa.Table) -> "ScoredSamples":
        """Compute the columns of all rows."""
        return cls(rows, *metric_columns(rows))

    def value(self, name: str) -> float:
        """One metric over all rows."""
        return float(self.aggregates[name](sum_columns(self.columns))[0])


@dataclass(frozen=True)
class RunData:
    """One run. Sentences: why it has no samples, and how its samples contradict its published scores, if they do."""

    name: str
    run: RunSummary
    files: RunFiles
    split: str
    samples: ScoredSamples | None
    missing_samples: str | None = None
    inconsistency: str | None = None

    @property
    def dataset(self) -> str | None:
        """The logical hash of the dataset; None where the run has no manifest of it."""
        text = self.files.text("reports/manifest/bucket.json")
        content = parse_json(text, "reports/manifest/bucket.json") if text else {}
        found: str | None = content.get("dataset", {}).get("hash")
        return found

    @property
    def corpus(self) -> str | None:
        """Name and hash of the raw dataset; None where the run has no manifest of it."""
        text = self.files.text("reports/manifest/normalize.json")
        entries = parse_json(text, "reports/manifest/normalize.json").get("raw_dataset") if text else None
        if not entries:
            return None
        digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
        return f"{self.run.params.get('dataset', 'the corpus')} ({digest[:12]})"

    @property
    def budget_note(self) -> str | None:
        """Reason for the end of a training run that had no budget in samples."""
        text = self.files.text("reports/manifest/train.json")
        words = training_budget(parse_json(text, "reports/manifest/train.json")) if text else None
        return f"{self.name}: trained for {words}" if words and ";" in words else None

    def kept_shares(self) -> dict[str, float]:
        """The share of its records that each stage kept, by its ledger."""
        ledgers = {path: self.files.text(path) or "{}" for path in self.files.names("reports/ledger")}
        counts = {Path(path).stem: parse_json(text, path) for path, text in ledgers.items()}
        return {stage: count["kept"] / count["seen"] for stage, count in counts.items() if count.get("seen")}

    def images(self, formula_ids: Collection[str]) -> dict[str, bytes]:
        """The encoded input images of some formula_ids; those that are not available are left out."""
        names = pa.array(sorted(formula_ids), pa.string())
        found: dict[str, bytes] = {}
        for path in self.files.names(f"data/bucket/{self.split}"):
            file = self.files.open(path) if len(found) < len(names) else None
            if file is None:
                continue
            with file, pq.ParquetFile(file) as shard:
                for batch in shard.iter_batches(1000, columns=["formula_id", "image"]):
                    rows = batch.filter(pc.is_in(batch["formula_id"], names)).to_pylist()
                    found |= {row["formula_id"]: row["image"]["bytes"] for row in rows}
        return found


def read_run_data(name: str, split: str, score: ScorePredictions) -> RunData:
    """Read the run of this name: a revision, an experiment, a folder or a .parquet file.

    Raises `UsageError` where there is nothing of this name, `InputError` where it has nothing to compare.
    """
    if name.endswith(".parquet") or Path(name).is_file():
        return _read_file(Path(name), split, score)
    files = open_run_files(name)
    run = read_run(name, files.text)
    if run is None:
        raise InputError(f"{name}: has no scores: neither metrics.json nor a checkpoint.json with its log.jsonl")
    if run.n is None:
        return RunData(
            name,
            run,
            files,
            split,
            None,
            f"{name}: the model was not evaluated since its data or training changed, so there are no samples",
        )
    file = files.open(SAMPLES)
    if file is None:
        return RunData(name, run, files, split, None, f"{name}: {SAMPLES} is missing; {files.remedy('evaluate')}")
    with file:
        rows = pq.read_table(file)
    samples = ScoredSamples.of(rows_of_split(_add_missing_columns(rows), split, f"{name}: {SAMPLES}"))
    return RunData(name, run, files, split, samples, inconsistency=_inconsistency(name, run, samples))


def _read_file(path: Path, split: str, score: ScorePredictions) -> RunData:
    try:
        table = pq.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except PARQUET_ERRORS as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from None
    missing = [name for name in PREDICTIONS.names[:-1] if name not in table.schema.names]
    if missing:
        raise InputError(
            f"{path}: has no predictions, for it has no column {', '.join(missing)}; "
            "`im2latex evaluate` and the stages predict and evaluate write such files"
        )
    rows = rows_of_split(table, split, str(path))
    samples = ScoredSamples.of(_add_missing_columns(rows) if "edits" in rows.schema.names else score(rows))
    values = {name: samples.value(name) for name in samples.aggregates}
    run = RunSummary(str(path), rows.num_rows, None, values, {}, {})
    return RunData(str(path), run, open_run_files("."), rows["split"][0].as_py(), samples)


def _add_missing_columns(rows: pa.Table) -> pa.Table:
    """SCORES of an older version, with nulls in the columns that it did not have."""
    for column in SCORES:
        if column.name not in rows.schema.names:
            rows = rows.append_column(column, pa.nulls(rows.num_rows, column.type))
    return rows


def _inconsistency(name: str, run: RunSummary, samples: ScoredSamples) -> str | None:
    """The first published score that the samples do not give, in a sentence."""
    for score, published in run.scores.items():
        if score in samples.aggregates and abs((value := samples.value(score)) - published) > _ROUNDING:
            return (
                f"{name}: published is {score} {published:.6f}, but its samples in {SAMPLES} give {value:.6f}: "
                "they are of another run, or were scored by other code"
            )
    return None
