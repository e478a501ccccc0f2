import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from im2latex.dataset.shards import ShardWriter
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import ArtifactError
from im2latex.images.arrays import encode_png
from im2latex.io.parquet import write_table
from im2latex.metrics.baselines import one_changed, with_baselines
from im2latex.metrics.normalizer_audit import FAULTS, AuditCounts
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, split_metrics, summarize_splits
from im2latex.reporting.build import ReportParams, collect, histogram, read_coverage, read_ledgers, read_robustness
from im2latex.reporting.html import render_page
from im2latex.reporting.provenance import WEIGHTS, reported_stages
from im2latex.reporting.report_data import Padding, RobustnessCondition, SplitCoverage, ValidationPredictions
from im2latex.schemas import ATTENTION, LABELS, PREDICTIONS, SAMPLES
from pipeline.paths import ROOT
from tests.metrics.drawings import DrawnRenderer, drawing

RENDERER = DrawnRenderer(
    {"x": drawing("#.", "##"), "y": drawing("##", "##"), "k": drawing("#")}
    | {one_changed(name): drawing("#", "#") for name in "xy"}
)


def written(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The smallest set of artifacts that a finished run leaves."""
    data, reports = tmp_path / "data", tmp_path / "reports"
    image = {"bytes": encode_png(drawing("#.", "##")), "path": None}
    sample = {"source_id": "1", "group": None, "tokens": [4, 5], "bucket": 0, "width": 2, "height": 2, "image": image}
    for split, names in (("train", "kk"), ("test", "xy")):
        writer = ShardWriter(data / "bucket", split, rows=10)
        rows = [sample | {"formula_id": name, "latex": name} for name in names]
        writer.add(pa.Table.from_pylist(rows, schema=SAMPLES))
        writer.close()
    Vocabulary([*SPECIALS, "k"], {"k": 2}).save(data / "tokenize" / "vocabulary.json")
    labels = [{"formula_id": name, "split": "test", "tokens": [3], "unknown": 1} for name in "xy"]
    write_table(pa.Table.from_pylist(labels, schema=LABELS), data / "tokenize" / "labels.parquet")
    attention_map = {"formula_id": "x", "tokens": ["x"], "rows": 1, "columns": 2, "maps": [0.25, 0.75], "page": image}
    write_table(pa.Table.from_pylist([attention_map], schema=ATTENTION), data / "predict" / "attention.parquet")
    dataset = {"hash": "5c1e", "samples": {"train": 2, "val": 0, "test": 2}, "shapes": 3}
    written(data / "bucket" / "dataset.json", dataset | {"efficiency": {"pixels": 0.5, "tokens": 0.75}})
    rows = [
        {"formula_id": name, "split": "test", "input": shown, "reference": name, "hypothesis": "x"}
        for name in "xy"
        for shown in ("image", "blank")
    ]
    scores = score_predictions(with_baselines(pa.Table.from_pylist(rows, schema=PREDICTIONS), "k"), RENDERER)
    write_table(scores, data / "evaluate" / "scores.parquet")
    metrics, evaluation = split_metrics(summarize_splits(scores, EvaluateParams(resamples=10)))
    written(reports / "metrics.json", metrics)
    written(reports / "evaluation.json", evaluation)
    log = [{"samples": 10, "train_loss": 2.0}, {"samples": 20, "train_loss": 1.0, "val_loss": 1.5, "val_exact": 0.5}]
    written(data / "train" / "log.jsonl", "".join(json.dumps(row) + "\n" for row in log))
    readings = [{"samples": n, "id": "v", "reference": "x y", "hypothesis": f"x {n}"} for n in (10, 20)]
    written(data / "train" / "samples.jsonl", "".join(json.dumps(row) + "\n" for row in readings))
    ledger = {"seen": 5, "kept": 4, "dropped": 1, "reasons": {"too_wide": 1}}
    written(reports / "ledger" / "filter.json", ledger)
    written(reports / "manifest" / "evaluate.json", {"code": "9f3c", "versions": {"numpy": "2"}, "renderer": "ab12"})
    weights = {"data/train/model.safetensors": {"sha256": "77aa"}}
    written(reports / "manifest" / "train.json", {"code": "11", "artifacts": weights})
    condition = {"name": "noise", "n": 2, "image_exact": 0.5, "bleu": 0.25, "of_clean": 1.0}
    written(reports / "robustness.json", {"checkpoint": "77aa", "conditions": [condition]})
    fault = {"formula_id": "z", "outcome": "changed", "rules": "synonym", "raw": "a", "latex": "b"}
    faults = [fault | {"before": image, "after": None}]
    write_table(pa.Table.from_pylist(faults, schema=FAULTS), data / "audit" / "faults.parquet")
    written(reports / "audit.json", AuditCounts().summary() | {"formulas": 3, "same": 1, "changed": 1})
    written(tmp_path / "params.yaml", "seed: 1\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    return tmp_path


def test_everything_on_disk_reaches_the_page(project: Path) -> None:
    content = collect(project / "data", project / "reports", project / "params.yaml", ReportParams(), RENDERER)
    assert (content.samples, content.split) == (2, "test")
    assert content.baselines == ("Blank image", "Most frequent", "Empty", "One token changed")
    assert content.stages[0].reasons == (("too_wide", 1),)
    assert [line.name for line in content.curves[0].lines] == ["training", "validation"]
    assert [line.points for line in content.curves[1].lines] == [((20, 0.5),)]
    assert [sum(chart.counts) for chart in content.histograms] == [4, 4, 4]
    examples = [example for gallery in content.galleries for example in gallery.examples]
    assert sorted(example.formula_id for example in examples) == ["x", "y"]
    assert all(example.input and example.difference for example in examples)
    assert (content.audit.audited, content.audit.printable, content.audit.changed) == (3, 2, 1)
    assert content.audit.faults[0].before is not None
    assert content.audit.faults[0].after is None
    assert content.padding == Padding(3, 0.5, 0.75)
    assert [part.name for part in content.breakdowns[0].parts] == ["None of those below"]
    assert [(kind.label, kind.samples) for kind in content.errors.kinds] == [("Same string", 1), ("One token wrong", 1)]
    assert content.errors.replaced == (("y", "x", 1),)
    assert [one.name for one in content.robustness] == ["noise"]
    assert content.vocabulary.splits[0].unknown == 2
    assert content.attention_maps[0].maps.tolist() == [[[0.25, 0.75]]]
    assert content.provenance.facts["dataset"] == "5c1e"
    assert content.provenance.facts[WEIGHTS] == "77aa"
    assert content.provenance.facts["code of evaluate"] == "9f3c"
    assert content.provenance.tools == {"numpy": "2"}
    assert b"seed: 1" in render_page(content)


def test_the_page_repeats_to_the_byte(project: Path) -> None:
    places = (project / "data", project / "reports", project / "params.yaml", ReportParams(), RENDERER)
    assert render_page(collect(*places)) == render_page(collect(*places))


def test_a_model_trained_elsewhere_has_no_curve(project: Path) -> None:
    (project / "data" / "train" / "log.jsonl").unlink()
    content = collect(project / "data", project / "reports", project / "params.yaml", ReportParams(), RENDERER)
    assert content.curves == ()
    assert content.validation_predictions == (ValidationPredictions("v", "x y", ((10, "x 10"), (20, "x 20"))),)
    (project / "data" / "train" / "samples.jsonl").unlink()
    again = collect(project / "data", project / "reports", project / "params.yaml", ReportParams(), RENDERER)
    assert again.validation_predictions == ()


def test_missing_and_damaged_metrics_say_what_to_do(project: Path) -> None:
    places = (project / "data", project / "reports", project / "params.yaml", ReportParams(), RENDERER)
    written(project / "reports" / "metrics.json", "{")
    with pytest.raises(ArtifactError, match=r"metrics\.json: damaged"):
        collect(*places)
    (project / "reports" / "metrics.json").unlink()
    with pytest.raises(ArtifactError, match="run `dvc repro`"):
        collect(*places)


def test_ledgers_are_in_the_order_of_the_pipeline(tmp_path: Path) -> None:
    for stage in ("bucket", "render", "normalize"):
        written(tmp_path / f"{stage}.json", {"seen": 1, "kept": 1, "dropped": 0, "reasons": {}})
    assert [ledger.stage for ledger in read_ledgers(tmp_path, reported_stages(ROOT))] == [
        "normalize",
        "render",
        "bucket",
    ]


@pytest.mark.parametrize("values", [[3], [0, 0], [1, 150], [15, 71, 33], list(range(1000))])
def test_every_value_falls_into_a_class_of_round_width(values: list[int]) -> None:
    found = histogram("Width", "px", np.array(values))
    assert sum(found.counts) == len(values)
    assert found.edges[0] <= min(values)
    assert found.edges[-1] >= max(values)


def test_a_histogram_of_nothing_has_no_count() -> None:
    assert sum(histogram("Width", "px", np.array([])).counts) == 0


def test_unknown_tokens_by_split_and_rare_entries(tmp_path: Path) -> None:
    Vocabulary([*SPECIALS, "a", "b", "c"], {"a": 300, "b": 4, "c": 30}).save(tmp_path / "vocabulary.json")
    rows = [
        {"formula_id": "1", "split": "test", "tokens": [4, 3, 3], "unknown": 2},
        {"formula_id": "2", "split": "train", "tokens": [4, 5], "unknown": 0},
        {"formula_id": "3", "split": "test", "tokens": [6], "unknown": 0},
    ]
    write_table(pa.Table.from_pylist(rows, schema=LABELS), tmp_path / "labels.parquet")
    found = read_coverage(tmp_path)
    assert found.entries == 3
    assert found.splits == (SplitCoverage("train", 1, 0, 2, 0), SplitCoverage("test", 2, 1, 4, 2))
    assert found.seen_fewer == ((5, 1), (10, 1), (20, 1), (50, 2), (100, 2))
    assert found.rarest == (("b", 4), ("c", 30), ("a", 300))


MEASURED = {"name": "jpeg_40", "n": 50, "image_exact": 0.25, "bleu": 0.5, "of_clean": 0.75}


def test_only_conditions_of_this_model_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "robustness.json"
    path.write_text(json.dumps({"checkpoint": "ab", "conditions": [MEASURED]}))
    assert read_robustness(path, "ab") == (RobustnessCondition("jpeg_40", 50, 0.25, 0.5, 0.75),)
    assert read_robustness(path, "cd") == ()
    assert read_robustness(path, None) == ()


def test_a_damaged_file_comes_back_from_git_and_one_that_is_gone_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "robustness.json"
    assert read_robustness(path, "ab") == ()
    path.write_text("{")
    with pytest.raises(ArtifactError, match="git checkout reports/robustness.json"):
        read_robustness(path, "ab")


def test_the_repository_holds_the_file() -> None:
    path = ROOT / "reports" / "robustness.json"
    assert path.is_file()
    assert read_robustness(path, "no such model") == ()
