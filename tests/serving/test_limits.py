import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from im2latex.serving.app import create_app
from im2latex.serving.backend import Backend
from im2latex.serving.limits import ServerLimits
from tests.fakes import FakeRenderer
from tests.serving import images
from tests.serving.conftest import listening
from tests.serving.fakes import FakePredictor

IMAGE = images.encoded(images.ink())
TIGHT = ServerLimits(
    max_body_mb=0.1, max_requests=2, timeout_seconds=2, body_timeout_seconds=0.5, header_timeout_seconds=0.4
)


def _app(predictor: FakePredictor) -> FastAPI:
    return create_app(Backend(predictor, FakeRenderer()), TIGHT)


@pytest.fixture
def port(predictor: FakePredictor) -> Iterator[int]:
    with listening(_app(predictor), TIGHT) as port:
        yield port


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        yield client


def answer_of(client: socket.socket) -> tuple[int, str, str]:
    """Status, headers and the error of the answer; all until the server closes or has said all."""
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
        part = client.recv(65536)
        if not part:
            break
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), json.loads(body).get("error", "")


def _length(data: bytes) -> int:
    head = data.partition(b"\r\n\r\n")[0].lower()
    return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)


def post(length: int | None = None, more: str = "") -> bytes:
    framing = f"content-length: {length}" if length is not None else "transfer-encoding: chunked"
    return f"POST /predict HTTP/1.1\r\nhost: x\r\n{framing}\r\n{more}\r\n".encode()


def read_one(port: int) -> tuple[int, str, str]:
    with _connected(port) as client:
        client.sendall(post(len(IMAGE)) + IMAGE)
        return answer_of(client)


def test_received_bytes_are_counted(port: int) -> None:
    with _connected(port) as client:  # no length is declared, and more comes than may
        client.sendall(post())
        for _ in range(40):
            client.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")
        client.sendall(b"0\r\n\r\n")
        status, _, error = answer_of(client)
    assert (status, error) == (413, "The request is larger than 0.1 MB; send a smaller image")
    assert read_one(port)[0] == 200


def test_a_huge_form_is_discarded_and_rejected(client: TestClient) -> None:
    answer = client.post("/predict", files={"file": bytes(100 << 20)})
    assert answer.status_code == 413
    assert client.post("/predict", content=IMAGE).status_code == 200


def test_expect_100_continue_is_rejected_at_once(port: int) -> None:
    with _connected(port) as client:
        client.sendall(post(100 << 20, "expect: 100-continue\r\n"))
        assert answer_of(client)[0] == 413


def test_slow_bodies_time_out(port: int) -> None:
    with _connected(port) as client:
        client.sendall(post(len(IMAGE)) + IMAGE[:20])
        status, _, error = answer_of(client)
    assert (status, error) == (408, "The request was incomplete after 0.5 s; send it faster")
    assert read_one(port)[0] == 200


@pytest.mark.parametrize("earlier", [False, True])
def test_slow_headers_time_out(port: int, earlier: bool) -> None:
    with _connected(port) as client:
        if earlier:
            client.sendall(post(len(IMAGE)) + IMAGE)
            assert answer_of(client)[0] == 200
        began = time.monotonic()
        for letter in "POST /pr":
            client.sendall(letter.encode())
            time.sleep(0.02)
        status, _, error = answer_of(client)
        assert (status, error) == (408, "The headers of the request took longer than 0.4 s; send them faster")
        assert 0.3 < time.monotonic() - began < 5
        assert client.recv(10) == b""


def test_slow_responses_time_out(port: int, predictor: FakePredictor) -> None:
    predictor.may_go.clear()
    status, head, error = read_one(port)
    predictor.may_go.set()
    assert (status, error) == (503, "The request took longer than 2 s; try again, or send a smaller image or formula")
    assert "retry-after: 1" in head


def test_requests_beyond_the_limit_are_rejected_and_can_retry(port: int, predictor: FakePredictor) -> None:
    predictor.may_go.clear()
    found: list[int] = []
    others = [threading.Thread(target=lambda: found.append(read_one(port)[0])) for _ in range(2)]
    for other in others:
        other.start()
    time.sleep(0.2)
    status, head, error = read_one(port)
    predictor.may_go.set()
    for other in others:
        other.join()
    assert (status, error) == (503, "2 requests are in progress; try again in a moment")
    assert "retry-after: 1" in head
    assert found == [200, 200]
    assert read_one(port)[0] == 200


def test_the_request_of_a_disconnected_client_is_not_computed(port: int, predictor: FakePredictor) -> None:
    predictor.batches.clear()
    predictor.may_go.clear()
    with _connected(port) as first:
        first.sendall(post(len(IMAGE)) + IMAGE)
        time.sleep(1)  # its image is decoded and it is at work now, and the next waits
        with _connected(port) as second:
            second.sendall(post(len(IMAGE)) + IMAGE)
            time.sleep(0.1)
        time.sleep(0.1)
        predictor.may_go.set()
        assert answer_of(first)[0] == 200
    assert read_one(port)[0] == 200
    assert predictor.batches == [1, 1]


def test_every_response_has_the_security_headers(client: TestClient) -> None:
    for answer in (client.get("/"), client.get("/nothing"), client.post("/predict"), client.get("/healthz")):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_lifespan_messages_pass_through(predictor: FakePredictor) -> None:
    async def scene() -> list[str]:
        given = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        sent: list[str] = []

        async def receive() -> dict[str, str]:
            return next(given)

        async def send(message: dict[str, object]) -> None:
            sent.append(str(message["type"]))

        await _app(predictor)({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)  # type: ignore[arg-type]
        return sent

    assert asyncio.run(scene()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
