import subprocess
import sys
from pathlib import Path

import pytest

from im2latex.sandbox import scratch


def test_folders_of_killed_processes_are_stale_and_those_of_living_ones_are_not(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from im2latex.sandbox import scratch\n"
        f"(scratch.create(Path({str(tmp_path)!r})) / 'file').touch(); print('made', flush=True); sys.stdin.read()"
    )
    own = scratch.create(tmp_path)
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdin is not None
    with other.stdout, other.stdin:
        assert other.stdout.readline() == b"made\n"
        (tmp_path / "unrelated").mkdir()
        scratch.remove_stale(tmp_path)
        assert len([*tmp_path.iterdir()]) == 3
        other.kill()
        other.wait()
    scratch.remove_stale(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([own, tmp_path / "unrelated"])
    scratch.remove(own)
    assert not own.exists()


def test_a_process_that_ends_at_once_removes_its_own(tmp_path: Path) -> None:
    made = [scratch.create(tmp_path) for _ in range(3)]
    scratch.remove(made[0])
    scratch.remove_own()
    assert not [*tmp_path.iterdir()]


def test_what_is_no_folder_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "im2latex-run-link").symlink_to(target)
    scratch.remove_stale(tmp_path)
    assert target.exists()


def test_a_temporary_folder_is_gone_after_a_failure() -> None:
    seen: list[Path] = []

    def fail() -> None:
        with scratch.temporary_folder() as folder:
            seen.append(folder)
            (folder / "file").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not seen[0].exists()


def test_a_small_memory_folder_is_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_MIN_FREE_MB", 1 << 40)
    with scratch.temporary_folder() as folder:
        assert not folder.is_relative_to("/dev/shm")
