import pytest

from im2latex.latex.normalize import NormalizerParams, normalize
from im2latex.latex.rules.names import SYNONYMS
from im2latex.latex.symbols import known


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"a \not\in b", r"a \not \in b"),
        (r"a \not=_i b", r"a \ne _ { i } b"),
        (r"\lbrack x \rbrack", r"\lbrack x ]"),
        (r"\left\lbrack x \right\rbrack", r"\left [ x \right ]"),
    ],
)
def test_names(before: str, after: str) -> None:
    assert normalize(before, NormalizerParams()) == after


def test_synonyms_end_at_once() -> None:
    assert not SYNONYMS.keys() & set(SYNONYMS.values())
    assert {name for name in SYNONYMS if name[1:].isalpha()} <= known()
