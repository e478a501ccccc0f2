import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from im2latex.errors import InputError
from im2latex.io.parquet import write_table
from im2latex.reporting import inspect as artifacts
from im2latex.reporting.inspect import Artifact, image, rows_in_other_artifacts, unicode_image
from im2latex.reporting.run_data import SAMPLES
from im2latex.schemas import FORMULAS
from pipeline.paths import ROOT
from tests.metrics.drawings import drawing
from tests.reporting.comparing import predictions, write_project, wrong

SHARD = Path("data/bucket/test/shard-00000.parquet")
SEVENTH = f"{7:032x}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "p", predictions(wrong(7)))
    shutil.copy(ROOT / "dvc.yaml", folder)
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
    text = printed(artifacts.overview(found, found.first(2), None))
    assert f"{SHARD}: 40 rows in 1 row groups" in text
    assert "row 1\n" in text
    assert "row 2\n" not in text
    assert "2 × 2 px" in text
    assert "█" not in text
    assert "█▄" in printed(artifacts.overview(found, found.first(1), 80))


def test_a_sample_is_shown_with_the_values_of_every_stage(project: Path) -> None:
    found = Artifact.open(project / SHARD)
    rows = found.rows_of(SEVENTH)
    assert [row["latex"] for row in rows] == ["a ^ { 7 } + b"]
    others = rows_in_other_artifacts(project / SHARD, SEVENTH)
    assert list(others) == ["normalize", "evaluate"]
    text = printed(artifacts.sample(found, rows, others, None))
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
    with pytest.raises(InputError, match="abcdef0: 2 samples begin with it"):
        found.rows_of("abcdef0")
    with pytest.raises(InputError, match="abc: no sample of this id"):
        found.rows_of("abc")
    assert rows_in_other_artifacts(path, "abcd") == {}


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
    with pytest.raises(InputError, match="has no column formula_id to find abc in; it has n"):
        Artifact.open(project / "n.parquet").rows_of("abc")


def test_two_pixels_are_one_character() -> None:
    assert unicode_image(drawing("#..#", "##..", "..#."), 80, 10) == ["█▄ ▀", "  ▀"]


def test_a_thin_stroke_does_not_vanish() -> None:
    pixels = np.full((40, 400), 255, np.uint8)
    pixels[:, 200:202] = 0
    assert all(line.strip() for line in unicode_image(pixels, 80, 20))


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1)])
def test_thin_images_have_a_line(shape: tuple[int, int]) -> None:
    assert "".join(unicode_image(np.zeros(shape, np.uint8), 40, 8)).strip("█▀▄") == ""


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 60), st.integers(1, 20))
def test_it_fits(height: int, width: int, columns: int, lines: int) -> None:
    drawn = unicode_image(np.zeros((height, width), np.uint8), columns, lines)
    assert 1 <= len(drawn) <= lines
    assert all(1 <= len(line) <= columns for line in drawn)
