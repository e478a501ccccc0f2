"""Provenance of the numbers: hashes, versions and parameters, from the manifests of the stages.

reads   <data>/bucket/dataset.json, <reports>/manifest/*.json, params.yaml, dvc.yaml for the order of the stages
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from im2latex.dataset.shards import read_dataset
from im2latex.io.manifest import read_manifest
from im2latex.io.stage_names import read_stage_names
from im2latex.reporting.git_history import commit_of
from im2latex.reporting.report_data import Provenance
from im2latex.types import SPLITS

WEIGHTS = "weights, SHA-256"
"""The fact that identifies the model."""

TRAINED_FOR = "trained for"
"""The fact that says when the training ended."""


def reported_stages(project: Path = Path()) -> list[str]:
    """The stages that the report describes, in the order of dvc.yaml: all but `report` itself."""
    return [name for name in read_stage_names(project) if name != "report"]


def read_provenance(shards: Path, manifests: Path, params_file: Path, stages: Sequence[str]) -> Provenance:
    """The facts of the dataset and of the `stages` that have run; raises `ArtifactError` where there are no shards."""
    dataset = read_dataset(shards)
    facts = {"dataset": dataset["hash"]}
    facts |= {f"{split} samples": f"{count:,}" for split, count in dataset["samples"].items()}
    tools: dict[str, str] = {}
    for stage in stages:
        if (manifests / f"{stage}.json").is_file():
            manifest = read_manifest(manifests / f"{stage}.json")
            facts[f"code of {stage}"] = str(manifest["code"])
            for name, entry in manifest.get("artifacts", {}).items():
                if name.endswith(".safetensors"):
                    facts[WEIGHTS] = str(entry["sha256"])
            tools |= {name: str(version) for name, version in manifest.get("versions", {}).items()}
            facts |= {name: str(manifest[name]) for name in ("renderer",) if name in manifest}
            if stage == "train" and (words := training_budget(manifest)):
                facts[TRAINED_FOR] = words
    return Provenance(facts, dict(sorted(tools.items())), params_file.read_text(encoding="utf-8"))


def read_overview(provenance: Provenance, manifests: Path) -> dict[str, str]:
    """What a reader asks first: model, data set, training, commit and date, as far as they are known."""
    params = yaml.safe_load(provenance.params) or {}
    facts, train = provenance.facts, manifests / "train.json"
    manifest = read_manifest(train) if train.is_file() else {}
    preset = (manifest.get("params") or {}).get("preset") or (params.get("train") or {}).get("preset")
    samples = ", ".join(f"{facts[name]} {split}" for split in SPLITS if (name := f"{split} samples") in facts)
    commit = commit_of(train)
    overview = {
        "Model": ", ".join(filter(None, [preset, facts.get(WEIGHTS) and f"weights {facts[WEIGHTS][:12]}"])),
        "Data set": f"{params.get('dataset', 'unnamed')}: {samples}; hash {facts['dataset'][:12]}",
        "Trained for": facts.get(TRAINED_FOR, ""),
        "Recorded in": f"commit {commit}" if commit else "no commit yet" if train.is_file() else "",
    }
    return {name: value for name, value in overview.items() if value}


def training_budget(manifest: Mapping[str, Any]) -> str | None:
    """The number of training samples by the manifest, and what ended the training where that was no sample budget."""
    counts, budget = manifest.get("counts") or {}, (manifest.get("params") or {}).get("budget") or {}
    if "samples" not in counts:
        return None
    run = manifest.get("run", counts)
    words = [f"{run['samples']:,} samples"]
    if counts["samples"] < run["samples"]:
        words.append(f"best weights after {counts['samples']:,}")
    by_deadline = budget.get("deadline_seconds") is not None
    if by_deadline:
        words.append(f"budget by the clock: deadline_seconds = {budget['deadline_seconds']:g}")
    elif budget.get("minutes") is not None and run["sample_budget"] != budget.get("samples"):
        words.append(f"budget by the clock: minutes = {budget['minutes']:g} became {run['sample_budget']:,} samples")
    for earlier in manifest.get("earlier_budgets", ()):
        words.append(f"continued after {earlier['samples']:,} samples with a budget of {earlier['sample_budget']:,}")
    total = run.get("sample_budget", sys.maxsize)
    before = f" before its budget of {total:,}" if total < sys.maxsize else ""
    if manifest.get("accepted_as_it_is"):
        words.append(f"stopped{before}")
    elif manifest.get("stopped_early"):
        words.append(f"ended by early stopping{before}")
    return "; ".join(words)
