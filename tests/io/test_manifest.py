"""A flipped byte, a cut file, a missing file and a foreign one: each is named."""

from pathlib import Path

import pyarrow as pa
import pytest

from im2latex.errors import ArtifactError
from im2latex.io import manifest
from im2latex.io.hashing import read_sums, sum_line
from im2latex.io.manifest import describe_dataset, read_manifest, verify, write_manifest
from im2latex.io.parquet import write_table

MANIFESTS = Path("reports/manifest")
TABLE, TEXT = Path("data/filter/kept.parquet"), Path("data/filter/notes.json")


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(pa.table({"x": [1, 2, 3]}), TABLE)
    TEXT.write_text("{}")
    write_manifest(MANIFESTS / "filter.json", [Path("data/filter")], {"code": "abc"})


def checked(artifacts: int) -> int:
    """That many, and the files of the checkpoint that comes with the package."""
    return artifacts + len(read_sums(manifest.RELEASED / "SHA256SUMS"))


def faults() -> list[str]:
    return verify(MANIFESTS)[1]


def test_describes_every_file() -> None:
    content = read_manifest(MANIFESTS / "filter.json")
    assert content["code"] == "abc"
    assert list(content["artifacts"]) == [TABLE.as_posix(), TEXT.as_posix()]
    assert content["artifacts"][TABLE.as_posix()]["rows"] == 3
    assert content["artifacts"][TABLE.as_posix()]["columns"] == {"x": "int64"}
    assert verify(MANIFESTS) == (checked(2), [])


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
    assert faults() == ["data/filter/extra.txt: is in no manifest; remove it"]


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no manifest; run `dvc repro`"):
        verify(tmp_path / "none")


def test_the_raw_dataset() -> None:
    dataset = Path("data/raw/mine")
    (dataset / "images" / "deep").mkdir(parents=True)
    for name in ("formulas.txt", "images/a.png", "images/deep/b.png", ".gitignore"):
        (dataset / name).write_text(name)
    write_manifest(MANIFESTS / "normalize.json", [], {"raw_dataset": describe_dataset(dataset)})
    assert verify(MANIFESTS) == (checked(2 + 2), [])
    for name in ("formulas.txt", "images/a.png", "images/deep/b.png"):
        whole = (dataset / name).read_bytes()
        (dataset / name).write_bytes(whole[::-1])
        assert len(faults()) == 1
        assert faults()[0].startswith(f"data/raw/mine/{name.partition('/')[0]}: has SHA-256")
        (dataset / name).unlink()
        assert "bring it back, or run `dvc repro` to go on with it as it is" in faults()[0]
        (dataset / name).write_bytes(whole)
    (dataset / "more.txt").touch()
    assert faults()[0].startswith("data/raw/mine/more.txt: is new in the raw dataset")
    write_manifest(MANIFESTS / "normalize.json", [], {"raw_dataset": describe_dataset(dataset / "formulas.txt")})
    (dataset / "formulas.txt").write_text("other")
    assert "data/raw/mine/formulas.txt: has 5 bytes, the manifest says 12" in faults()[0]


def test_the_released_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(read_sums(manifest.RELEASED / "SHA256SUMS")) == {
        "checkpoint.json",
        "confidence.json",
        "model.safetensors",
    }
    monkeypatch.setattr(manifest, "RELEASED", tmp_path / "released")
    assert verify(MANIFESTS) == (2, []), "a copy without a checkpoint"
    (tmp_path / "released").mkdir()
    weights = tmp_path / "released" / "model.safetensors"
    weights.write_bytes(b"weights")
    (tmp_path / "released" / "SHA256SUMS").write_text(sum_line(weights))
    assert verify(MANIFESTS) == (3, [])
    weights.write_bytes(b"Weights")
    assert faults() == [f"{weights}: missing, or another than SHA256SUMS names; install im2latex again"]
    weights.unlink()
    assert len(faults()) == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        "{}",
        '{"artifacts": []}',
        '{"artifacts": {"x": {}}}',
        '{"artifacts": {}, "raw_dataset": 5}',
    ],
)
def test_a_damaged_manifest_is_one_sentence(content: str) -> None:
    (MANIFESTS / "filter.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"filter\.json: "):
        verify(MANIFESTS)


def test_a_flipped_byte_anywhere() -> None:
    """Also in the footer, which then cannot be read at all."""
    whole = TABLE.read_bytes()
    for place in range(0, len(whole), 5):
        TABLE.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        assert len(faults()) == 1
