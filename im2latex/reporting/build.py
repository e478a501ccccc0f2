"""Collect the content of the report from the artifacts of the stages.

reads   <data>/evaluate/scores.parquet     schemas.SCORES, for the gallery
        <data>/bucket/                     sizes and lengths of all splits, images of the chosen samples
        <data>/train/log.jsonl             the learning curve, where there is one
        <data>/train/samples.jsonl         predictions of a few images during training, where they were saved
        <reports>/metrics.json, evaluation.json, ledger/*.json, manifest/*.json
        <data>/audit/faults.parquet        formulas with both images; <reports>/audit.json has the counts
        <data>/tokenize/vocabulary.json    entries and their counts in the training split
        <data>/tokenize/labels.parquet     schemas.LABELS of all splits, before any filter
        <data>/predict/attention.parquet   schemas.ATTENTION
        <reports>/robustness.json          {"checkpoint": SHA-256 of model.safetensors, "conditions": [{"name", "n",
                                           "image_exact", "bleu", "of_clean"}, ...]}
        <data>/predict/predictions.parquet log probabilities of the predictions, where there are any
        params.yaml                        shown as it is
        dvc.yaml                           the order of the stages, from the folder of params.yaml
        git history                        the commit that recorded the training, and the scores recorded before these
No clock or speed enters: the same artifacts with the same history give the same content.

The robustness benchmark takes long and is no stage. The repository has its file, empty until something is measured, so
that it can be a dependency of the report; a run without DVC may lack it. It names the checkpoint that was measured, and
is shown for no other.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from im2latex.dataset.shards import read_dataset, read_images, read_shards
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.io.json_files import read_json, read_json_lines
from im2latex.io.parquet import TableRows, read_table
from im2latex.metrics.baselines import IMAGE
from im2latex.rendering.renderer import Renderer
from im2latex.reporting import gallery
from im2latex.reporting.figures import stored_image
from im2latex.reporting.git_history import previous_scores
from im2latex.reporting.provenance import WEIGHTS, read_overview, read_provenance, reported_stages
from im2latex.reporting.report_data import (
    AttentionMap,
    AuditFault,
    AuditSummary,
    CurveLine,
    Gallery,
    Histogram,
    InlineImage,
    LearningCurve,
    Padding,
    PreviousScores,
    ReportContent,
    RobustnessCondition,
    SplitCoverage,
    StageLedger,
    TrainingSample,
    ValidationPredictions,
    VocabularyCoverage,
)
from im2latex.reporting.score_curves import score_curves
from im2latex.reporting.svg import nice_ticks
from im2latex.reporting.tables import (
    BASELINE_LABELS,
    baseline_scores,
    breakdowns,
    error_summary,
    length_charts,
    read_scores,
    score_rows,
)
from im2latex.types import SPLITS

NOT_IN_FUNNEL = ("audit", "train", "evaluate")
"""Stages that no record passes through: the audit is beside them, and `train` and `evaluate` drop nothing."""

BARS = 24
"""Bars of a histogram, about."""

RARE_BELOW = (5, 10, 20, 50, 100)
"""Counts in the training split below which an entry may be called rare."""

_ROW_COLUMNS = ["formula_id", "split", "input", "reference", "hypothesis"]
_ROW_COLUMNS += ["edits", "exact", "image_exact", "failure", "reference_failure"]
_RAREST = 12
"""Rarest entries that are shown."""

_SHOWN_FAULTS = 12
"""Faults that are shown with images; faults.parquet has all."""

_TRAINING_SAMPLES = 8
"""Images of the training split that are shown."""


class ReportParams(gallery.GalleryParams):
    """Section `report` of params.yaml."""

    title: str = Field(default="Formulas from images", description="heading of the page")
    split: str = Field(default="test", description="split that the examples are chosen from")


def collect(data: Path, reports: Path, params_file: Path, params: ReportParams, renderer: Renderer) -> ReportContent:
    """Read the content of the report; raises `ArtifactError` where a stage has not run."""
    scores = read_scores(reports)
    stages = reported_stages(params_file.parent)
    provenance = read_provenance(data / "bucket", reports / "manifest", params_file, stages)
    rows = _rows_of_split(data, params.split)
    return ReportContent(
        title=params.title,
        overview=read_overview(provenance, reports / "manifest"),
        split=params.split,
        samples=scores["n"],
        failures=scores["failures"],
        reference_failures=scores["reference_failures"],
        baselines=tuple(BASELINE_LABELS[name] for name in baseline_scores(scores)),
        scores=score_rows(scores),
        previous=_previous(reports / "metrics.json"),
        score_curves=score_curves(rows, _log_probabilities(data, params.split)),
        stages=read_ledgers(reports / "ledger", [stage for stage in stages if stage not in NOT_IN_FUNNEL]),
        audit=read_audit(data, reports, params.render_density),
        histograms=_histograms(data / "bucket"),
        padding=read_padding(data / "bucket"),
        training_samples=read_training_samples(data / "bucket", params),
        curves=_curves(data / "train" / "log.jsonl"),
        validation_predictions=_validation_predictions(data / "train" / "samples.jsonl"),
        by_length=length_charts(scores),
        breakdowns=breakdowns(scores),
        errors=error_summary(scores),
        robustness=read_robustness(reports / "robustness.json", provenance.facts.get(WEIGHTS)),
        vocabulary=read_coverage(data / "tokenize"),
        attention_maps=read_attention_maps(data / "predict" / "attention.parquet", params.input_density),
        galleries=_galleries(data, rows, params, renderer),
        provenance=provenance,
    )


def read_ledgers(folder: Path, stages: Sequence[str]) -> tuple[StageLedger, ...]:
    """The ledgers that were written, in the order of `stages`."""
    found = [(stage, read_json(folder / f"{stage}.json")) for stage in stages if (folder / f"{stage}.json").is_file()]
    return tuple(
        StageLedger(stage, counts["seen"], counts["kept"], counts["dropped"], tuple(counts["reasons"].items()))
        for stage, counts in found
    )


def _histograms(shards: Path) -> tuple[Histogram, ...]:
    columns = ["width", "height", "tokens"]
    table = pa.concat_tables(
        part.set_column(2, "length", pc.list_value_length(part["tokens"]))
        for split in _present(shards)
        for part in read_shards(shards, split, columns)
    )
    return (
        histogram("Label length", "tokens", table["length"].to_numpy()),
        histogram("Image width", "px", table["width"].to_numpy()),
        histogram("Image height", "px", table["height"].to_numpy()),
    )


def read_padding(shards: Path) -> Padding:
    """The padding of the shards in a folder."""
    dataset = read_dataset(shards)
    return Padding(dataset["shapes"], dataset["efficiency"]["pixels"], dataset["efficiency"]["tokens"])


def histogram(title: str, unit: str, values: np.ndarray[Any, Any]) -> Histogram:
    """Count whole numbers in classes of one round width."""
    if not values.size:
        return Histogram(title, unit, (0.0, 1.0), (0,))
    ticks = nice_ticks(0, max(float(values.max()), BARS), BARS)
    step = ticks[1] - ticks[0]
    first, last = int(values.min() // step), int(values.max() // step) + 1
    edges = tuple(step * place for place in range(first, last + 1))
    counts, _ = np.histogram(values, edges)
    return Histogram(title, unit, edges, tuple(int(count) for count in counts))


def _present(shards: Path) -> list[str]:
    return [split for split in SPLITS if (shards / split).is_dir()]


def _curves(path: Path) -> tuple[LearningCurve, ...]:
    """Losses on one chart, scores on another; nothing for a model that was not trained here."""
    if not path.is_file():
        return ()
    rows = read_json_lines(path)
    names = list(dict.fromkeys(name for row in rows for name in row))
    groups = {
        "Loss, nats a token": [name for name in names if name.endswith("_loss")],
        "On the validation subset": [name for name in names if name.startswith("val_") and name != "val_loss"],
    }
    charts = [LearningCurve(title, tuple(_lines(rows, chosen))) for title, chosen in groups.items()]
    return tuple(chart for chart in charts if chart.lines)


def _lines(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> Iterator[CurveLine]:
    words = {"train_loss": "training", "val_loss": "validation"}
    for name in names:
        label = words.get(name, name.removeprefix("val_").replace("_", " "))
        yield CurveLine(label, tuple((row["samples"], row[name]) for row in rows if name in row))


def _validation_predictions(path: Path) -> tuple[ValidationPredictions, ...]:
    """The saved predictions by image; nothing for a model that was not trained here."""
    if not path.is_file():
        return ()
    rows = read_json_lines(path)
    predictions: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for row in rows:
        predictions.setdefault((row["id"], row["reference"]), []).append((row["samples"], row["hypothesis"]))
    return tuple(
        ValidationPredictions(name, reference, tuple(steps)) for (name, reference), steps in predictions.items()
    )


def _rows_of_split(data: Path, split: str) -> TableRows:
    return TableRows(_of_split(read_table(data / "evaluate" / "scores.parquet", _ROW_COLUMNS), split))


def _of_split(table: pa.Table, split: str) -> pa.Table:
    return table.filter(pc.and_(pc.equal(table["input"], IMAGE), pc.equal(table["split"], split)))


def _log_probabilities(data: Path, split: str) -> dict[str, float]:
    path = data / "predict" / "predictions.parquet"
    if not path.is_file():
        return {}
    table = read_table(path, ["formula_id", "split", "input", "log_probability"])
    rows = _of_split(table, split).to_pylist()
    return {row["formula_id"]: row["log_probability"] for row in rows if row["log_probability"] is not None}


def _previous(metrics: Path) -> PreviousScores | None:
    found = previous_scores(metrics)
    if found is None:
        return None
    commit, scores = found
    return PreviousScores(str(commit), {name: one for name, one in scores.items() if isinstance(one, int | float)})


def read_training_samples(shards: Path, params: ReportParams) -> tuple[TrainingSample, ...]:
    """Samples of the training split, drawn by chance."""
    if "train" not in _present(shards):
        return ()
    names = pc.unique(pa.concat_tables(read_shards(shards, "train", ["formula_id"]))["formula_id"])
    places = random.Random(params.seed).sample(range(len(names)), min(_TRAINING_SAMPLES, len(names)))
    drawn = names.take(pc.array_sort_indices(names).take(places)).to_pylist()
    labels = {
        row["formula_id"]: row["latex"]
        for shard in read_shards(shards, "train", ["formula_id", "latex"])
        for row in shard.filter(pc.is_in(shard["formula_id"], pa.array(drawn, pa.string()))).to_pylist()
    }
    images = read_images(shards, "train", drawn)
    found = [(name, stored_image(images[name], params.input_density)) for name in drawn if name in images]
    return tuple(TrainingSample(name, labels[name], image) for name, image in found if image)


def _galleries(
    data: Path, rows: Sequence[gallery.ScoredRow], params: ReportParams, renderer: Renderer
) -> tuple[Gallery, ...]:
    groups = gallery.choose_examples(rows, params)
    inputs = read_images(data / "bucket", params.split, gallery.formula_ids(groups))
    return gallery.draw_examples(groups, inputs, renderer, params)


def read_audit(data: Path, reports: Path, density: float) -> AuditSummary:
    """Counts, causes and the first faults; raises `ArtifactError` where the audit has not run."""
    summary = read_json(reports / "audit.json")
    rows = read_table(data / "audit" / "faults.parquet").slice(0, _SHOWN_FAULTS).to_pylist()
    return AuditSummary(
        audited=summary["formulas"],
        printable=summary["same"] + summary["changed"] + summary["broken"] + summary["refused"],
        same=summary["same"],
        changed=summary["changed"],
        broken=summary["broken"],
        not_idempotent=summary["not_idempotent"],
        causes=tuple(summary["rules_of_changed"].items()),
        faults=tuple(_fault(row, density) for row in rows),
    )


def _fault(row: dict[str, Any], density: float) -> AuditFault:
    return AuditFault(
        row["outcome"],
        row["rules"],
        row["raw"],
        row["latex"] or "",
        _image(row["before"], density),
        _image(row["after"], density),
    )


def _image(image: dict[str, Any] | None, density: float) -> InlineImage | None:
    return stored_image(image["bytes"], density) if image else None


def read_coverage(folder: Path) -> VocabularyCoverage:
    """Unknown tokens by split and rare entries in training; raises `ArtifactError` where the stage has not run."""
    counts = Vocabulary.load(folder / "vocabulary.json").counts
    labels = read_table(folder / "labels.parquet", ["split", "tokens", "unknown"])
    rarest = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    return VocabularyCoverage(
        entries=len(counts),
        splits=tuple(
            _split_coverage(split, labels) for split in SPLITS if split in pc.unique(labels["split"]).to_pylist()
        ),
        seen_fewer=tuple((least, sum(count < least for count in counts.values())) for least in RARE_BELOW),
        rarest=tuple(rarest[:_RAREST]),
    )


def _split_coverage(split: str, labels: pa.Table) -> SplitCoverage:
    mine = labels.filter(pc.equal(labels["split"], split))
    unknown, length = mine["unknown"], pc.list_value_length(mine["tokens"])
    return SplitCoverage(split, mine.num_rows, _sum(pc.greater(unknown, 0)), _sum(length), _sum(unknown))


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)


def read_attention_maps(path: Path, density: float) -> tuple[AttentionMap, ...]:
    """The samples in the order in which they were drawn; none for a model without attention maps."""
    attention_maps = []
    for row in read_table(path).to_pylist():
        page = stored_image(row["page"]["bytes"], density)
        if page is not None:
            maps = np.array(row["maps"], np.float32).reshape(len(row["tokens"]), row["rows"], row["columns"])
            attention_maps.append(AttentionMap(row["formula_id"], page, tuple(row["tokens"]), maps))
    return tuple(attention_maps)


def read_robustness(path: Path, weights: str | None) -> tuple[RobustnessCondition, ...]:
    """The conditions measured with the weights of this SHA-256; none where another model was measured."""
    measured = read_json(path, "git checkout reports/robustness.json") if path.is_file() else {}
    if weights is None or measured.get("checkpoint") != weights:
        return ()
    return tuple(
        RobustnessCondition(one["name"], one["n"], one["image_exact"], one["bleu"], one["of_clean"])
        for one in measured["conditions"]
    )
