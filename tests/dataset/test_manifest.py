"""A flipped byte, a cut file, a missing file and a foreign one: each is named."""

from pathlib import Path

import pyarrow as pa
import pytest

from im2latex.dataset.manifest import read_manifest, verify, write_manifest
from im2latex.errors import ArtifactError
from im2latex.records import write_table

MANIFESTS = Path("reports/manifest")
TABLE, TEXT = Path("data/filter/kept.parquet"), Path("data/filter/notes.json")


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(pa.table({"x": [1, 2, 3]}), TABLE)
    TEXT.write_text("{}")
    write_manifest(MANIFESTS / "filter.json", [Path("data/filter")], {"code": "abc"})


def faults() -> list[str]:
    return verify(MANIFESTS)[1]


def test_describes_every_file() -> None:
    content = read_manifest(MANIFESTS / "filter.json")
    assert content["code"] == "abc"
    assert list(content["artifacts"]) == [TABLE.as_posix(), TEXT.as_posix()]
    assert content["artifacts"][TABLE.as_posix()]["rows"] == 3
    assert content["artifacts"][TABLE.as_posix()]["columns"] == {"x": "int64"}
    assert verify(MANIFESTS) == (2, [])


def test_a_flipped_byte() -> None:
    content = bytearray(TABLE.read_bytes())
    content[10] ^= 1
    TABLE.write_bytes(content)
    assert len(faults()) == 1
    assert faults()[0].startswith("data/filter/kept.parquet: has SHA-256")
    assert faults()[0].endswith("; remove it and every other damaged file, then `dvc repro filter` makes it anew")


def test_a_cut_file() -> None:
    TABLE.write_bytes(TABLE.read_bytes()[:-5])
    assert "bytes, the manifest says" in faults()[0]
    assert faults()[0].endswith("; remove it and every other damaged file, then `dvc repro filter` makes it anew")


def test_a_missing_file() -> None:
    TEXT.unlink()
    assert faults() == ["data/filter/notes.json: is missing; `dvc repro filter` makes it anew"]


def test_a_foreign_file() -> None:
    Path("data/filter/extra.txt").touch()
    assert faults() == ["data/filter/extra.txt: stands among the artifacts and is in no manifest; remove it"]


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no manifest; run `dvc repro`"):
        verify(tmp_path / "none")
