import pytest

from im2latex.errors import ToolError
from im2latex.sandbox.system_packages import find_program


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolError, match=r"gs is not installed.*apt-get install ghostscript"):
        find_program("gs")
