import csv
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from im2latex.metrics.breakdown import (
    DEEPEST,
    ERROR_CLASSES,
    ERROR_KINDS,
    FEATURES,
    class_costs,
    confusions,
    error_classes,
    error_kind,
    features,
    fraction_depth,
    without_spacing,
    write_plots,
)
from pipeline.paths import ROOT


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x + y", {"plain"}),
        ("", {"plain"}),
        (r"x ^ { 2 }", {"script"}),
        (r"\begin{array} { c } a \end{array}", {"matrix"}),
        (r"\begin{pmatrix} a \end{pmatrix}", {"matrix"}),
        (r"\begin{cases} a \end{cases}", {"matrix"}),
        (r"\begin{aligned}[t] a \\ b \end{aligned}", {"several_lines"}),
        (r"\hat { a } \mathbf { x }", {"accent", "font"}),
        (r"\mathop { x } \mathrel { y }", {"plain"}),
        (r"\mathring { a }", {"accent"}),
        (r"\text{if} \sqrt { x }", {"text", "root"}),
        (r"\sum _ { i } \left ( x \right )", {"large_operator", "script", "sized_delimiter"}),
        (r"\big ( \frac { a } { b }", {"sized_delimiter", "fraction_depth_1"}),
    ],
)
def test_features_of_formulas(formula: str, expected: set[str]) -> None:
    assert features(formula) == expected
    assert expected <= set(FEATURES)


@pytest.mark.parametrize(
    ("formula", "depth"),
    [
        ("a", 0),
        (r"\frac { a } { b } \frac { c } { d }", 1),
        (r"\frac { a } { { \frac { b } { c } } }", 2),
        (r"\frac { \binom { a } { b } } { c } x", 2),
        (r"\frac { a } { b } { \frac { c } { d } }", 1),
        (r"\frac a { \dfrac b c }", 2),
        (r"\frac { \sqrt { \frac { \frac 1 2 } { 3 } } } { 4 }", 3),
        (r"} } \frac { { a", 1),
        (r"\frac", 1),
    ],
)
def test_depth_of_fractions(formula: str, depth: int) -> None:
    assert fraction_depth(formula.split()) == depth


def test_deeper_fractions_count_as_the_deepest_and_no_depth_is_too_much() -> None:
    nested = r"\frac { a } { " * 5000 + "b" + " }" * 5000
    assert fraction_depth(nested.split()) == 5000
    assert f"fraction_depth_{DEEPEST}" in features(nested)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "same", "lost", "expected"),
    [
        ("a b", "a b", True, False, "exact"),
        ("a b", " ", False, True, "empty"),
        ("", "", False, True, "empty"),
        (r"a \, b", "a b", False, False, "spacing_only"),
        (r"a b", r"a \hspace { 1cm } b \quad", False, False, "spacing_only"),
        (r"a \hspace { 1cm } b", r"a \hspace { 2cm } b", True, False, "spacing_only"),
        ("x ^ 2", "x ^ { 2 }", True, False, "same_image"),
        ("a b", "a {", False, True, "no_image"),
        ("a b c", "a x c", False, False, "one_token"),
        ("a b c", "a c", False, False, "one_token"),
        ("a b c", "a x y", False, False, "several_tokens"),
    ],
)
def test_kinds(reference: str, hypothesis: str, same: bool, lost: bool, expected: str) -> None:
    assert error_kind(reference, hypothesis, same, lost) == expected
    assert expected in ERROR_KINDS


def test_a_space_without_its_length_is_only_itself() -> None:
    assert without_spacing([r"\hspace"]) == []
    assert without_spacing([r"a", r"\kern", r"b", r"c", r"d", r"e", r"}"]) == ["a", "b", "c", "d", "e", "}"]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("a b", "a b", set()),
        (r"a \, b", "a b", {"spacing"}),
        (r"a \hspace { 1cm } b", r"a \hspace { 2cm } b", {"spacing"}),
        (r"\mathbf { x }", "x", {"font"}),
        (r"\displaystyle x", "x", {"font"}),
        ("x ^ 2", "x _ 2", {"structure"}),
        ("x ^ { a b }", "x ^ { a } b", {"structure"}),
        (r"\frac { a } { b }", "a b", {"structure"}),
        (r"\left ( a \right )", "( a )", {"structure"}),
        (r"\begin{matrix} a \end{matrix}", r"\begin{pmatrix} a \end{pmatrix}", {"structure"}),
        ("a", "b", {"symbol"}),
        (r"\text{if} a", r"\text{of} a", {"symbol"}),
        (r"\mathbf { x } ^ 2 \, y", r"\mathrm { x } _ 3 y", {"spacing", "font", "structure", "symbol"}),
    ],
)
def test_classes_of_errors(reference: str, hypothesis: str, expected: set[str]) -> None:
    assert error_classes(reference, hypothesis) == expected
    assert error_classes(hypothesis, reference) == expected


