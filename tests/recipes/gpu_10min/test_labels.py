from pathlib import Path

import pytest

from im2latex.errors import ArtifactError
from recipes.gpu_10min.labels import Labels


def test_saved_labels_are_loaded(labels: Labels, tmp_path: Path) -> None:
    labels.save(tmp_path)
    again = Labels.load(tmp_path)
    assert [list(one) for one in again] == [list(one) for one in labels]
    assert [again.latex(number) for number in range(40)] == [labels.latex(number) for number in range(40)]
    assert again.digest == labels.digest
    assert [len(one) for one in again[2:5]] == [3, 4, 5]


def test_missing_or_damaged_labels_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not a file of packed labels"):
        Labels.load(tmp_path)
    (tmp_path / "labels.npz").write_bytes(b"cut")
    with pytest.raises(ArtifactError, match="not a file of packed labels"):
        Labels.load(tmp_path)


def test_other_styles_are_another_data_set(labels: Labels) -> None:
    other = Labels.from_lists(list(labels), labels.styles[:, ::-1], labels.held_out.tolist(), labels.vocabulary)
    assert other.digest != labels.digest
