r"""The limits by client, over a real socket: one client is slow or greedy, and another is answered."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from im2latex.serving.app import create_app
from im2latex.serving.backend import Backend
from im2latex.serving.limits import AdmissionController, RejectedError, ServerLimits, client_of
from tests.fakes import FakeRenderer
from tests.serving import images
from tests.serving.conftest import listening
from tests.serving.fakes import FakePredictor
from tests.serving.test_limits import answer_of, post, read_one

IMAGE = images.encoded(images.ink())
LIMITS = ServerLimits(
    max_requests=6,
    max_requests_per_client=2,
    max_connections=12,
    timeout_seconds=20,
    body_timeout_seconds=20,
    header_timeout_seconds=20,
)


@pytest.fixture
def port(predictor: FakePredictor) -> Iterator[int]:
    with listening(create_app(Backend(predictor, FakeRenderer()), LIMITS), LIMITS) as port:
        yield port


def _connect(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A connection from an address of this machine's loopback."""
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(address, 0))


def test_requests_in_progress_of_one_client_are_limited(port: int, predictor: FakePredictor) -> None:
    predictor.may_go.clear()
    held = [_connect(port) for _ in range(2)]
    for client in held:
        client.sendall(post(len(IMAGE)) + IMAGE)
    time.sleep(0.2)
    status, head, error = read_one(port)
    assert (status, error) == (429, "2 of your requests are in progress; wait for their responses")
    assert "retry-after: 1" in head
    other = _connect(port, "127.0.0.2")
    other.sendall(post(len(IMAGE)) + IMAGE)
    predictor.may_go.set()
    for client in (*held, other):
        assert answer_of(client)[0] == 200
        client.close()


def test_the_rate_of_one_client_is_limited(predictor: FakePredictor) -> None:
    limits = LIMITS.model_copy(update={"max_rate": 1})
    with listening(create_app(Backend(predictor, FakeRenderer()), limits), limits) as port:
        found = []
        for number in range(12):
            with _connect(port) as client:  # a forwarded address is not believed
                client.sendall(post(len(IMAGE), f"x-forwarded-for: 192.0.2.{number}\r\n") + IMAGE)
                found.append(answer_of(client)[0])
        assert found[0] == 200
        assert set(found) == {200, 429}
        with _connect(port, "127.0.0.2") as other:
            other.sendall(post(len(IMAGE)) + IMAGE)
            assert answer_of(other)[0] == 200


def test_slow_bodies_do_not_block_other_clients(port: int) -> None:
    slow = [_connect(port) for _ in range(10)]  # more than may be at work at once
    for client in slow:
        client.sendall(post() + b"1\r\nx\r\n")
    assert read_one(port)[0] == 200
    for client in slow:
        client.close()


@pytest.mark.parametrize("begun", [b"", b"POST /pre", post() + b"1\r\nx\r\n"])
def test_idle_connections_are_closed_for_new_ones(port: int, begun: bytes) -> None:
    held = []
    for _ in range(30):
        held.append(_connect(port))
        held[-1].sendall(begun)
    assert read_one(port)[0] == 200
    for client in held:
        client.close()


def test_incomplete_bodies_are_limited_together() -> None:
    async def scene() -> list[object]:
        admission = AdmissionController(ServerLimits(max_requests=2, max_body_mb=1))
        release = asyncio.Event()

        async def send(client: str, size: int) -> str:
            with admission.receiving(client) as ticket:
                async with asyncio.timeout(20) as ticket.timer:
                    admission.count_bytes(ticket, size)
                    await release.wait()
            return client

        sizes = [("greedy", 1 << 20), ("greedy", 1 << 20), ("other", 1 << 10)]
        tasks = [asyncio.create_task(send(*one)) for one in sizes]
        await asyncio.wait(tasks[:1], timeout=10)
        release.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(scene())
    assert isinstance(first, TimeoutError)
    assert others == ["greedy", "other"]


def test_client_of_an_address() -> None:
    assert client_of({"client": ("192.0.2.1", 80)}) != client_of({"client": ("192.0.2.2", 80)})
    assert client_of({"client": ("2001:db8::1", 80)}) == client_of({"client": ("2001:db8::2", 80)})
    assert client_of({"client": ("2001:db8::1", 80)}) != client_of({"client": ("2001:db8:0:1::1", 80)})
    assert client_of({"client": None}) == ""


def test_the_table_of_rates_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    admission = AdmissionController(ServerLimits(max_rate=2))
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    for number in range(10_000):
        clock[0] += 1
        admission.check_rate(str(number))
    assert len(admission._next_at) < 5000
    for _ in range(3):
        admission.check_rate("fast")
    with pytest.raises(RejectedError, match="More than 2 requests per second"):
        admission.check_rate("fast")
    clock[0] += 1
    admission.check_rate("fast")