def test_the_cost_of_a_class_is_what_it_alone_makes_wrong() -> None:
    pairs = [("a", "b"), (r"a \,", "a"), (r"b \,", "b"), (r"c \,", "d"), ("e", "e"), ("f", "")]
    found = class_costs(pairs, [False, True, False, False, True, False])
    assert found["spacing"] == {"n": 3, "alone": 2, "cost": round(1 / 6, 6)}
    assert found["symbol"] == {"n": 2, "alone": 1, "cost": round(1 / 6, 6)}
    assert found["font"] == {"n": 0, "alone": 0, "cost": 0}
    assert list(found) == list(ERROR_CLASSES)


def test_confusions_are_counted_and_listed_by_number_then_by_name() -> None:
    found = confusions(
        [("a b c", "a x c"), ("b", "x"), ("a", "y"), (r"a \,", "a"), ("d", "d +"), ("q q", ""), ("z", "z")], 1
    )
    assert found == {
        "edits": {"replaced": 3, "missing": 1, "extra": 1, "of_spacing": 1},
        "replaced": [["b", "x", 2]],
        "missing": [["\\,", 1]],
        "extra": [["+", 1]],
    }


TOKENS = st.lists(st.sampled_from(["a", "b", "{", "\\,"]), min_size=1, max_size=8).map(" ".join)


@given(st.lists(st.tuples(TOKENS, TOKENS), max_size=5))
def test_no_edit_is_lost(pairs: list[tuple[str, str]]) -> None:
    edits = confusions(pairs, 100)["edits"]
    assert edits["replaced"] + edits["missing"] + edits["extra"] == sum(
        Levenshtein.distance(reference.split(), hypothesis.split()) for reference, hypothesis in pairs
    )


BLOCK = {"n": 3, "exact": 0.5, "image_exact": 0.25, "intervals": {"image_exact": [0.2, 0.3]}}
METRICS = {
    **BLOCK,
    "intervals": {"exact": [0.4, 0.6], "image_exact": [0.2, 0.3]},
    "by_length": {"0-20": BLOCK, "21-40": BLOCK},
    "by_feature": {"matrix": BLOCK},
    "errors": {
        "kinds": {"exact": 2, "one_token": 1},
        "edits": {"replaced": 2, "missing": 5, "extra": 1, "of_spacing": 0},
        "replaced": [["r", "c", 2]],
    },
}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_what_goes_wrong_is_counted(tmp_path: Path) -> None:
    write_plots(METRICS, tmp_path)
    assert rows(tmp_path / "confusions.tsv") == [{"confusion": "r → c", "times": "2"}]
    assert rows(tmp_path / "edits.tsv")[1] == {"edit": "missing", "times": "5"}
    assert rows(tmp_path / "kinds.tsv")[1] == {"kind": "one_token", "predictions": "1"}


def test_dvc_draws_columns_that_are_written(tmp_path: Path) -> None:
    write_plots(METRICS, tmp_path)
    plots = [next(iter(plot.values())) for plot in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]]
    drawn = set()
    for plot in plots:
        if plot["template"].startswith("bars"):
            assert (ROOT / ".dvc" / "plots" / f"{plot['template']}.json").is_file()
            ((path, column),) = plot["y"].items()
            columns = {column, plot["x"]} | ({"low", "high"} if plot["template"] != "bars" else set())
            assert columns <= set(rows(tmp_path / Path(path).name)[0])
            drawn.add(Path(path).name)
    assert drawn == {path.name for path in tmp_path.iterdir()}
