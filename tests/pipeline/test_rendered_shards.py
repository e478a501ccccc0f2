from pathlib import Path

import pytest

from im2latex.config import load_section
from im2latex.dataset.buckets import BucketParams
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import InputError
from im2latex.training.dataset import MemoryMappedDataset
from pipeline.paths import ROOT
from pipeline.project_renderer import RenderStageParams
from pipeline.rendered_shards import PART_ROWS, Label, write_rendered_shards
from tests.fakes import FakeRenderer

VOCABULARY = Vocabulary([*SPECIALS, "a", "b"])


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    monkeypatch.setattr("im2latex.rendering.dataset_images.create_renderer", lambda params: FakeRenderer())


def write(labels: list[Label], folder: Path) -> dict[int, str]:
    render = load_section("render", RenderStageParams, ROOT / "params.yaml")
    bucket = load_section("bucket", BucketParams, ROOT / "params.yaml")
    return write_rendered_shards(labels, VOCABULARY, folder, "test", render, bucket)


def test_every_label_is_a_sample_or_refused(tmp_path: Path) -> None:
    labels = [Label(text, " ".join(text)) for text in ("ab", r"\broken", "aab", "ab", "c")]
    assert write(labels, tmp_path) == {1: "undefined_macro"}
    samples = MemoryMappedDataset(tmp_path, "test")
    assert list(samples.ids) == ["0", "2", "3", "4"]
    assert list(samples.latex) == ["a b", "a a b", "a b", "c"]
    assert [list(samples.label(index)) for index in range(4)] == [[4, 5], [4, 4, 5], [4, 5], [Vocabulary.unk]]
    sizes = samples.sizes.tolist()
    assert sizes[0] == sizes[2] != sizes[1]


def test_parts_come_back_in_order(tmp_path: Path) -> None:
    write([Label("a" * (1 + number % 7), "a") for number in range(PART_ROWS + 10)], tmp_path)
    samples = MemoryMappedDataset(tmp_path, "test")
    assert [int(name) for name in samples.ids] == list(range(PART_ROWS + 10))
    widths = [samples.sizes[number][1] for number in (0, 6, PART_ROWS - PART_ROWS % 7)]
    assert widths[0] == widths[2] < widths[1]


def test_a_set_without_any_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of 1 labels can be drawn: the first is refused as undefined_macro"):
        write([Label(r"\broken", "x")], tmp_path)
