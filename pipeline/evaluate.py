"""Predictions to scores, beside those of trivial baselines.

reads   data/predict/predictions.parquet      schemas.PREDICTIONS
        data/bucket/                          the most frequent training formula; the group of each formula
writes  data/evaluate/scores.parquet          schemas.SCORES
        reports/metrics.json                  the metrics of one split, for `dvc metrics diff` and the gate
        reports/evaluation.json               all breakdowns: splits, baselines, lengths, features, errors
        reports/plots/                        tables for `dvc plots`
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.dataset.queries import stream_query
from im2latex.dataset.shards import SHARDS, read_shards, shard_paths
from im2latex.io.parquet import read_table, write_table
from im2latex.metrics.baselines import most_frequent, with_baselines
from im2latex.metrics.breakdown import write_plots
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, split_metrics, summarize_splits
from pipeline.logged_runs import log_test_scores
from pipeline.paths import DATA, REPORTS
from pipeline.project_renderer import project_glyphs, project_renderer
from pipeline.stage import Stage, StageRun

METRICS, EVALUATION, PLOTS = REPORTS / "metrics.json", REPORTS / "evaluation.json", REPORTS / "plots"


def work(run: StageRun[EvaluateParams]) -> None:
    """Score every prediction by its text, its image and its glyph boxes."""
    predictions = read_table(DATA / "predict" / "predictions.parquet")
    with run.scratch() as scratch:
        frequent = most_frequent_label(DATA / "bucket", scratch)
    rows = with_baselines(predictions, frequent)
    renderer = project_renderer()
    scores = score_predictions(rows, renderer, project_glyphs(), progress=True)
    run.ledger.add_seen(rows.num_rows)
    run.ledger.add_kept(scores.num_rows)
    write_table(scores, run.out / "scores.parquet")
    summary = summarize_splits(scores, run.params, groups_of(predictions))
    for path, content in zip((METRICS, EVALUATION), split_metrics(summary), strict=True):
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_plots(summary, PLOTS)
    run.outputs += [METRICS, EVALUATION, PLOTS]
    log_test_scores(DATA / "train", split_metrics(summary)[0])
    run.facts["renderer"] = renderer.identity


def most_frequent_label(shards: Path, scratch: Path) -> str:
    """What `metrics.baselines.most_frequent` returns for the training split, which may be larger than memory."""
    folder = shard_paths(shards, "train")[0].parent
    query = "SELECT latex FROM samples GROUP BY latex ORDER BY count(*) DESC, latex LIMIT 1"
    found = [row for table in stream_query(query, scratch, samples=folder / SHARDS) for row in table.to_pylist()]
    return most_frequent(row["latex"] for row in found)


def groups_of(predictions: pa.Table) -> dict[str, str]:
    """The group of each formula that has one."""
    return {
        row["formula_id"]: row["group"]
        for split in pc.unique(predictions["split"]).to_pylist()
        for shard in read_shards(DATA / "bucket", split, ["formula_id", "group"])
        for row in shard.to_pylist()
        if row["group"]
    }


STAGE = Stage(
    "evaluate", EvaluateParams, work, ("pyarrow", "numpy", "sacrebleu", "rapidfuzz", "scipy"), unit="predictions"
)

if __name__ == "__main__":
    STAGE.main()
