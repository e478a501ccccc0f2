"""What a program in the sandbox can and cannot do: the program is Python, wholly in an attacker's hands."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from im2latex.sandbox import process, sandbox
from im2latex.sandbox.python_worker import python_access
from im2latex.sandbox.sandbox import FileAccess

pytestmark = pytest.mark.skipif(not sandbox.support().complete, reason="this kernel cannot restrict processes")

SECRET = "canary7391"
# {0} is a file outside the working folder, {1} its folder; each prints the secret or changes something if it succeeds.
READS = [
    "print(open('{0}').read())",
    "import os; print(os.read(os.open('{0}', os.O_RDONLY), 99))",
    "import os; print(os.read(os.open('../../../../../../../../..{0}', os.O_RDONLY), 99))",
    "import mmap; f = open('{0}', 'rb'); print(bytes(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)))",
    "import os; os.symlink('{0}', 'x'); print(open('x').read())",
    "import os; os.link('{0}', 'x'); print(open('x').read())",
    "import os; os.rename('{0}', 'x'); print(open('x').read())",
    "import os; os.chdir('{1}'); print(open('secret').read())",
    "import os; d = os.open('{1}', os.O_PATH); print(open(os.open('secret', os.O_RDONLY, dir_fd=d)).read())",
    "import os; p = os.open('{0}', os.O_PATH); print(open(f'/proc/self/fd/{{p}}').read())",
    "import subprocess; print(subprocess.run(['cat', '{0}'], capture_output=True).stdout)",
    "import subprocess; print(subprocess.run(['/bin/sh', '-c', 'cat {0}'], capture_output=True).stdout)",
    "import os; os.execv('/bin/cat', ['cat', '{0}'])",
    "import shutil; shutil.copy('{0}', 'x'); print(open('x').read())",
    "import os; print(os.sendfile(1, os.open('{0}', os.O_RDONLY), 0, 99))",
    "import os; print(os.listdir('{1}'))",
    "import os; print([e.name for e in os.scandir('{1}')])",
    "import glob; print(glob.glob('{1}/*'))",
    "import sqlite3; print(sqlite3.connect('file:{0}?mode=ro', uri=True).execute('pragma page_count').fetchall())",
    "import ctypes; l = ctypes.CDLL('{0}')",
    "print(open('/proc/self/environ').read(), 'canary7391')",
    "import os; print(open(f'/proc/{{os.getppid()}}/environ').read(), 'canary7391')",
    "import os; print(open(f'/proc/{{os.getppid()}}/maps').read(), 'canary7391')",
    "print(open('/proc/self/mem', 'rb'), 'canary7391')",
    "print(open('/proc/cpuinfo').read(), 'canary7391')",
    "print(open('/etc/passwd').read(), 'canary7391')",
    "print(open('/etc/hostname').read(), 'canary7391')",
    "import os; print(os.listdir('/root'), 'canary7391')",
    "import os; print(os.listdir('/home'), 'canary7391')",
    "import os; print(os.listdir('/dev/shm'), 'canary7391')",
    "import os; print(os.listdir('/sys'), 'canary7391')",
    "print(open('/dev/mem', 'rb').read(1), 'canary7391')",
    "import os; print(os.listdir('/dev/fd'), 'canary7391')",
]
WRITES = [
    "open('{0}', 'w').write('x')",
    "open('{0}', 'a').write('x')",
    "open('{1}/new', 'w').write('x')",
    "import os; os.truncate('{0}', 0)",
    "import os; os.unlink('{0}')",
    "import os; os.rename('{0}', '{1}/moved')",
    "import os; os.mkdir('{1}/new')",
    "import os; os.symlink('x', '{1}/new')",
    "import os; open('x', 'w'); os.link('x', '{1}/new')",
    "import os; open('x', 'w'); os.rename('x', '{1}/new')",
    "import os; os.mkfifo('{1}/new')",
    "import os; os.chmod('{0}', 0o777)",
    "import os; os.chmod('{1}', 0o777)",
    "import os; os.utime('{0}', (0, 0))",
    "import os; os.setxattr('{0}', 'user.x', b'1')",
    "import os; os.chown('{0}', os.getuid(), os.getgid())",
    "import subprocess; subprocess.run(['/bin/sh', '-c', 'echo x > {1}/new'], check=True)",
    "import shutil; shutil.rmtree('{1}')",
]
LEAVES_BEHIND = [
    "import os; os.symlink('{0}', 'left')",
    "import os; os.mkfifo('left')",
    "import socket; socket.socket(socket.AF_UNIX).bind('left')",
    "import os; os.mknod('left', 0o600 | 0o020000, os.makedev(1, 5))",
]
CALLS = [
    *(f"import socket; socket.socket({family}, {kind})" for family in (1, 2, 10, 16, 17, 38, 40) for kind in (1, 2, 3)),
    "import socket; socket.socketpair()",
    "import os; os.kill(os.getppid(), 0)",
    "import os, signal; os.kill(os.getppid(), signal.SIGUSR1)",
    "import os; os.killpg(os.getpgid(os.getppid()), 0)",
    "import os; os.pidfd_open(os.getppid())",
    "import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (1, 1))",
    *(
        f"import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall({number}, 0, 0, 0, 0) == -1 and 1 or 0)"
        for number in (101, 310, 311, 425, 426, 427, 321, 298, 323, 250, 272, 308, 165, 29, 68, 240, 161, 304)
    ),
]


@pytest.fixture
def attack(tmp_path: Path) -> Callable[[str], process.CompletedProcess]:
    """Run Python code in the sandbox, beside a folder that holds a secret."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret").write_text(SECRET)

    def run(code: str) -> process.CompletedProcess:
        return process.run_process(
            [sys.executable, "-c", code.format(outside / "secret", outside)],
            cwd=inside,
            timeout_seconds=20,
            memory_mb=2048,
            file_mb=10,
            access=python_access(),
        )

    return run


