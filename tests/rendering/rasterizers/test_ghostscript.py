import pytest

from im2latex.rendering.rasterizers.ghostscript import page_ranges


@pytest.mark.parametrize(
    ("numbers", "ranges"), [([1], "1"), ([1, 2, 3, 5], "1-3,5"), ([2, 4, 6], "2,4,6"), ([1, 3, 4], "1,3-4")]
)
def test_consecutive_pages_form_a_range(numbers: list[int], ranges: str) -> None:
    assert page_ranges(numbers) == ranges
