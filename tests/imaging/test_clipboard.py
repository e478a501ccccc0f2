from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageGrab

from im2latex.errors import PictureError, ToolError
from im2latex.imaging.clipboard import from_clipboard

PIXELS = np.arange(60, dtype=np.uint8).reshape(6, 10)


def test_a_copied_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: Image.fromarray(PIXELS))
    np.testing.assert_array_equal(from_clipboard(), PIXELS)
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: [str(tmp_path / "a.png")])
    np.testing.assert_array_equal(from_clipboard(), PIXELS)


def test_nothing_or_no_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: None)
    with pytest.raises(PictureError, match="no picture on the clipboard"):
        from_clipboard()

    def missing() -> None:
        raise NotImplementedError("wl-paste or xclip is required for ImageGrab.grabclipboard() on Linux")

    monkeypatch.setattr(ImageGrab, "grabclipboard", missing)
    with pytest.raises(ToolError, match="install wl-clipboard or xclip"):
        from_clipboard()
