"""A wrong key or value is one sentence that names the key, the rule and what would be right."""

from pathlib import Path

import pytest
from pydantic import Field

from im2latex.errors import InputError, ParamsError
from im2latex.params import Params, check, load_section


class Inner(Params):
    dpi: int = Field(ge=1)


class Outer(Params):
    name: str
    inner: Inner


GOOD = {"name": "x", "inner": {"dpi": 200}}


def test_fills_nested_sections() -> None:
    assert check(GOOD, Outer, "p").inner.dpi == 200


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({**GOOD, "nmae": 1}, "p.nmae is not a known key; known here are inner, name"),
        ({"name": "x", "inner": {"dpi": 1, "dip": 2}}, "p.inner.dip is not a known key; known here are dpi"),
        ({"name": "x"}, "p.inner is missing; add it"),
        ({"name": "x", "inner": {"dpi": 0}}, "p.inner.dpi = 0: input should be greater than or equal to 1"),
        ({"name": 3, "inner": {"dpi": 1}}, "p.name = 3: input should be a valid string"),
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
