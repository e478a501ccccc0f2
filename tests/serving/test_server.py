import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx2
import psutil
import pytest

from im2latex.errors import UsageError
from im2latex.serving.server import listener
from tests.serving import pictures

PICTURE = pictures.encoded(pictures.ink())


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server as a process of its own, which answers."""
    process = subprocess.Popen([sys.executable, "-m", "tests.serving.standin", str(port)])
    try:
        for _ in range(600):
            time.sleep(0.1)
            try:
                httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=5).raise_for_status()
                break
            except httpx2.TransportError:
                assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.needs_tex
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_when_stopped_it_finishes_what_runs_and_leaves_no_process(
    server: subprocess.Popen[bytes], port: int, number: signal.Signals
) -> None:
    url = f"http://127.0.0.1:{port}"
    assert httpx2.post(f"{url}/render", json={"latex": "x + y"}, timeout=60).status_code == 200
    family = psutil.Process(server.pid).children(recursive=True)
    assert len(family) >= 2  # TeX that waits
    found: list[int] = []
    running = threading.Thread(
        target=lambda: found.append(httpx2.post(f"{url}/predict", content=PICTURE, timeout=60).status_code)
    )
    running.start()
    time.sleep(0.5)
    server.send_signal(number)
    assert server.wait(30) == 0
    running.join()
    assert found == [200]
    psutil.wait_procs(family, 5)
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.needs_tex
def test_formulas_that_attack_meet_the_sandbox(server: subprocess.Popen[bytes], port: int) -> None:
    url = f"http://127.0.0.1:{port}/render"
    attacks = {
        r"\input{/etc/passwd}": "not_allowed",
        r"\immediate\write18{id}": "not_allowed",
        r"\openin5=/etc/passwd": "not_allowed",
        r"\def\x{\x\x}\x": "not_allowed",
        "{" * 3000 + "x" + "}" * 3000: None,
    }
    for formula, reason in attacks.items():
        answer = httpx2.post(url, json={"latex": formula}, timeout=60)
        assert answer.status_code == 422, formula[:40]
        assert reason in (None, answer.json()["reason"])
    assert httpx2.post(url, json={"latex": "x"}, timeout=60).status_code == 200


def test_an_address_that_is_in_use_or_not_ours_is_one_sentence() -> None:
    with listener("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1, port {port}: address already in use; give another"):
            listener("127.0.0.1", port)
    with pytest.raises(UsageError, match=r"203\.0\.113\.1, port 0: .*; give another"):
        listener("203.0.113.1", 0)  # of the block for documentation
