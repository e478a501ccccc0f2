import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from im2latex.errors import ToolError
from im2latex.parallel.cancellation import CallCancelledError, Cancellation
from im2latex.sandbox import process
from im2latex.sandbox.process import ChildProcess, CompletedProcess

Start = Callable[..., CompletedProcess]


@pytest.fixture
def python(tmp_path: Path) -> Start:
    """Run a piece of Python under limits."""

    def start(code: str, timeout_seconds: float = 20, cpu_seconds: float = 20, file_mb: int = 10) -> CompletedProcess:
        return process.run_process(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            timeout_seconds=timeout_seconds,
            cpu_seconds=cpu_seconds,
            memory_mb=512,
            file_mb=file_mb,
            access=None,
            env={"EXTRA": "1"},
        )

    return start


def test_output_input_and_folder_pass_through(python: Start, tmp_path: Path) -> None:
    done = python("import os,sys; print([sys.stdin.read()], os.getcwd()); sys.stderr.write('e'); sys.exit(3)")
    assert (done.returncode, done.stdout.decode().split(), done.stderr) == (3, ["['']", str(tmp_path)], b"e")
    assert not done.ok
    assert not done.timed_out


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_mapped_output_is_what_was_written(tmp_path: Path, size: int) -> None:
    code = f"import sys; sys.stdout.write('x' * {size}); sys.stderr.write('e')"
    done = ChildProcess(
        [sys.executable, "-c", code], cwd=tmp_path, cpu_seconds=20, memory_mb=512, file_mb=10, access=None
    ).wait(20, map_output=True)
    assert (done.stdout, done.stderr) == (b"", b"e")
    assert (b"" if done.mapped is None else done.mapped[:]) == b"x" * size


def test_a_child_waits_for_its_input_and_can_be_ended_unheard(tmp_path: Path) -> None:
    def start() -> ChildProcess:
        code = "import sys; print(sys.stdin.readline() * 2)"
        return ChildProcess(
            [sys.executable, "-c", code], cwd=tmp_path, cpu_seconds=20, memory_mb=512, file_mb=10, access=None
        )

    child = start()
    assert child.alive
    child.write_input(b"line\n")
    assert child.wait(20).stdout == b"line\nline\n\n"
    before = psutil.Process().children()
    child = start()
    child.kill()
    assert psutil.Process().children() == before


def test_environment_holds_nothing_of_ours(python: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    names = python("import os; print(*sorted(os.environ))").stdout.decode().split()
    assert set(names) <= {"EXTRA", "HOME", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR"}


def test_wall_clock_kills_the_whole_group(python: Start, tmp_path: Path) -> None:
    started = time.monotonic()
    done = python(
        "import os,time\nchild = os.fork()\nopen('pid', 'a').write(f'{os.getpid()} ')\ntime.sleep(60)",
        timeout_seconds=1,
    )
    assert done.timed_out
    assert done.stalled
    assert time.monotonic() - started < 10
    numbers = [int(number) for number in (tmp_path / "pid").read_text().split()]
    assert len(numbers) == 2
    deadline = time.monotonic() + 5
    while any(_alive(number) for number in numbers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(_alive(number) for number in numbers)


def test_processor_time_is_limited(python: Start) -> None:
    done = python("while True: pass", cpu_seconds=1)
    assert done.timed_out
    assert done.returncode == -signal.SIGXCPU
    assert not done.stalled


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_program_killed_from_outside_raises_a_tool_error(python: Start, number: signal.Signals) -> None:
    with pytest.raises(ToolError, match=f"was killed by {number.name}.*IM2LATEX_WORKERS"):
        python(f"import os; os.kill(os.getpid(), {int(number)})")


def test_memory_is_limited(python: Start) -> None:
    done = python("x = bytearray(1 << 30)")
    assert b"MemoryError" in done.stderr


def test_files_and_output_are_limited(python: Start) -> None:
    assert python("open('big', 'wb').write(bytes(2 << 20))", file_mb=1).returncode != 0
    assert python("while True: print('x' * 1000)", file_mb=1).returncode != 0


def test_an_exception_of_ours_kills_the_program(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            process.run_process(
                ["sleep", "60"], cwd=tmp_path, timeout_seconds=60, memory_mb=512, file_mb=1, access=None
            )
    finally:
        signal.signal(signal.SIGALRM, before)
    names = [child.name() for child in psutil.Process().children()]
    assert "sleep" not in names, "no child is left, not even one to be reaped"


def test_the_program_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from im2latex.sandbox import process\n"
        f"process.run_process(['sh', '-c', 'echo $$ > pid; exec sleep 60'], cwd=Path({str(tmp_path)!r}),"
        " timeout_seconds=60, memory_mb=512, file_mb=1, access=None)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    file = tmp_path / "pid"
    deadline = time.monotonic() + 20
    while not (file.exists() and file.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.01)
    number = int(file.read_text())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while _alive(number) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(number)


def test_first_line_of_a_program() -> None:
    assert process.version_line("echo", "one\ntwo") == "one"
    with pytest.raises(ToolError, match="false  failed with status 1"):
        process.version_line("false")


def _alive(number: int) -> bool:
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_output_on_a_full_disk_is_an_error(python: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_free_mb", lambda folder: 0)
    with pytest.raises(ToolError, match="the disk is full"):
        python("print(1)")


def test_processor_time_is_limited_in_parts_of_a_second(python: Start) -> None:
    done = python("while True: pass", cpu_seconds=0.2)
    assert done.timed_out
    assert done.returncode == -signal.SIGPROF


@pytest.mark.parametrize("without_pidfd", [False, True])
def test_a_cancelled_call_kills_its_program_at_once(
    tmp_path: Path, without_pidfd: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if without_pidfd:
        monkeypatch.delattr(os, "pidfd_open")
    cancellation = Cancellation()

    def cancel() -> None:
        deadline = time.monotonic() + 20
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        cancellation.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    started = time.monotonic()
    command = ["sh", "-c", "touch begun; exec sleep 60"]
    with cancellation.active(), pytest.raises(CallCancelledError):
        process.run_process(command, cwd=tmp_path, timeout_seconds=60, memory_mb=512, file_mb=1, access=None)
    canceller.join()
    assert time.monotonic() - started < 20
    assert "sleep" not in [child.name() for child in psutil.Process().children()]
