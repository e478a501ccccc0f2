from pathlib import Path

import pytest

from im2latex.errors import InputError
from im2latex.scoring.files import read_lines, score_files
from im2latex.scoring.summary import SummaryParams
from tests.scoring.drawings import DrawnRenderer, drawing

PARAMS = SummaryParams(resamples=20)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "\ufeffa\u2028b\x0c\x85\r\n\nc\rd\n\n")
    assert read_lines(path) == ["a\u2028b\x0c\x85", "", "c\rd", ""]
    assert read_lines(written(tmp_path, "b.txt", "a\nb")) == ["a", "b"]
    assert read_lines(written(tmp_path, "c.txt", "")) == []


def test_blank_predictions_are_wrong(tmp_path: Path) -> None:
    references = written(tmp_path, "ref.txt", "a b c d\na b c d\n")
    found = score_files(references, written(tmp_path, "hyp.txt", "\na  b c d\n"), params=PARAMS)
    assert (found["n"], found["exact"], found["edit"]) == (2, 0.5, 0.5)
    assert found["intervals"]["exact"] == [0.0, 1.0]
    assert "image_exact" not in found


def test_pictures_are_scored_with_a_renderer(tmp_path: Path) -> None:
    renderer = DrawnRenderer({"x": drawing("#"), "{ x }": drawing("#")})
    found = score_files(written(tmp_path, "r", "x\n"), written(tmp_path, "h", "{ x }\n"), renderer, params=PARAMS)
    assert (found["exact"], found["image_exact"]) == (0.0, 1.0)


def test_different_line_counts_are_one_sentence(tmp_path: Path) -> None:
    references, hypotheses = written(tmp_path, "ref.txt", "a\n" * 1200), written(tmp_path, "hyp.txt", "a\n")
    with pytest.raises(InputError, match=r"ref\.txt has 1,200 lines and .*hyp\.txt has 1; each reference needs"):
        score_files(references, hypotheses)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent: no such file"):
        read_lines(tmp_path / "absent")
    path = tmp_path / "latin"
    path.write_bytes(b"\xe9")
    with pytest.raises(InputError, match="UTF-8"):
        read_lines(path)
