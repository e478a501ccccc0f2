"""Labels are compared by what they print, loosely."""

import hashlib

import pytest

from recipes.dataset.held_out import HeldOut, is_reserved, key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x _ { i } .", "x _ { i }"),
        (r"\left ( x \right ) , ~ .", "( x )"),
        (r"\bigl ( x \bigr )", "( x )"),
        (r"a \, b \hspace { 1.5em } c", "a b c"),
        (r"{ \displaystyle a } \quad b", "a b"),
    ],
)
def test_equal_labels(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(("one", "other"), [("x", "y"), ("a . b", "a b"), (r"\mathbf { x }", "x"), ("x _ y", "x ^ y")])
def test_different_labels(one: str, other: str) -> None:
    assert key(one) != key(other)


def test_papers() -> None:
    names = [f"paper-{number}" for number in range(2000)]
    reserved = [name for name in names if is_reserved(name)]
    assert 60 < len(reserved) < 140
    assert all(int(hashlib.sha1(name.encode()).hexdigest(), 16) % 100 >= 95 for name in reserved)
    held_out = HeldOut(groups={"p"})
    assert held_out.group_reason("p") == "held_out_paper"
    assert held_out.group_reason(reserved[0]) == "reserved_paper"
    assert held_out.group_reason(None) is None
