from pathlib import Path
from typing import Any

import pytest

from im2latex.errors import InputError
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.metrics.score_formulas import read_lines, score_files
from im2latex.metrics.summary import EvaluateParams
from tests.metrics.drawings import DrawnRenderer, drawing

PARAMS = EvaluateParams(resamples=20)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_lines_end_as_in_every_file_of_formulas(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "\ufeffa\u2028b\x0c\x85\r\n\nc\rd\n\n")
    assert read_lines(path) == ["a\u2028b\x0c\x85", "", "c", "d", ""]
    assert read_lines(written(tmp_path, "b.txt", "a\nb")) == ["a", "b"]
    assert read_lines(written(tmp_path, "c.txt", "")) == []


def test_blank_predictions_are_wrong(tmp_path: Path) -> None:
    references = written(tmp_path, "ref.txt", "a b c d\na b c d\n")
    found = score_files(references, written(tmp_path, "hyp.txt", "\na  b c d\n"), params=PARAMS)
    assert (found["n"], found["exact"], found["edit"]) == (2, 0.5, 0.5)
    assert found["intervals"]["exact"] == [0.0, 1.0]
    assert "image_exact" not in found


def test_images_are_scored_with_a_renderer(tmp_path: Path) -> None:
    renderer = DrawnRenderer({"x": drawing("#"), "{ x }": drawing("#")})
    found = score_files(
        written(tmp_path, "r", "x\n"), written(tmp_path, "h", "{ x }\n"), renderer=renderer, params=PARAMS
    )
    assert (found["exact"], found["image_exact"]) == (0.0, 1.0)


def test_different_line_counts_are_one_sentence(tmp_path: Path) -> None:
    references, hypotheses = written(tmp_path, "ref.txt", "a\n" * 1200), written(tmp_path, "hyp.txt", "a\n")
    with pytest.raises(InputError, match=r"ref\.txt has 1,200 lines and .*hyp\.txt has 1; each reference needs"):
        score_files(references, hypotheses)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent: no such file"):
        read_lines(tmp_path / "absent")
    path = tmp_path / "latin"
    path.write_bytes(b"a\n\xe9")
    with pytest.raises(InputError, match="latin:2: .*UTF-8"):
        read_lines(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["a.txt", "a.lst", "a", "a.b"])
def test_every_line_end_and_suffix_gives_the_same_scores(tmp_path: Path, end: str, name: str) -> None:
    path = written(tmp_path, name, end.join(["x^2", "", "y", "a \\\\ b"]) + end)
    other = written(tmp_path, "other", "x ^ { 2 }\n\ny\na\\\\b\n")
    found = score_files(path, other, params=PARAMS)
    assert (found["n"], found["exact"], found["bleu"]) == (4, 0.75, 1.0)


def test_tables_are_read_by_their_column(tmp_path: Path) -> None:
    table = written(tmp_path, "a.csv", "id,formula\n1,x^2\n2,\n")
    objects = written(tmp_path, "a.jsonl", '{"formula": "x ^ 2"}\n{"formula": ""}\n')
    assert score_files(table, objects, params=PARAMS)["exact"] == 0.5


def scored(folder: Path, references: str, hypotheses: str, **options: Any) -> dict[str, Any]:
    files = written(folder, "ref.txt", references), written(folder, "hyp.txt", hypotheses)
    return score_files(*files, params=PARAMS, **options)


def test_two_spellings_of_one_formula_are_one_text(tmp_path: Path) -> None:
    raw, other = "x^2\n\\frac12\n", "x ^ {2}\n\\frac {1} 2\n"
    found = scored(tmp_path, raw, other)
    assert (found["tokenizer"], found["bleu"], found["exact"], found["edit"]) == ("latex", 1.0, 1.0, 1.0)
    plain = scored(tmp_path, raw, other, tokenizer="whitespace")
    assert (plain["tokenizer"], plain["bleu"], plain["exact"]) == ("whitespace", 0.0, 0.0)


def test_with_a_normalizer_the_normal_forms_are_compared(tmp_path: Path) -> None:
    raw, other = "x_i^2 \\le y\na\n\n\\nosuch x^2\n", "x^2_i\\leq{y}\n}{\n\n\\nosuch x ^ {2}\n"
    assert scored(tmp_path, raw, other)["exact"] == 0.25
    found = scored(tmp_path, raw, other, normalizer=Normalizer(NormalizerParams()))
    assert (found["exact"], found["normalized"]) == (0.5, "faithful"), "what is refused on both sides is cut as it is"
    assert found["blank_lines"] == {"references": 1, "hypotheses": 1}
    assert found["refused"] == {
        "references": {"not_allowed": 1},
        "hypotheses": {"not_allowed": 1, "unbalanced_group": 1},
    }


def test_images_are_those_of_the_formulas_as_given(tmp_path: Path) -> None:
    renderer = DrawnRenderer({"x^2": drawing("#"), "x^{2}": drawing("#"), "x ^ { 3 }": drawing("##")})
    with pytest.raises(KeyError):
        renderer.render(["x ^ { 2 }"])
    found = scored(tmp_path, "x^2\n", "x^{2}\n", renderer=renderer)
    assert (found["image_exact"], found["exact"]) == (1.0, 1.0)
    assert renderer.asked == ["x ^ { 2 }", "x^2", "x^{2}"]


def test_baselines_are_made_of_tokens(tmp_path: Path) -> None:
    found = scored(tmp_path, "x^2y\nx^2y\na+b\n", "a\nb\nc\n", baselines=True)
    one_changed = found["baselines"]["one_changed"]
    assert one_changed["edit"] == pytest.approx(1 - 3 / 15, abs=1e-6)
    assert found["baselines"]["most_frequent"]["exact"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["tokenizer"] == "latex"
