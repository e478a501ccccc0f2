"""The experiments, parameters and metrics of DVC in a project with the first stage; git and DVC are real."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.pipeline.dvc_project import call, commit, create, dvc

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git not installed")
PROFILE = "normalize.normalizer.profile"
METRICS = "reports/metrics.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose stage normalize was reproduced and committed, with metrics."""
    folder = tmp_path_factory.mktemp("project")
    create(folder, ["normalize"])
    stages = yaml.safe_load((folder / "dvc.yaml").read_text())
    (folder / "dvc.yaml").write_text(yaml.safe_dump(stages | {"metrics": [METRICS]}))
    dvc(folder, "repro", "-q")
    (folder / METRICS).write_text('{"bleu": 0.5}')
    commit(folder)
    return folder


def profiles(project: Path) -> dict[str, str]:
    """The profile of each experiment, by its name."""
    [base] = [one for one in json.loads(dvc(project, "exp", "show", "--json")) if one["rev"] != "workspace"]
    found = [one["revs"][0] for one in base["experiments"] or []]
    return {
        one["name"]: one["data"]["params"]["params.yaml"]["data"]["normalize"]["normalizer"]["profile"] for one in found
    }


def test_experiments_run_here_in_a_temporary_folder_and_from_the_queue(project: Path) -> None:
    dvc(project, "exp", "run", "--name", "here", "-S", f"{PROFILE}=compact", "normalize")
    assert "compact" in (project / "params.yaml").read_text()
    assert PROFILE in dvc(project, "params", "diff")
    call(project, "git", "checkout", "-q", ".")
    dvc(project, "exp", "run", "--temp", "--name", "apart", "-S", f"{PROFILE}=none", "normalize")
    dvc(project, "exp", "run", "--queue", "--name", "later", "-S", f"{PROFILE}=compact", "normalize")
    dvc(project, "exp", "run", "--run-all")
    assert call(project, "git", "status", "--porcelain") == "", "the workspace is as it was"
    assert profiles(project) == {"here": "compact", "apart": "none", "later": "compact"}


def test_metrics_are_shown_and_compared(project: Path) -> None:
    (project / METRICS).write_text('{"bleu": 0.75}')
    assert "0.75" in dvc(project, "metrics", "show")
    found = json.loads(dvc(project, "metrics", "diff", "--json"))
    assert found[METRICS]["bleu"] == {"old": 0.5, "new": 0.75, "diff": 0.25}
    call(project, "git", "checkout", "-q", METRICS)


def test_a_clone_pulls_every_artifact_and_a_docstring_runs_no_stage(project: Path, tmp_path: Path) -> None:
    dvc(project, "remote", "add", "-q", "-d", "shelf", str(tmp_path / "shelf"))
    dvc(project, "push", "-q")
    commit(project)
    clone = tmp_path / "clone"
    call(tmp_path, "git", "clone", "-q", str(project), str(clone))
    dvc(clone, "pull", "-q")
    assert dvc(clone, "status") == "Data and pipelines are up to date.\n"
    assert "Stage 'normalize' didn't change, skipping" in dvc(clone, "repro")
    reader = clone / "im2latex" / "dataset" / "readers" / "files.py"
    reader.write_text(reader.read_text().replace('"""', '"""Reworded. ', 1))
    output = dvc(clone, "repro")
    assert "Running stage 'code'" in output
    assert "Stage 'normalize' didn't change, skipping" in output
