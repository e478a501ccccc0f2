"""Dataset layouts of earlier projects, complete, incomplete and inconsistent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from im2latex.dataset.readers.layouts import read_raw_formulas
from im2latex.errors import InputError
from im2latex.types import BadRow, RawFormula

FORMULAS = ["a", "b", "c", "", "d"]


def written(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def summary(folder: Path) -> list[tuple[str, str | None, str | None, str | None]]:
    """Formula or reason, name, split and image of each row."""
    return [
        (row.formula, row.source_id, row.split, row.image)
        if isinstance(row, RawFormula)
        else (f"<{row.reason}>", row.source_id, None, None)
        for row in read_raw_formulas(folder)
    ]


def im2markup(folder: Path, prefix: str = "im2latex_", suffix: str = "_filter", validate: str = "validate") -> None:
    written(
        folder,
        **{
            f"{prefix}formulas__norm__lst": "\n".join(FORMULAS) + "\n",
            f"{prefix}train{suffix}__lst": "p2.png 2\np0.png 0\n",
            f"{prefix}{validate}{suffix}__lst": "p1.png 1\n",
            f"{prefix}test{suffix}__lst": "p3.png 3\n",
        },
    )


@pytest.mark.parametrize(
    ("names", "images"),
    [
        ({}, "formula_images_processed"),
        ({}, "formula_images"),
        ({"prefix": ""}, "images_processed"),
        ({"prefix": "", "suffix": ""}, "images"),
        ({"suffix": "", "validate": "valid"}, "formula_images_processed"),
    ],
)
def test_filtered_lists_and_normalized_formulas(tmp_path: Path, names: dict[str, str], images: str) -> None:
    im2markup(tmp_path, **names)
    (tmp_path / images).mkdir()
    assert summary(tmp_path) == [
        ("c", "p2.png", "train", f"{images}/p2.png"),
        ("a", "p0.png", "train", f"{images}/p0.png"),
        ("b", "p1.png", "val", f"{images}/p1.png"),
        ("", "p3.png", "test", f"{images}/p3.png"),
        ("<unlisted>", None, None, None),
    ]


def test_without_the_folder_of_images_the_formulas_are_drawn(tmp_path: Path) -> None:
    im2markup(tmp_path)
    assert {image for *_, image in summary(tmp_path)} == {None}


def test_filtered_lists_go_before_the_published_ones_and_those_may_be_read_too(tmp_path: Path) -> None:
    im2markup(tmp_path)
    written(tmp_path, im2latex_train__lst="1 other basic\n")
    assert [row[1] for row in summary(tmp_path)[:2]] == ["p2.png", "p0.png"]
    (tmp_path / "im2latex_train_filter.lst").unlink()
    assert summary(tmp_path)[0] == ("b", "other", "train", None)


def test_a_raw_formula_file_goes_first_with_its_own_lists(tmp_path: Path) -> None:
    im2markup(tmp_path)
    written(tmp_path, im2latex_formulas__lst="raw a\nraw b\n", im2latex_train__lst="1 x basic\n0 y basic\n")
    assert summary(tmp_path) == [("raw b", "x", "train", None), ("raw a", "y", "train", None)]


def test_matching_files(tmp_path: Path) -> None:
    for number, name in enumerate(("train", "val", "test", "small")):
        written(tmp_path, **{f"{name}__formulas__norm__txt": f"{name} x\n{name} y\n{name} z\n"})
        written(tmp_path, **{f"{name}__matching__txt": f"{number}.png 2\n1{number}.png 0\n"})
        if name != "val":
            (tmp_path / (name if name == "small" else f"images_{name}")).mkdir()
    written(tmp_path, train__formulas__txt="raw\n", small__formulas__txt="raw\n")
    rows = summary(tmp_path)
    assert ("train z", "0.png", "train", "images_train/0.png") in rows
    assert ("test x", "12.png", "test", "images_test/12.png") in rows
    assert ("val z", "1.png", "val", None) in rows
    assert ("small x", "13.png", None, "small/13.png") in rows
    assert len(rows) == 12
    assert rows.count(("<unlisted>", None, None, None)) == 4


def test_formulas_without_a_matching_file_are_all_read(tmp_path: Path) -> None:
    written(tmp_path, val__formulas__norm__txt="a\nb\n", test__formulas__txt="c\n", notes__md="no formulas")
    assert summary(tmp_path) == [("c", None, "test", None), ("a", None, "val", None), ("b", None, "val", None)]


def swapped(folder: Path) -> None:
    written(folder, im2latex_train_filter__lst="2 p2.png\n")


def beyond(folder: Path) -> None:
    written(folder, im2latex_train_filter__lst="p2.png 5\n")


def one_field(folder: Path) -> None:
    written(folder, im2latex_test_filter__lst="p2.png\n")


def no_lists(folder: Path) -> None:
    for path in folder.glob("*_filter.lst"):
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (swapped, "im2latex_train_filter.lst:1: an entry is `image_name index`"),
        (beyond, "im2latex_train_filter.lst:1: entry of line 5, but im2latex_formulas.norm.lst has 5 lines"),
        (one_field, "im2latex_test_filter.lst:1: an entry is `image_name index`"),
        (no_lists, "im2latex_formulas.norm.lst has no index list; add im2latex_train_filter.lst"),
    ],
)
def test_what_does_not_match_is_one_sentence(tmp_path: Path, damage: Callable[[Path], None], sentence: str) -> None:
    im2markup(tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError) as refused:
        list(read_raw_formulas(tmp_path))
    assert sentence in str(refused.value)


def test_a_file_of_an_unprefixed_name_alone_is_no_layout(tmp_path: Path) -> None:
    written(tmp_path, formulas__lst="x\n", mine__txt="y\n")
    assert [row.formula for row in read_raw_formulas(tmp_path) if not isinstance(row, BadRow)] == ["y"]
