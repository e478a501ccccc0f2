"""One side of a comparison: a run with the samples behind its scores, where they can be had.

reads  a project, commit or experiment      reports/metrics.json, params.yaml and what else `runs` reads
                                            data/evaluate/scores.parquet, data/bucket/<split>/
                                            reports/manifest/bucket.json, reports/ledger/
       a checkpoint folder                  its last validation; it has no samples
       a .parquet file                      records.SCORES, or records.PREDICTIONS, which are judged here
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from im2latex.errors import InputError
from im2latex.io.json_files import parse_json
from im2latex.io.parquet import PARQUET_ERRORS
from im2latex.metrics.aggregation import Aggregate, Column, sum_columns
from im2latex.metrics.pairing import rows_of_split
from im2latex.metrics.score import metric_columns
from im2latex.reporting.provenance import trained_for
from im2latex.reporting.revisions import Tree, open_tree
from im2latex.reporting.runs import Trained, read_run
from im2latex.schemas import PREDICTIONS, SCORES

SAMPLES = "data/evaluate/scores.parquet"

ScorePredictions = Callable[[pa.Table], pa.Table]
"""PREDICTIONS to SCORES."""

_ROUNDING = 2e-6
"""Published scores are rounded to six decimals."""


@dataclass(frozen=True)
class Judged:
    """Samples of one split (records.SCORES) and their columns, row by row."""

    rows: pa.Table = field(repr=False)
    columns: dict[str, Column] = field(repr=False)
    scores: dict[str, Aggregate] = field(repr=False)

    @classmethod
    def of(cls, rows: pa.Table) -> "Judged":
        """Count the columns of all rows."""
        return cls(rows, *metric_columns(rows))

    def value(self, name: str) -> float:
        """One score of all rows."""
        return float(self.scores[name](sum_columns(self.columns))[0])


@dataclass(frozen=True)
class Side:
    """One side. `absent` says why there are no samples; `doubt` in what they contradict the published scores."""

    name: str
    run: Trained
    tree: Tree
    split: str
    judged: Judged | None
    absent: str | None = None
    doubt: str | None = None

    @property
    def dataset(self) -> str | None:
        """The logical hash of the data set, where the run says it."""
        text = self.tree.text("reports/manifest/bucket.json")
        content = parse_json(text, "reports/manifest/bucket.json") if text else {}
        found: str | None = content.get("dataset", {}).get("hash")
        return found

    @property
    def training(self) -> str | None:
        """What ended the training, where that was something else than a budget in samples."""
        text = self.tree.text("reports/manifest/train.json")
        words = trained_for(parse_json(text, "reports/manifest/train.json")) if text else None
        return f"{self.name}: trained for {words}" if words and ";" in words else None

    def kept(self) -> dict[str, float]:
        """The share of records that each stage kept, by its ledger."""
        ledgers = {path: self.tree.text(path) or "{}" for path in self.tree.names("reports/ledger")}
        counts = {Path(path).stem: parse_json(text, path) for path, text in ledgers.items()}
        return {stage: count["kept"] / count["seen"] for stage, count in counts.items() if count.get("seen")}

    def images(self, wanted: Collection[str]) -> dict[str, bytes]:
        """The encoded images that the model was shown, of a few formula_ids; those that are not here are left out."""
        names = pa.array(sorted(wanted), pa.string())
        found: dict[str, bytes] = {}
        for path in self.tree.names(f"data/bucket/{self.split}"):
            file = self.tree.open(path) if len(found) < len(names) else None
            if file is None:
                continue
            with file, pq.ParquetFile(file) as shard:
                for batch in shard.iter_batches(1000, columns=["formula_id", "image"]):
                    rows = batch.filter(pc.is_in(batch["formula_id"], names)).to_pylist()
                    found |= {row["formula_id"]: row["image"]["bytes"] for row in rows}
        return found


def read_side(name: str, split: str, score: ScorePredictions) -> Side:
    """The side of this name; raises `UsageError` for a name of nothing, `InputError` for one of nothing to compare."""
    if name.endswith(".parquet") or Path(name).is_file():
        return _read_file(Path(name), split, score)
    tree = open_tree(name)
    run = read_run(name, tree.text)
    if run is None:
        raise InputError(f"{name}: holds no scores: neither metrics.json nor a checkpoint.json with its log.jsonl")
    if run.n is None:
        return Side(name, run, tree, split, None, f"{name}: the model was not evaluated, so there are no samples")
    file = tree.open(SAMPLES)
    if file is None:
        return Side(name, run, tree, split, None, f"{name}: {SAMPLES} is not here; {tree.remedy('evaluate')}")
    with file:
        rows = pq.read_table(file)
    judged = Judged.of(rows_of_split(_completed(rows), split, f"{name}: {SAMPLES}"))
    return Side(name, run, tree, split, judged, doubt=_doubt(name, run, judged))


def _read_file(path: Path, split: str, score: ScorePredictions) -> Side:
    try:
        table = pq.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except PARQUET_ERRORS as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from None
    missing = [name for name in PREDICTIONS.names[:-1] if name not in table.schema.names]
    if missing:
        raise InputError(
            f"{path}: holds no predictions, for it has no column {', '.join(missing)}; "
            "`im2latex evaluate` and the stages predict and evaluate write such files"
        )
    rows = rows_of_split(table, split, str(path))
    judged = Judged.of(_completed(rows) if "edits" in rows.schema.names else score(rows))
    values = {name: judged.value(name) for name in judged.scores}
    run = Trained(str(path), rows.num_rows, None, values, {}, {})
    return Side(str(path), run, open_tree("."), rows["split"][0].as_py(), judged)


def _completed(rows: pa.Table) -> pa.Table:
    """SCORES as an older version wrote them: what was not judged then is null."""
    for column in SCORES:
        if column.name not in rows.schema.names:
            rows = rows.append_column(column, pa.nulls(rows.num_rows, column.type))
    return rows


def _doubt(name: str, run: Trained, judged: Judged) -> str | None:
    """Where the samples give another score than was published, the first such score in words."""
    for score, published in run.scores.items():
        if score in judged.scores and abs((value := judged.value(score)) - published) > _ROUNDING:
            return (
                f"{name}: published is {score} {published:.6f}, but its samples in {SAMPLES} give {value:.6f}: "
                "they are of another run, or were scored by other code"
            )
    return None
