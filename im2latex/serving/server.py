"""The server process: configuration of uvicorn, signals, and shutdown within `STOP_SECONDS` whatever the clients do.

Requests in progress have `_GRACE_SECONDS` to finish; then they get status 503 and their work is cancelled. No process
and no temporary folder remains.

The time limit for the headers of a request and the limit of open connections are ours, because uvicorn has no setting
for either: `timeout_keep_alive` bounds the pause between two requests only, and `limit_concurrency` rejects every
client while idle connections of one client fill it. A reverse proxy can do both (nginx: `client_header_timeout`,
`limit_conn`); the server also withstands slow headers and idle connections without. The limits of the middleware apply
once the headers are complete.
"""

import asyncio
import ipaddress
import json
import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from im2latex.errors import UsageError
from im2latex.sandbox import sandbox, scratch
from im2latex.serving.limits import AdmissionController, ServerLimits
from im2latex.serving.middleware import AllowedHostMiddleware, AllowedHosts

STOP_SECONDS = 5
"""Time from the signal to the end of the process."""
_GRACE_SECONDS = 2
_DRAIN_SECONDS = 0.2
"""Time in which requests that are already in the socket are accepted too."""
_IDLE_SECONDS = 5


def open_socket(host: str, port: int, *, allow_unsandboxed: bool = False) -> socket.socket:
    """A listening socket; port 0 is any free port.

    Opened before anything is loaded, so that a port in use is reported at once. Raises `UsageError` where the address
    cannot be used, or where it is beyond loopback but formulas cannot be rendered in a sandbox; `allow_unsandboxed`
    permits the latter.
    """
    try:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        loopback = all(ipaddress.ip_address(address).is_loopback for address in addresses)
        if not (loopback or allow_unsandboxed or sandbox.support().complete):
            raise UsageError(
                f"--host {host}: {sandbox.UNRESTRICTED}; {sandbox.REMEDY}; or add --allow-unsandboxed if "
                "all clients are trusted"
            )
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0].lower()
        raise UsageError(f"{host}, port {port}: {reason}; use another --host or --port") from None


def server_config(
    app: FastAPI, limits: ServerLimits, hosts: AllowedHosts, trusted_proxies: Sequence[str] = ()
) -> uvicorn.Config:
    """The configuration of uvicorn; `X-Forwarded-For` is used from `trusted_proxies` only."""
    return uvicorn.Config(
        AllowedHostMiddleware(app, hosts),
        http=http_protocol(limits.header_timeout_seconds, limits.max_connections),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=[*trusted_proxies],
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS + 1,
    )


def run(
    app: FastAPI,
    limits: ServerLimits,
    listener: socket.socket,
    hosts: AllowedHosts,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve until SIGINT or SIGTERM; a second SIGINT ends at once."""
    with _ignore_repeated_signals():
        Server(server_config(app, limits, hosts, trusted_proxies), app.state.admission).run([listener])


class Server(uvicorn.Server):
    """uvicorn's server with a bounded shutdown: it ends open requests, and the process in any case."""

    def __init__(self, config: uvicorn.Config, admission: AdmissionController) -> None:
        super().__init__(config)
        self._admission = admission

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the shutdown, and end the process in time even if a thread hangs."""
        if not self.should_exit:
            # A thread that hangs in a library would keep the interpreter alive.
            timer = threading.Timer(STOP_SECONDS - 0.5, exit_process)
            timer.daemon = True
            timer.start()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Respond to all requests, close all connections, shut down the application."""
        self._admission.stop(_GRACE_SECONDS)
        await asyncio.sleep(_DRAIN_SECONDS)
        # By then all have a response; a client that does not read it keeps its connection open.
        asyncio.get_running_loop().call_later(_GRACE_SECONDS + 0.5, self._abort)
        await super().shutdown(sockets)

    def _abort(self) -> None:
        for connection in [*self.server_state.connections]:
            connection.transport.abort()


def exit_process() -> None:
    """End the process at once, with status 0: the interpreter's own shutdown takes seconds once torch is loaded."""
    scratch.remove_own()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


@contextmanager
def _ignore_repeated_signals() -> Iterator[None]:
    """uvicorn shuts down and then raises the signal again; ignore that, so that the exit status is 0."""
    previous = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def http_protocol(header_timeout_seconds: float, max_connections: int) -> type[H11Protocol]:
    """A protocol class for `uvicorn.Config(http=...)` that closes connections without a complete request.

    The headers must be complete within the timeout, counted from the first byte or from the connection. Beyond
    `max_connections`, a new connection closes the one that has been idle longest among those of the client with most.
    """

    class HeaderTimeoutProtocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _idle_since = 0.0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._idle_since = self.loop.time()
            self._start_timer()
            if len(self.connections) > max_connections:
                self._close_oldest_idle()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel_timer()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self._is_idle:
                self._cancel_timer()
            elif self._timer is None:
                self._start_timer()

        def on_response_complete(self) -> None:
            self._idle_since = self.loop.time()
            super().on_response_complete()

        @property
        def _is_idle(self) -> bool:
            """Whether it waits for the headers of a request."""
            return self.cycle is None or self.cycle.response_complete

        def _close_oldest_idle(self) -> None:
            connections = [
                one
                for one in self.connections
                if isinstance(one, HeaderTimeoutProtocol) and not one.transport.is_closing()
            ]
            if len(connections) > max_connections:
                idle = [one for one in connections if one._is_idle or one.cycle.more_body]
                per_client = Counter(one._address for one in idle)
                max(idle, key=lambda one: (per_client[one._address], -one._idle_since)).transport.abort()

        @property
        def _address(self) -> str:
            return self.client[0] if self.client else ""

        def _start_timer(self) -> None:
            self._timer = self.loop.call_later(header_timeout_seconds, self._on_timeout)

        def _cancel_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _on_timeout(self) -> None:
            self._timer = None
            if self.transport.is_closing() or not self._is_idle:
                return
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and self.conn.their_state is h11.IDLE:
                message = f"The headers of the request took longer than {header_timeout_seconds:g} s; send them faster"
                body = json.dumps({"error": message}).encode()
                head = f"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
                self.transport.write(head.encode() + b"\r\nconnection: close\r\n\r\n" + body)
            self.transport.close()

    return HeaderTimeoutProtocol
