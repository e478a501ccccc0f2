import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors import SafetensorError

from im2latex.errors import is_full
from im2latex.io.atomic_write import atomic_write


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    atomic_write(path, lambda draft: draft.write_text("old"))

    def fail(draft: Path) -> None:
        draft.write_text("half")
        raise RuntimeError("full disk")

    with pytest.raises(RuntimeError):
        atomic_write(path, fail)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "free", "kind"),
    [
        (SafetensorError("I/O error: No space left on device (os error 28)"), 1 << 30, OSError),
        (RuntimeError("unexpected pos 576 vs 534"), 4096, OSError),
        (RuntimeError("unexpected pos 576 vs 534"), 1 << 30, RuntimeError),
    ],
    ids=str,
)
def test_a_full_disk_is_reported_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, free: int, kind: type[Exception]
) -> None:
    path = tmp_path / "state.pt"
    path.write_bytes(b"before")

    def fill(draft: Path) -> None:
        draft.write_bytes(b"half")
        raise error

    monkeypatch.setattr("im2latex.io.atomic_write.shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(kind) as caught:
        atomic_write(path, fill)
    assert kind is not OSError or is_full(caught.value)  # type: ignore[arg-type]
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"before"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_has_the_mode_of_any_new_file(tmp_path: Path, umask: int, mode: int) -> None:
    def write(path: Path) -> None:
        path.touch(0o600)  # as safetensors does

    earlier = os.umask(umask)
    try:
        atomic_write(tmp_path / "weights", write)
        assert (tmp_path / "weights").stat().st_mode & 0o777 == mode
        assert os.umask(umask) == umask, "the mask is left as it was"
    finally:
        os.umask(earlier)
