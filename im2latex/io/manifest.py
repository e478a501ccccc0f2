"""Manifest of a stage: SHA-256, rows and schema of every artifact that it wrote; verification of all manifests.

writes  reports/manifest/<stage>.json   tracked by git, so that a clone can prove what it pulled
reads   also im2latex/pretrained/SHA256SUMS, of the checkpoint that comes with the package
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from im2latex.errors import ArtifactError
from im2latex.io.hashing import read_sums, sha256_of
from im2latex.io.json_files import read_json

RELEASED = Path(str(files("im2latex") / "pretrained"))
"""The checkpoint that comes with the package: model.safetensors in half precision, checkpoint.json, README.md."""
SUMS = "SHA256SUMS"
_RAW = Path("data/raw")
"""The folder of raw datasets; one that is a single file has others beside it that are not its parts."""


def describe(path: Path) -> dict[str, object]:
    """SHA-256, size in bytes and, for Parquet, rows and columns of one file."""
    entry: dict[str, object] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        file = pq.read_metadata(path)
        entry["rows"] = file.num_rows
        entry["columns"] = {field.name: str(field.type) for field in file.schema.to_arrow_schema()}
    return entry


def write_manifest(path: Path, outputs: Iterable[Path], facts: Mapping[str, object]) -> None:
    """Describe every file under `outputs`; `facts` (tool versions, parameters, code) are stored beside them."""
    artifacts = {file.as_posix(): describe(file) for output in outputs for file in _files(output)}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**facts, "artifacts": artifacts}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest that `write_manifest` wrote."""
    return read_json(path)


def describe_dataset(dataset: Path) -> dict[str, dict[str, object]]:
    """Each file of a raw dataset, and each folder of images in it as a whole: SHA-256, size in bytes, files."""
    parts = [dataset] if dataset.is_file() else _parts(dataset)
    return {part.as_posix(): describe_as_a_whole(part) for part in parts}


def _parts(dataset: Path) -> list[Path]:
    return [part for part in sorted(dataset.iterdir()) if not part.name.startswith(".")]


def describe_as_a_whole(path: Path) -> dict[str, object]:
    """SHA-256 and size in bytes of a file; of a folder the SHA-256 of a list of its files, and their number."""
    if path.is_file():
        return {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    inside = _files(path)
    digest = hashlib.sha256()
    for file in inside:
        digest.update(f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n".encode("utf-8", "surrogateescape"))
    return {
        "sha256": digest.hexdigest(),
        "bytes": sum(file.stat().st_size for file in inside),
        "files": len(inside),
    }


def verify(manifests: Path) -> tuple[int, list[str]]:
    """Verify all artifacts; returns their number, and one sentence for each that differs from its manifest.

    They are what the stages wrote, their ledgers included, the raw dataset, and the checkpoint of the package.
    """
    paths = sorted(manifests.glob("*.json"))
    if not paths:
        raise ArtifactError(f"{manifests}: holds no manifest; run `dvc repro`")
    contents = {path: read_manifest(path) for path in paths}
    listed = {name: (path.stem, entry) for path in paths for name, entry in _entries(contents[path], path).items()}
    faults = [
        f"{name}: {fault}; {_remedy(Path(name), stage)}"
        for name, (stage, entry) in listed.items()
        if (fault := _fault(Path(name), entry))
    ]
    folders = {folder for name in listed if (folder := Path(name).parent).parts[:1] == ("data",)}
    present = {file.as_posix() for folder in folders if folder.is_dir() for file in _own_files(folder)}
    foreign = sorted(present - set(listed))
    faults += [f"{name}: is in no manifest; remove it" for name in foreign]
    dataset = {name: entry for path in paths for name, entry in _entries(contents[path], path, "raw_dataset").items()}
    faults += _dataset_faults(dataset)
    released = read_sums(RELEASED / SUMS)
    for name, digest in released.items():
        if not (RELEASED / name).is_file() or sha256_of(RELEASED / name) != digest:
            faults.append(f"{RELEASED / name}: missing, or another than {SUMS} names; install im2latex again")
    return len(listed) + len(dataset) + len(released), faults


def _entries(content: Mapping[str, Any], path: Path, key: str = "artifacts") -> dict[str, dict[str, Any]]:
    """The files that a manifest lists; raises `ArtifactError` where it is not one."""
    entries = content.get(key, {} if key != "artifacts" else None)
    if not isinstance(entries, dict) or not all(_is_entry(entry) for entry in entries.values()):
        raise ArtifactError(f"{path}: damaged: no list of {key}; remove it and run `dvc repro {path.stem}`")
    return entries


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and isinstance(entry.get("bytes"), int)


def _dataset_faults(dataset: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the differences of the raw dataset, and its new files."""
    again = "bring it back, or run `dvc repro` to go on with it as it is"
    faults = [f"{name}: {fault}; {again}" for name, entry in dataset.items() if (fault := _fault(Path(name), entry))]
    for folder in sorted({Path(name).parent for name in dataset if Path(name).parent != _RAW}):
        new = [part.as_posix() for part in _parts(folder) if part.as_posix() not in dataset] if folder.is_dir() else []
        faults += [f"{name}: is new in the raw dataset; {again}" for name in new]
    return faults


def _fault(path: Path, entry: Mapping[str, Any]) -> str | None:
    if not path.exists():
        return "is missing"
    found = describe_as_a_whole(path)
    if found["bytes"] != entry["bytes"]:
        return f"has {found['bytes']:,} bytes, the manifest says {entry['bytes']:,}"
    if found["sha256"] != entry["sha256"]:
        return f"has SHA-256 {str(found['sha256'])[:12]}…, the manifest says {entry['sha256'][:12]}…"
    return None


def _remedy(path: Path, stage: str) -> str:
    """The command that restores a file.

    DVC takes one of known size, time and inode for unchanged, so a damaged one must go first; and all of them before
    any stage runs, since a stage would read what another made.
    """
    again = f"`dvc repro {stage}` makes it anew"
    return f"remove it and every other damaged file, then {again}" if path.exists() else again


def _files(output: Path) -> list[Path]:
    return [output] if output.is_file() else sorted(file for file in output.rglob("*") if file.is_file())


def _own_files(folder: Path) -> list[Path]:
    """Artifacts in the folder of a stage, without the files of DVC and git."""
    return [file for file in folder.iterdir() if file.is_file() and file.name != ".gitignore"]
