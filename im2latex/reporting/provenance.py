"""Where the numbers come from: hashes, versions and parameters, from what every stage noted of itself.

reads   <data>/bucket/dataset.json, <reports>/manifest/*.json, params.yaml as it stands
"""

from pathlib import Path

from im2latex.dataset.manifest import read_manifest
from im2latex.dataset.shards import read_dataset
from im2latex.reporting.content import Provenance

STAGES = ("normalize", "audit", "render", "tokenize", "filter", "bucket", "train", "predict", "evaluate")
"""The order of the graph."""

WEIGHTS = "weights, SHA-256"
"""The fact that tells models apart."""


def read_provenance(shards: Path, manifests: Path, params_file: Path) -> Provenance:
    """The facts of the data set and of the stages that have run; raises `ArtifactError` where there are no shards."""
    dataset = read_dataset(shards)
    facts = {"data set": dataset["hash"]}
    facts |= {f"{split} samples": f"{count:,}" for split, count in dataset["samples"].items()}
    tools: dict[str, str] = {}
    for stage in STAGES:
        if (manifests / f"{stage}.json").is_file():
            manifest = read_manifest(manifests / f"{stage}.json")
            facts[f"code of {stage}"] = str(manifest["code"])
            for name, entry in manifest.get("artifacts", {}).items():
                if name.endswith(".safetensors"):
                    facts[WEIGHTS] = str(entry["sha256"])
            tools |= {name: str(version) for name, version in manifest.get("versions", {}).items()}
            facts |= {name: str(manifest[name]) for name in ("renderer",) if name in manifest}
    return Provenance(facts, dict(sorted(tools.items())), params_file.read_text(encoding="utf-8"))
