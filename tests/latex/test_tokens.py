import pytest

from im2latex.latex.tokens import join, lexemes, split, squeeze


def test_split_and_join_are_inverse() -> None:
    line = r"\frac { 1 } { 2 } + \text{for~all}"
    assert join(split(line)) == line


def test_lexemes_keep_control_sequences_whole() -> None:
    assert lexemes(r"\alpha\{a\\") == {r"\alpha", r"\{", "a", r"\\"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [(r"\in A", r"\in{}A"), (r"\\ a", r"\\a"), ("1.5 cm", "1.5cm"), (r"\alpha 2", r"\alpha2"), (r"\a \b", r"\a\b")],
)
def test_squeeze_keeps_control_words_apart(source: str, expected: str) -> None:
    assert squeeze(source) == expected
