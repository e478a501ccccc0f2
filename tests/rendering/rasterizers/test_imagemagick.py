from pathlib import Path

import pytest

from im2latex.rendering.rasterizers import imagemagick
from im2latex.sandbox.resource_limits import ProcessLimits


def test_debians_policy_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ImageMagick-6"
    folder.mkdir()
    (folder / "policy.xml").write_text('<policymap>\n  <policy domain="coder" rights="none" pattern="PDF" />\n')
    monkeypatch.setattr(imagemagick, "_POLICY_FOLDER", tmp_path)
    rasterizer = imagemagick.ImageMagick(ProcessLimits())
    assert "forbids PDF" in rasterizer.note()
    (folder / "policy.xml").write_text("<policymap/>")
    assert rasterizer.note() == ""
