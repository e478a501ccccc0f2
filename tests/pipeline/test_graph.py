"""dvc.yaml, params.yaml and the stage files tell one story.

DVC does not know Python's imports: too few `deps` and a stale result looks up to date; too many and a typo in the
report retrains the model. So each stage's code deps are derived here from its real imports, by package.
"""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.fingerprint import ROOT, closure, source_path

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES: dict[str, dict[str, Any]] = GRAPH["stages"]

stages = pytest.mark.parametrize("stage", STAGES)


def code_deps(stage: str) -> set[str]:
    """What the stage imports: packages of im2latex as folders, single modules as files."""
    deps = set()
    for module in closure(f"pipeline.{stage}"):
        parts = module.split(".")
        if len(parts) == 1:
            continue
        package = ".".join(parts[:2])
        path = source_path(package)
        deps.add((path.parent if path.name == "__init__.py" else path).relative_to(ROOT).as_posix())
    return deps


@stages
def test_deps_are_exactly_what_is_imported(stage: str) -> None:
    listed = {dep for dep in STAGES[stage]["deps"] if dep.startswith(("im2latex/", "pipeline/"))}
    assert listed == code_deps(stage)


@stages
def test_one_word_names_a_stage(stage: str) -> None:
    entry = STAGES[stage]
    assert entry["cmd"] == f"python -m pipeline.{stage}"
    assert stage in entry["params"]
    assert any(f"reports/ledger/{stage}.json" in metric for metric in entry["metrics"])
    assert any(isinstance(out, dict) and f"reports/manifest/{stage}.json" in out for out in entry["outs"])


@stages
def test_the_description_is_the_files_first_line(stage: str) -> None:
    docstring = ast.get_docstring(ast.parse(source_path(f"pipeline.{stage}").read_text(encoding="utf-8")))
    assert docstring is not None
    assert STAGES[stage]["desc"] == docstring.splitlines()[0]


def test_every_section_belongs_to_a_stage() -> None:
    assert set(PARAMS) - {"dataset"} == set(STAGES)


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
        for out in [*STAGES[earlier]["outs"], *STAGES[earlier]["metrics"]]:
            written.add(out if isinstance(out, str) else next(iter(out)))
    for dep in STAGES[stage]["deps"]:
        if not dep.startswith(("im2latex/", "pipeline/")):
            assert any(Path(dep) == Path(out) or Path(out) in Path(dep).parents for out in written), dep
