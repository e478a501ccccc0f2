"""Limits of the server and admission control: requests in progress, in total and per client, and their rate.

A client is the address of its connection; the addresses of an IPv6 network of 64 bits are one client. A request counts
as in progress once its body is complete, so that slow senders block nobody; incomplete bodies are limited in bytes.
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
_MAX_CLIENTS = 4096
_IPV6_NETWORK_BITS = 64


class ServerLimits(Params):
    """Limits of requests and connections."""

    max_body_mb: float = Field(default=10, gt=0, description="size of a request's body")
    max_pixels: int = Field(
        default=25_000_000, ge=1, description="pixels of an image; photos of phones have 12 million"
    )
    max_requests: int = Field(default=64, ge=1, description="requests in progress; more are rejected")
    max_requests_per_client: int = Field(default=32, ge=1, description="the same for one client address")
    max_rate: float = Field(default=300, gt=0, description="requests per second of one client")
    max_connections: int = Field(default=512, ge=1, description="open connections; beyond, idle ones are closed")
    timeout_seconds: float = Field(default=20, gt=0, description="time to respond, from the end of the request's body")
    body_timeout_seconds: float = Field(default=15, gt=0, description="time to receive a request's body")
    header_timeout_seconds: float = Field(default=10, gt=0, description="time to receive a request's headers")


class RejectedError(Exception):
    """The request is not admitted, or ended early: HTTP status and a message for the client."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)


@dataclass(eq=False)
class ActiveRequest:
    """One request that is being received or in progress; `timer` ends that phase."""

    client: str
    timer: asyncio.Timeout | None = None
    bytes_received: int = 0
    rejection: RejectedError | None = None
    """Why the phase was ended before its timeout."""

    def end(self, rejection: RejectedError, seconds: float = 0) -> None:
        """End the phase after at most so many seconds."""
        when = asyncio.get_running_loop().time() + seconds
        if self.timer is not None and not self.timer.expired() and when < (self.timer.when() or when + 1):
            self.rejection = rejection
            self.timer.reschedule(when)


class AdmissionController:
    """The active requests of one server, and whether it admits another."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._receiving: dict[ActiveRequest, None] = {}
        self._in_progress: dict[ActiveRequest, None] = {}
        self._next_at: dict[str, float] = {}
        self._stopping: RejectedError | None = None

    def check_rate(self, client: str) -> None:
        """Count one request; raises `RejectedError` where the client exceeds its rate."""
        now = time.monotonic()
        next_at = max(now, self._next_at.get(client, now))
        if next_at - now > 1:  # bursts of one second's requests are allowed
            raise RejectedError(429, f"More than {self._limits.max_rate:g} requests per second; send them slower")
        if len(self._next_at) >= _MAX_CLIENTS:
            self._next_at = {other: when for other, when in self._next_at.items() if when > now}
        self._next_at[client] = next_at + 1 / self._limits.max_rate

    @contextmanager
    def receiving(self, client: str) -> Iterator[ActiveRequest]:
        """Register a request whose body is being received; raises `RejectedError` while the server stops."""
        if self._stopping is not None:
            raise self._stopping
        request = ActiveRequest(client)
        self._receiving[request] = None
        try:
            yield request
        finally:
            self._receiving.pop(request, None)

    def count_bytes(self, request: ActiveRequest, size: int) -> None:
        """Count bytes of a body; where all bodies are too large, end the oldest of the client with most bytes."""
        request.bytes_received += size
        per_client: Counter[str] = Counter()
        for one in self._receiving:
            per_client[one.client] += one.bytes_received
        if per_client.total() > self._limits.max_requests * self._limits.max_body_mb * MB:
            slow = max(self._receiving, key=lambda one: per_client[one.client])
            slow.end(RejectedError(408, "The request was incomplete when others needed its memory; send it faster"))
            del self._receiving[slow]

    @contextmanager
    def in_progress(self, client: str) -> Iterator[ActiveRequest]:
        """Register a request whose response is being computed; raises `RejectedError` where there are too many."""
        own = sum(request.client == client for request in self._in_progress)
        if self._stopping is not None:
            raise self._stopping
        if own >= self._limits.max_requests_per_client:
            raise RejectedError(429, f"{own} of your requests are in progress; wait for their responses")
        if len(self._in_progress) >= self._limits.max_requests:
            raise RejectedError(503, f"{len(self._in_progress)} requests are in progress; try again in a moment")
        request = ActiveRequest(client)
        self._in_progress[request] = None
        try:
            yield request
        finally:
            del self._in_progress[request]

    def stop(self, seconds: float) -> None:
        """Admit no more requests; end those in progress after so many seconds, and those being received now."""
        self._stopping = RejectedError(503, "The server is stopping; try again in a moment")
        for request in self._receiving:
            request.end(self._stopping)
        for request in self._in_progress:
            request.end(self._stopping, seconds)


def client_of(scope: Scope) -> str:
    """The client that a request counts for: its address, or the network of an IPv6 address."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))
    return str(address)
