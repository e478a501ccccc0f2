"""What requests may cost, and the admission of requests: how many in flight, how many of one client and how fast.

A client is the address of its connection; the addresses of an IPv6 network of 64 bits are one client. A request takes a
place once its body is complete, so that slow senders keep nobody out; the bodies on their way are limited in bytes.
"""

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import Field
from starlette.types import Scope

from im2latex.config import Params

MB = 1 << 20
_REMEMBERED_CLIENTS = 4096
_IPV6_NETWORK_BITS = 64


class Limits(Params):
    """What requests may cost."""

    body_mb: float = Field(default=10, gt=0, description="size of a request's body")
    pixels: int = Field(default=25_000_000, ge=1, description="pixels of an image; photos of phones have 12 million")
    requests: int = Field(default=64, ge=1, description="requests at work, above which others are refused")
    per_client: int = Field(default=32, ge=1, description="the same for one client, told by its address")
    rate: float = Field(default=300, gt=0, description="requests a second of one client")
    connections: int = Field(default=512, ge=1, description="open connections; beyond, idle ones are closed")
    seconds: float = Field(default=20, gt=0, description="time to answer a request, from the end of its body")
    body_seconds: float = Field(default=15, gt=0, description="time to send a request's body")
    header_seconds: float = Field(default=10, gt=0, description="time to send a request's headers")


class RefusedError(Exception):
    """The request is not admitted, or loses its place: HTTP status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(eq=False)
class Ticket:
    """One request in flight, whose phase ends by its timer."""

    client: str
    timer: asyncio.Timeout | None = None
    bytes_received: int = 0
    refusal: RefusedError | None = None
    """Why the phase was ended before its time."""

    def end(self, refusal: RefusedError, seconds: float = 0) -> None:
        """End the phase after at most so many seconds."""
        when = asyncio.get_running_loop().time() + seconds
        if self.timer is not None and not self.timer.expired() and when < (self.timer.when() or when + 1):
            self.refusal = refusal
            self.timer.reschedule(when)


class Admission:
    """The requests in flight of one server."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._receiving: dict[Ticket, None] = {}
        self._working: dict[Ticket, None] = {}
        self._free_at: dict[str, float] = {}
        self._stopping: RefusedError | None = None

    def count(self, client: str) -> None:
        """Count one request against the client's rate; raises `RefusedError` where it sends too many."""
        now = time.monotonic()
        free_at = max(now, self._free_at.get(client, now))
        if free_at - now > 1:  # a second's worth may come at once
            raise RefusedError(429, f"More than {self._limits.rate:g} requests a second; send them slower")
        if len(self._free_at) >= _REMEMBERED_CLIENTS:
            self._free_at = {other: when for other, when in self._free_at.items() if when > now}
        self._free_at[client] = free_at + 1 / self._limits.rate

    @contextmanager
    def receiving(self, client: str) -> Iterator[Ticket]:
        """A request whose body is on its way; raises `RefusedError` when the server stops."""
        if self._stopping is not None:
            raise self._stopping
        ticket = Ticket(client)
        self._receiving[ticket] = None
        try:
            yield ticket
        finally:
            self._receiving.pop(ticket, None)

    def received(self, ticket: Ticket, size: int) -> None:
        """Count bytes of a body; where all together are too many, the oldest of the client with the most is ended."""
        ticket.bytes_received += size
        held: Counter[str] = Counter()
        for one in self._receiving:
            held[one.client] += one.bytes_received
        if held.total() > self._limits.requests * self._limits.body_mb * MB:
            slow = max(self._receiving, key=lambda one: held[one.client])
            slow.end(RefusedError(408, "The request was not complete when others needed its memory; send it faster"))
            del self._receiving[slow]

    @contextmanager
    def working(self, client: str) -> Iterator[Ticket]:
        """A request that is worked on; raises `RefusedError` where there is no room."""
        held = sum(ticket.client == client for ticket in self._working)
        if self._stopping is not None:
            raise self._stopping
        if held >= self._limits.per_client:
            raise RefusedError(429, f"{held} requests of yours are being worked on; wait for their answers")
        if len(self._working) >= self._limits.requests:
            raise RefusedError(503, f"{len(self._working)} requests are being worked on; try again in a moment")
        ticket = Ticket(client)
        self._working[ticket] = None
        try:
            yield ticket
        finally:
            del self._working[ticket]

    def stop(self, seconds: float) -> None:
        """Admit nothing more; end the requests at work after so many seconds, and those on their way now."""
        self._stopping = RefusedError(503, "The server is being stopped; try again in a moment")
        for ticket in self._receiving:
            ticket.end(self._stopping)
        for ticket in self._working:
            ticket.end(self._stopping, seconds)


def client_of(scope: Scope) -> str:
    """The client that a request is counted for."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))
    return str(address)
