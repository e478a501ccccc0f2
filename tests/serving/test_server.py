import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from im2latex.errors import UsageError
from im2latex.sandbox import sandbox
from im2latex.serving.server import STOP_SECONDS, open_socket
from tests.serving import images

IMAGE = images.encoded(images.ink())
NESTED = r"\text{$" * 30 + "x" + "$}" * 30
r"""Each level doubles the time and more."""
_RUNNING: dict[str, "subprocess.Popen[bytes]"] = {}


@pytest.fixture
def port() -> int:
    return _free_port()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a server that no test stops."""
    port = _free_port()
    process = _started(port)
    _RUNNING[f"http://127.0.0.1:{port}"] = process
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.communicate()


@pytest.fixture
def server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server as a process of its own, which answers."""
    process = _started(port)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _started(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.serving.slow_server", str(port)]
    return _answering(subprocess.Popen(command, stderr=subprocess.PIPE), port)


def _answering(process: subprocess.Popen[bytes], port: int) -> subprocess.Popen[bytes]:
    """Wait until the server answers."""
    for _ in range(600):
        time.sleep(0.1)
        try:
            httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=5).raise_for_status()
            break
        except httpx2.TransportError:
            assert process.poll() is None
    return process


def _scratch_folders(server: subprocess.Popen[bytes]) -> set[Path]:
    """Those of the server, whose locks it holds open: other tests have their own at the same time."""
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    links = [link for one in family for link in Path(f"/proc/{one.pid}/fd").iterdir()]
    return {path for path in map(Path.resolve, links) if path.name.startswith("im2latex-run-")}


def _tex_of(server: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Processes of TeX that compute."""
    family = psutil.Process(server.pid).children(recursive=True)
    return [one for one in family if _is_running(one, "pdftex")]


def _is_running(process: psutil.Process, name: str) -> bool:
    try:
        return bool(process.name() == name and process.status() == psutil.STATUS_RUNNING)
    except psutil.NoSuchProcess:  # it ended since it was listed
        return False


def _connections(server: subprocess.Popen[bytes]) -> int:
    return sum(one.status == psutil.CONN_ESTABLISHED for one in psutil.Process(server.pid).net_connections())


def _wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_command_serves_the_page_and_the_released_model(port: int) -> None:
    command = [sys.executable, "-m", "im2latex", "serve", "--port", str(port)]
    process = _answering(subprocess.Popen(command, stderr=subprocess.PIPE), port)
    try:
        page = httpx2.get(f"http://127.0.0.1:{port}/", timeout=60)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        image = Path("examples/image.png").read_bytes()
        predicted = httpx2.post(f"http://127.0.0.1:{port}/predict", content=image, timeout=60).json()
        assert predicted["latex"].startswith("x_{1,2} = ")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.needs_tex
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_shutdown_finishes_requests_and_leaves_no_process(
    server: subprocess.Popen[bytes], port: int, number: signal.Signals
) -> None:
    url = f"http://127.0.0.1:{port}"
    assert httpx2.post(f"{url}/render", json={"latex": "x + y"}, timeout=60).status_code == 200
    family = psutil.Process(server.pid).children(recursive=True)
    assert len(family) >= 2  # TeX that waits
    found: list[int] = []
    running = threading.Thread(
        target=lambda: found.append(httpx2.post(f"{url}/predict", content=IMAGE, timeout=60).status_code)
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
def test_shutdown_under_load_is_in_time_and_every_client_gets_a_response(
    server: subprocess.Popen[bytes], port: int
) -> None:
    url = f"http://127.0.0.1:{port}"
    found: list[tuple[int, str]] = []

    def send(number: int) -> None:
        # A reading takes a second in batches of eight; a formula takes as long as it may.
        if number % 2:
            answer = httpx2.post(f"{url}/render", json={"latex": NESTED}, timeout=60)
        else:
            answer = httpx2.post(f"{url}/predict?candidates={1 + number // 2}", content=IMAGE, timeout=60)
        found.append((answer.status_code, answer.json().get("error", "")))

    clients = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for client in clients:
        client.start()
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        _wait_until(lambda: _connections(server) == 17 and _tex_of(server))
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        assert time.monotonic() - began < STOP_SECONDS
        assert b"HTTP/1.1 503" in slow.recv(10_000)
    for client in clients:
        client.join()
    assert len(found) == 16
    assert {status for status, _ in found} <= {200, 422, 503}
    assert (503, "The server is stopping; try again in a moment") in found
    assert server.stderr is not None
    assert b"Traceback" not in server.stderr.read()


@pytest.mark.needs_tex
def test_the_tex_process_of_a_disconnected_client_is_killed(url: str) -> None:
    server, port = _RUNNING[url], int(url.rpartition(":")[2])
    body = json.dumps({"latex": NESTED}).encode()
    head = "POST /render HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            _wait_until(lambda: _tex_of(server))
        gone = time.monotonic()
        _wait_until(lambda: not _tex_of(server))
        assert time.monotonic() - gone < 1.5, "less than the formula may take"
        assert httpx2.post(f"{url}/render", json={"latex": "x"}, timeout=60).status_code == 200


@pytest.mark.needs_tex
def test_folders_of_a_killed_server_are_removed_at_the_next_start(port: int) -> None:
    first = _started(port)
    left = _scratch_folders(first)
    assert left
    first.kill()
    first.communicate()
    second = _started(port)
    assert not any(folder.exists() for folder in left)
    own = _scratch_folders(second)
    assert own
    second.terminate()
    second.communicate()
    assert not any(folder.exists() for folder in own)


@pytest.mark.needs_tex
def test_other_hosts_are_rejected(server: subprocess.Popen[bytes], port: int) -> None:
    for host, status in (("evil.example:8000", 421), (f"localhost:{port}", 200)):
        answer = httpx2.post(f"http://127.0.0.1:{port}/render", json={"latex": "x"}, headers={"host": host}, timeout=60)
        assert answer.status_code == status


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::"])
def test_without_a_sandbox_it_listens_on_loopback_only(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "support", lambda: sandbox.Support(0, seccomp=True, bubblewrap=None))
    with pytest.raises(UsageError, match=f"--host {host}: TeX .* without a sandbox.* --allow-unsandboxed"):
        open_socket(host, 0)
    open_socket("127.0.0.1", 0).close()
    open_socket("localhost", 0).close()
    open_socket("0.0.0.0", 0, allow_unsandboxed=True).close()
    monkeypatch.setattr(sandbox, "support", lambda: sandbox.Support(1, seccomp=True, bubblewrap=None))
    open_socket("0.0.0.0", 0).close()


@pytest.mark.needs_tex
def test_malicious_formulas_are_rejected(url: str) -> None:
    url += "/render"
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


def test_an_unusable_address_is_a_usage_error() -> None:
    with open_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1, port {port}: address already in use; use another"):
            open_socket("127.0.0.1", port)
    with pytest.raises(UsageError, match=r"203\.0\.113\.1, port 0: .*; use another"):
        open_socket("203.0.113.1", 0)  # of the block for documentation
