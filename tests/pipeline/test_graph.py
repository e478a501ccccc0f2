"""dvc.yaml, params.yaml and the stage modules agree: names, sections, descriptions, inputs and outputs."""

import ast
import importlib
import subprocess
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

from im2latex.io.stage_names import read_stage_names
from im2latex.reporting.provenance import reported_stages
from pipeline.fingerprint import open_sources
from pipeline.paths import ROOT

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES: dict[str, dict[str, Any]] = {name: entry for name, entry in GRAPH["stages"].items() if name != "code"}

stages = pytest.mark.parametrize("stage", STAGES)


@stages
def test_code_is_a_dependency_by_its_fingerprint_only(stage: str) -> None:
    deps = STAGES[stage]["deps"]
    assert [dep for dep in deps if dep.startswith(("im2latex", "pipeline", "reports/code"))] == [
        f"reports/code/{stage}.txt"
    ]


def test_the_code_of_every_stage_is_a_dependency_of_code() -> None:
    assert {"im2latex", "pipeline"} <= set(GRAPH["stages"]["code"]["deps"])


@stages
def test_one_word_names_a_stage(stage: str) -> None:
    entry = STAGES[stage]
    assert entry["cmd"] == f"python -m pipeline.{stage}"
    assert stage in entry["params"]
    assert importlib.import_module(f"pipeline.{stage}").STAGE.name == stage
    for folder in ("ledger", "manifest"):
        assert {f"reports/{folder}/{stage}.json": {"cache": False}} in entry["outs"]
    assert f"data/{stage}" in entry["outs"]


def test_stages_do_not_import_each_other() -> None:
    graph = grimp.build_graph("pipeline", cache_dir=None)
    names = read_stage_names(ROOT)
    pairs = [(f"pipeline.{one}", f"pipeline.{other}") for one in names for other in names if one != other]
    assert [pair for pair in pairs if graph.chain_exists(*pair)] == []


@stages
def test_the_description_is_the_files_first_line(stage: str) -> None:
    path = open_sources().paths[f"pipeline.{stage}"]
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring is not None
    assert STAGES[stage]["desc"] == docstring.splitlines()[0]


def test_every_section_belongs_to_a_stage() -> None:
    settings = [importlib.import_module(f"pipeline.{stage}").STAGE.settings for stage in STAGES]
    assert set(PARAMS) - {"dataset"} == set(STAGES).union(*settings)


@stages
def test_every_parameter_is_explained(stage: str) -> None:
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index(f"{stage}:")
    for line in lines[start + 1 :]:
        if line and not line.startswith(" "):
            break
        if line.strip() and not line.strip().startswith(("#", "- ")) and not line.rstrip().endswith(":"):
            assert "#" in line, f"params.yaml: '{line.strip()}' has no comment"


@stages
def test_what_a_stage_reads_is_written_before_it(stage: str) -> None:
    order = list(STAGES)
    written = {"custom", "data/raw/${dataset}", "tools.lock", "reports/robustness.json"}
    for earlier in order[: order.index(stage)]:
        for out in [*STAGES[earlier]["outs"], *STAGES[earlier].get("metrics", [])]:
            written.add(out if isinstance(out, str) else next(iter(out)))
    for dep in STAGES[stage]["deps"]:
        if dep != f"reports/code/{stage}.txt":
            assert any(Path(dep) == Path(out) or Path(out) in Path(dep).parents for out in written), dep


def test_the_metrics_of_dvc_are_the_scores_alone() -> None:
    assert [entry["metrics"] for entry in STAGES.values() if "metrics" in entry] == [
        [{"reports/metrics.json": {"cache": False}}]
    ]


def test_the_report_reads_what_every_stage_before_it_says_of_itself() -> None:
    earlier = [stage for stage in STAGES if stage != "report"]
    assert {f"reports/ledger/{stage}.json" for stage in earlier} <= set(STAGES["report"]["deps"])
    assert {f"reports/manifest/{stage}.json" for stage in earlier} <= set(STAGES["report"]["deps"])
    assert earlier == reported_stages(ROOT)
    assert set(STAGES["report"]["params"]) == {"dataset", *STAGES}


def test_the_cached_outputs_are_not_in_git() -> None:
    outs = [out for entry in STAGES.values() for out in entry["outs"]]
    cached = {out for out in outs if isinstance(out, str)}
    tracked = {name for out in outs if isinstance(out, dict) for name in out}
    checked = subprocess.run(["git", "check-ignore", *cached, *tracked], cwd=ROOT, capture_output=True, check=True)
    assert set(checked.stdout.decode().split()) == cached
