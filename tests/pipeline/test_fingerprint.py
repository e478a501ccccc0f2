"""Words do not count, deeds do."""

import pytest

from pipeline.fingerprint import closure, fingerprint, source_path, substance

CODE = '''
"""What it does."""
LIMIT = 3
"""What the limit is."""


def f(x: int) -> int:
    """Add."""
    return x + LIMIT  # because
'''


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""What it does."""', '"""Something else."""'),
        ('"""What the limit is."""\n', ""),
        ('    """Add."""\n', ""),
        ("  # because", ""),
        ("x + LIMIT", "(x\n        + LIMIT)"),
    ],
)
def test_words_and_layout_do_not_count(before: str, after: str) -> None:
    assert before in CODE
    assert substance(CODE.replace(before, after)) == substance(CODE)


@pytest.mark.parametrize(("before", "after"), [("3", "4"), ("x + LIMIT", "LIMIT + x"), ("def f", "def g")])
def test_deeds_count(before: str, after: str) -> None:
    assert substance(CODE.replace(before, after)) != substance(CODE)


def test_a_function_of_words_alone_stays_valid() -> None:
    assert "pass" in substance('def f():\n    """Nothing."""')


def test_covers_the_import_closure() -> None:
    assert {"im2latex.schemas", "im2latex.errors"} <= closure("im2latex.dataset.shards")
    assert "im2latex.dataset.download" not in closure("im2latex.dataset.shards")
    assert source_path("im2latex.latex").name == "__init__.py"
    assert fingerprint("im2latex.errors") != fingerprint("im2latex.errors", "im2latex.config")
