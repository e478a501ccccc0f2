from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from im2latex.errors import InputError
from im2latex.io.parquet import write_table
from im2latex.reporting import artifact_text
from im2latex.reporting.artifact import Artifact, elsewhere, image
from im2latex.reporting.run_data import SAMPLES
from im2latex.schemas import FORMULAS
from tests.reporting.comparing import predictions, write_project, wrong

SHARD = Path("data/bucket/test/shard-00000.parquet")
SEVENTH = f"{7:032x}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "p", predictions(wrong(7)))
    row = dict.fromkeys(FORMULAS.names) | {"formula_id": SEVENTH, "split": "test", "raw": "a^7+b", "latex": "a"}
    write_table(pa.Table.from_pylist([row], schema=FORMULAS), folder / "data" / "normalize" / "part-00000.parquet")
    return folder


def printed(shown: object) -> str:
    console = Console(width=300)
    with console.capture() as capture:
        console.print(shown)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def test_a_file_is_described(project: Path) -> None:
    found = Artifact.open(project / SHARD)
    assert (found.rows, found.groups, found.key) == (40, 1, "formula_id")
    assert found.columns["tokens"] == "list<element: int32>"
    text = printed(artifact_text.overview(found, found.first(2), None))
    assert f"{SHARD}: 40 rows in 1 row groups" in text
    assert "row 1\n" in text
    assert "row 2\n" not in text
    assert "2 × 2 px" in text
    assert "█" not in text
    assert "█▄" in printed(artifact_text.overview(found, found.first(1), 80))


def test_a_sample_is_told_as_every_stage_knows_it(project: Path) -> None:
    found = Artifact.open(project / SHARD)
    rows = found.rows_of(SEVENTH)
    assert [row["latex"] for row in rows] == ["a ^ { 7 } + b"]
    others = elsewhere(project / SHARD, SEVENTH)
    assert list(others) == ["normalize", "evaluate"]
    text = printed(artifact_text.sample(found, rows, others, None))
    assert all(words in text for words in ("a^7+b", "test", r"\broken", "undefined_macro"))
    assert text.count(SEVENTH) == 1
    assert (image(rows[0]) or b"").startswith(b"\x89PNG")


def test_the_beginning_of_an_id_is_enough(project: Path) -> None:
    table = pa.table({"formula_id": ["abcdef01", "abcdef02", "abcd"], "n": [1, 2, 3]})
    path = project / "x.parquet"
    write_table(table, path)
    found = Artifact.open(path)
    assert found.rows_of("abcdef02") == [{"formula_id": "abcdef02", "n": 2}]
    assert found.rows_of("abcdef0"[:7] + "1")[0]["n"] == 1
    assert found.rows_of("abcd")[0]["n"] == 3
    with pytest.raises(InputError, match="abcdef0: 2 samples begin so"):
        found.rows_of("abcdef0")
    with pytest.raises(InputError, match="abc: no sample of this id"):
        found.rows_of("abc")
    assert elsewhere(path, "abcd") == {}


def test_what_is_no_artifact(project: Path) -> None:
    for name, sentence in (
        ("absent.parquet", "no such file"),
        ("params.yaml", "is not a Parquet file"),
        ("data/evaluate", f"is a folder; it holds .*{SAMPLES}"),
        ("reports", "is a folder; it holds no .parquet"),
    ):
        with pytest.raises(InputError, match=sentence):
            Artifact.open(project / name)
    write_table(pa.table({"n": [1]}), project / "n.parquet")
    with pytest.raises(InputError, match="has no column formula_id to look abc up in; it has n"):
        Artifact.open(project / "n.parquet").rows_of("abc")
