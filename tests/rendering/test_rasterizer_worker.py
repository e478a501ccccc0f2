from pathlib import Path

import pytest

from im2latex.rendering import rasterizer_worker


def test_other_rasterizers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        rasterizer_worker.main(["mupdf", str(tmp_path / "x.pdf"), "200", "1"])


def test_the_policy_allows_pdf_and_nothing_that_is_not_needed() -> None:
    assert "{PDF,GRAY}" in rasterizer_worker._POLICY