def state(folder: Path) -> list[tuple[str, int, int, int, bytes]]:
    """Name, mode, time, owner and content of all files of a folder and of the folder itself."""
    paths = [folder, *sorted(folder.iterdir())]
    found = [(path, path.lstat()) for path in paths]
    return [
        (path.name, at.st_mode, at.st_mtime_ns, at.st_uid, path.read_bytes() if path.is_file() else b"")
        for path, at in found
    ]


@pytest.mark.parametrize("code", READS)
def test_files_outside_cannot_be_read(attack: Callable[[str], process.CompletedProcess], code: str) -> None:
    done = attack(code)
    assert SECRET.encode() not in done.stdout
    assert b"secret" not in done.stdout


@pytest.mark.parametrize("code", WRITES)
def test_files_outside_cannot_be_changed(
    attack: Callable[[str], process.CompletedProcess], tmp_path: Path, code: str
) -> None:
    before = state(tmp_path / "outside")
    assert attack(code).returncode != 0
    assert state(tmp_path / "outside") == before


@pytest.mark.parametrize("code", LEAVES_BEHIND)
def test_nothing_is_left_behind_that_leads_elsewhere(
    attack: Callable[[str], process.CompletedProcess], tmp_path: Path, code: str
) -> None:
    assert attack(code).returncode != 0
    assert not (tmp_path / "inside" / "left").is_symlink()
    assert not (tmp_path / "inside" / "left").exists()


@pytest.mark.parametrize("code", CALLS)
def test_sockets_other_processes_and_the_kernel_are_denied(
    attack: Callable[[str], process.CompletedProcess], code: str
) -> None:
    if " sys.exit(" in code and os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86-64")
    assert attack(code).returncode != 0


def test_the_working_folder_can_be_used(attack: Callable[[str], process.CompletedProcess], tmp_path: Path) -> None:
    code = "import os; os.mkdir('d'); open('d/x', 'w').write('1'); os.rename('d', 'e'); print(open('e/x').read())"
    assert attack(code).stdout == b"1\n"
    assert (tmp_path / "inside" / "e" / "x").read_text() == "1"
    assert attack("import os, shutil; shutil.rmtree('e'); open('/dev/null', 'w').write('x')").ok


def test_named_files_can_be_read_and_folders_listed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside" / "open").write_text("yes")
    (tmp_path / "outside" / "shut").write_text("no")

    def run(command: list[str], access: FileAccess) -> process.CompletedProcess:
        return process.run_process(
            command, cwd=tmp_path / "inside", timeout_seconds=20, memory_mb=512, file_mb=10, access=access
        )

    one = FileAccess(read=(tmp_path / "outside" / "open",))
    assert run(["cat", str(tmp_path / "outside" / "open")], one).stdout == b"yes"
    assert not run(["cat", str(tmp_path / "outside" / "shut")], one).ok
    names = FileAccess(listed=(tmp_path / "outside",))
    assert run(["ls", str(tmp_path / "outside")], names).stdout == b"open\nshut\n"
    assert not run(["cat", str(tmp_path / "outside" / "open")], names).ok


def test_a_file_that_does_not_exist_may_be_named(tmp_path: Path) -> None:
    access = FileAccess(read=(tmp_path / "absent",))
    assert process.run_process(["true"], cwd=tmp_path, timeout_seconds=20, memory_mb=512, file_mb=1, access=access).ok


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_bubblewrap_replaces_landlock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sandbox._usable_bubblewrap()
    if found is None:
        pytest.skip("bubblewrap cannot create namespaces here")
    monkeypatch.setattr(sandbox, "support", lambda: sandbox.Support(0, seccomp=True, bubblewrap=found))
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret").write_text(SECRET)

    def run(*command: str) -> process.CompletedProcess:
        return process.run_process(
            command,
            cwd=tmp_path / "inside",
            timeout_seconds=20,
            memory_mb=2048,
            file_mb=10,
            access=FileAccess(),
        )

    assert run("sh", "-c", "echo 1 > x; cat x").stdout == b"1\n"
    assert not run("cat", str(tmp_path / "secret")).ok
    assert not run("/usr/bin/python3", "-c", "import socket; socket.socket()").ok
