"""A wrong key or value is one sentence that names the key, the rule and what would be right."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from im2latex.config import RENAMED_KEYS, Params, check, check_keys, load_section, load_yaml, renamed_key
from im2latex.errors import InputError, ParamsError


class Inner(Params):
    dpi: int = Field(ge=1)


class Outer(Params):
    name: str
    inner: Inner
    share: float = 1.0


GOOD = {"name": "x", "inner": {"dpi": 200}}


def test_fills_nested_sections() -> None:
    assert check(GOOD, Outer, "p").inner.dpi == 200


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({**GOOD, "nmae": 1}, "p.nmae is not a known key; known here are inner, name, share"),
        ({"name": "x", "inner": {"dpi": 1, "dip": 2}}, "p.inner.dip is not a known key; known here are dpi"),
        ({"name": "x"}, "p.inner is missing; add it"),
        ({"name": "x", "inner": {"dpi": 0}}, "p.inner.dpi = 0: input should be greater than or equal to 1"),
        ({"name": 3, "inner": {"dpi": 1}}, "p.name = 3: input should be a valid string"),
        ({**GOOD, "share": float("inf")}, "p.share = inf: input should be a finite number"),
        (None, "p = None: input should be a valid dictionary or instance of Outer"),
    ],
)
def test_says_what_is_wrong(values: object, sentence: str) -> None:
    with pytest.raises(ParamsError) as caught:
        check(values, Outer, "p")
    assert str(caught.value) == sentence


def test_sections_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(InputError, match="no such file; run from the root"):
        load_section("a", Inner, path)
    path.write_text("a: {dpi: 3}\nb: {}\n")
    assert load_section("a", Inner, path) == Inner(dpi=3)
    with pytest.raises(ParamsError, match="the section 'c' is missing; present are a, b"):
        load_section("c", Inner, path)
    path.write_text("a: [\n")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        load_section("a", Inner, path)
    path.write_text("- 1\n")
    with pytest.raises(InputError, match="must hold a mapping of sections, found list"):
        load_section("a", Inner, path)


def test_an_old_key_is_answered_with_its_present_name() -> None:
    with pytest.raises(ParamsError) as caught:
        check({"dpi": 3, "looks": {}}, Inner, "params.yaml: render")
    assert str(caught.value) == "params.yaml: render.looks is named render.styles now; rename it"
    assert renamed_key("render.image") is None


def test_no_key_is_both_old_and_present() -> None:
    assert not set(RENAMED_KEYS) & set(RENAMED_KEYS.values())


class Circle(Params):
    name: Literal["circle"]
    radius: float = Field(gt=0)


class Square(Params):
    name: Literal["square"]
    side: float = Field(gt=0)


class Drawing(Params):
    shape: Annotated[Circle | Square, Field(discriminator="name")]
    frame: Inner | None = None
    more: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"shape": {"name": "square"}}, "p.shape.side is missing; add it"),
        (
            {"shape": {"name": "square", "side": 1, "radius": 1}},
            "p.shape.radius is not a known key; known here are name, side",
        ),
        ({"shape": {"name": "circle", "radius": 0}}, "p.shape.radius = 0: input should be greater than 0"),
        ({"shape": {"name": "cube"}}, "p.shape.name = 'cube': known names are 'circle', 'square'"),
        ({"shape": {"side": 1}}, "p.shape.name is missing; add it"),
        (
            {"shape": {"name": "square", "side": 1}, "frame": {"dpi": 1, "dip": 1}},
            "p.frame.dip is not a known key; known here are dpi",
        ),
        (
            {"shape": {"name": "square", "side": 1}, "more": [{"dpi": 1}, {"dip": 1, "dpi": 1}]},
            "p.more.1.dip is not a known key; known here are dpi",
        ),
    ],
)
def test_errors_in_a_discriminated_union_use_the_written_keys(values: object, sentence: str) -> None:
    with pytest.raises(ParamsError) as caught:
        check(values, Drawing, "p")
    assert str(caught.value) == sentence


class Pair(Params):
    low: int
    high: int

    @model_validator(mode="after")
    def _in_order(self) -> "Pair":
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


def test_an_error_of_a_whole_section_omits_its_values() -> None:
    with pytest.raises(ParamsError, match="^p: low must not be above high$"):
        check({"low": 2, "high": 1}, Pair, "p")


class Defaults(Params):
    """A class in which null means another default."""

    rate: float | None = None
    count: int | None = None


@pytest.mark.parametrize("value", [None, 3])
def test_an_unknown_key_is_refused_whatever_its_value(value: object) -> None:
    check_keys({"rate": None}, Defaults, "train")
    if value is None:
        with pytest.raises(ParamsError, match=r"train.ratte is not a known key; known here are count, rate"):
            check_keys({"ratte": None}, Defaults, "train")
    else:
        with pytest.raises(ParamsError, match="train.ratte is not a known key"):
            check({"ratte": value}, Defaults, "train")


@pytest.mark.parametrize(
    ("text", "key"),
    [("a: 1\na: 2\n", "a"), ("a:\n  b: 1\n  c: {b: 2}\n  b: 3\n", "a.b"), ("a: [{b: 1}, {c: 1, c: 2}]\n", "a.c")],
)
def test_a_key_that_is_set_twice_is_refused(text: str, key: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(
        InputError, match=rf"params.yaml: the key {key} is set twice, in line \d and in line \d; remove one"
    ):
        load_yaml(tmp_path / "params.yaml")


def test_a_key_may_override_a_merged_one(tmp_path: Path) -> None:
    text = "a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc:\n  <<: [*a, *b]\n  y: 4\nd: [*a, *a]\n"
    (tmp_path / "params.yaml").write_text(text)
    content = load_yaml(tmp_path / "params.yaml")
    assert (content["c"], content["d"]) == ({"x": 1, "y": 4}, [{"x": 1}, {"x": 1}])


def test_a_mapping_within_itself_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("a: &a {b: *a}\n")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        load_yaml(tmp_path / "params.yaml")
