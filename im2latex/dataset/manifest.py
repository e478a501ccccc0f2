"""The SHA-256, rows and schema of every artifact a stage wrote, and the check of them.

writes  reports/manifest/<stage>.json   tracked by git, so that a clone can prove what it pulled
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from im2latex.checksums import sha256_of
from im2latex.errors import ArtifactError
from im2latex.records import read_json


def describe(path: Path) -> dict[str, object]:
    """SHA-256, size in bytes and, for Parquet, rows and columns of one file."""
    entry: dict[str, object] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    if path.suffix == ".parquet":
        file = pq.read_metadata(path)
        entry["rows"] = file.num_rows
        entry["columns"] = {field.name: str(field.type) for field in file.schema.to_arrow_schema()}
    return entry


def write_manifest(path: Path, outputs: Iterable[Path], facts: Mapping[str, object]) -> None:
    """Describe every file under `outputs`; `facts` (tool versions, parameters, code) stand beside them."""
    artifacts = {file.as_posix(): describe(file) for output in outputs for file in _files(output)}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**facts, "artifacts": artifacts}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(path: Path) -> dict[str, Any]:
    """What `write_manifest` wrote."""
    return read_json(path)


def verify(manifests: Path) -> tuple[int, list[str]]:
    """How many artifacts were checked, and one sentence for each that differs from its manifest."""
    paths = sorted(manifests.glob("*.json"))
    if not paths:
        raise ArtifactError(f"{manifests}: holds no manifest; run `dvc repro`")
    listed = {name: (path.stem, entry) for path in paths for name, entry in read_manifest(path)["artifacts"].items()}
    faults = [
        f"{name}: {fault}; {_remedy(Path(name), stage)}"
        for name, (stage, entry) in listed.items()
        if (fault := _fault(Path(name), entry))
    ]
    folders = {folder for name in listed if (folder := Path(name).parent).parts[0] == "data"}
    present = {file.as_posix() for folder in folders if folder.is_dir() for file in _own_files(folder)}
    foreign = sorted(present - set(listed))
    faults += [f"{name}: stands among the artifacts and is in no manifest; remove it" for name in foreign]
    return len(listed), faults


def _fault(path: Path, entry: Mapping[str, object]) -> str | None:
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != entry["bytes"]:
        return f"has {size:,} bytes, the manifest says {entry['bytes']:,}"
    try:
        found = describe(path)
    except pa.ArrowInvalid:
        return "is not readable Parquet"
    if found["sha256"] != entry["sha256"]:
        return f"has SHA-256 {str(found['sha256'])[:12]}…, the manifest says {str(entry['sha256'])[:12]}…"
    return None


def _remedy(path: Path, stage: str) -> str:
    """What mends a file.

    DVC takes one of known size, time and inode for unchanged, so a damaged one must go first; and all of them before
    any stage runs, since a stage would read what another made.
    """
    again = f"`dvc repro {stage}` makes it anew"
    return f"remove it and every other damaged file, then {again}" if path.exists() else again


def _files(output: Path) -> list[Path]:
    return [output] if output.is_file() else sorted(file for file in output.rglob("*") if file.is_file())


def _own_files(folder: Path) -> list[Path]:
    """Artifacts in a stage's folder; what DVC or git keep there is not ours."""
    return [file for file in folder.iterdir() if file.is_file() and file.name != ".gitignore"]
