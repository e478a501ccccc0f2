"""The choice does not depend on the order of the candidates and respects quotas and font limits."""

import random

import pytest

from recipes.dataset.config import FontParams, SourceParams
from recipes.dataset.selection import Candidate, Selection

FONTS = FontParams(tokens=12, bold=0.1, any=0.3)


def candidates() -> list[Candidate]:
    found = []
    for number in range(3000):
        letters = " ".join("abcdefghij"[int(digit)] for digit in str(number) * (1 + number % 4))
        font = ["", r"\mathbf { a } ", r"\mathcal { A } "][number % 3]
        found.append(Candidate(font + letters, str(number), None))
    return found


def select(order: int, even: bool, labels: int = 200) -> Selection:
    shares = {"1-3": 0.1, "4-12": 0.9} if even else {"1-12": 1.0}
    source = SourceParams(kind="whole", input="x", shares=shares, even_lengths=even)
    selection = Selection("name", source, labels, 1, FONTS)
    shuffled = candidates() * 2
    random.Random(order).shuffle(shuffled)
    for one in shuffled:
        selection.offer(one)
    return selection


@pytest.mark.parametrize("even", [True, False])
def test_order_does_not_matter(even: bool) -> None:
    assert select(1, even).choose(set()) == select(2, even).choose(set())


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("labels", [20, 200, 100_000])
def test_quotas_font_limits_and_counts(even: bool, labels: int) -> None:
    selection = select(1, even, labels)
    chosen = [one.label for found in selection.choose(set()).values() for one in found]
    assert 0 < len(chosen) <= labels
    assert len(chosen) == len(set(chosen))
    assert selection.seen == len(chosen) + selection.dropped.total() == 6000
    assert sum("\\mathbf" in label for label in chosen) <= 0.1 * len(chosen) + 9
    assert sum("\\math" in label for label in chosen) <= 0.3 * len(chosen) + 9


def test_taken_labels_are_not_chosen_again() -> None:
    taken: set[str] = set()
    first = [one.label for found in select(1, False).choose(taken).values() for one in found]
    assert taken == set(first)
    second = [one.label for found in select(2, False).choose(taken).values() for one in found]
    assert not set(first) & set(second)


def test_even_lengths() -> None:
    chosen = select(1, True).choose(set())[4, 12]
    lengths = [len(one.label.split()) for one in chosen]
    counts = [lengths.count(length) for length in sorted(set(lengths))]
    assert len(chosen) == 180
    assert len(counts) >= 5
    assert max(counts) <= 61
