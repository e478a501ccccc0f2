"""Run the application until a signal asks it to stop, and end within `STOP_SECONDS` whatever the clients do.

Requests at work get `_GRACE_SECONDS` to finish; then they are answered 503 and their work is cancelled. No process and
no folder is left behind.
"""

import asyncio
import ipaddress
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from im2latex.errors import UsageError
from im2latex.sandbox import restrictions, scratch
from im2latex.serving.header_timeout import impatient
from im2latex.serving.hosts import AllowedHosts, HostCheck
from im2latex.serving.limits import Admission, Limits

STOP_SECONDS = 5
"""Time from the signal to the end of the process."""
_GRACE_SECONDS = 2
_LATECOMER_SECONDS = 0.2
"""Time in which requests that are already on their way are answered too."""
_IDLE_SECONDS = 5


def listener(host: str, port: int, *, unsandboxed: bool = False) -> socket.socket:
    """A socket that listens there, on a free port for 0; raises `UsageError`.

    It is opened before anything is loaded, so that a port in use is known at once. Where formulas cannot be drawn in a
    sandbox, only `unsandboxed` listens beyond loopback.
    """
    try:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        loopback = all(ipaddress.ip_address(address).is_loopback for address in addresses)
        if not (loopback or unsandboxed or restrictions.support().complete):
            raise UsageError(
                f"--host {host}: {restrictions.UNRESTRICTED}; {restrictions.REMEDY}; or add --allow-unsandboxed where "
                "all clients are trusted"
            )
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0].lower()
        raise UsageError(f"{host}, port {port}: {why}; give another --host or --port") from None


def configuration(
    app: FastAPI, limits: Limits, hosts: AllowedHosts, trusted_proxies: Sequence[str] = ()
) -> uvicorn.Config:
    """How uvicorn serves the application; `X-Forwarded-For` is believed from `trusted_proxies` only."""
    return uvicorn.Config(
        HostCheck(app, hosts),
        http=impatient(limits.header_seconds, limits.connections),
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
    app: FastAPI, limits: Limits, listening: socket.socket, hosts: AllowedHosts, trusted_proxies: Sequence[str] = ()
) -> None:
    """Serve until SIGINT or SIGTERM; a second SIGINT ends at once."""
    with _own_signals():
        Server(configuration(app, limits, hosts, trusted_proxies), app.state.admission).run([listening])


class Server(uvicorn.Server):
    """uvicorn's server, which ends requests that do not end by themselves, and the process in any case."""

    def __init__(self, config: uvicorn.Config, admission: Admission) -> None:
        super().__init__(config)
        self._admission = admission

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, and end the process in time in any case."""
        if not self.should_exit:
            # A thread that is stuck in a library would keep the interpreter from ending.
            last = threading.Timer(STOP_SECONDS - 0.5, leave)
            last.daemon = True
            last.start()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer all requests, close all connections, end the application."""
        self._admission.stop(_GRACE_SECONDS)
        await asyncio.sleep(_LATECOMER_SECONDS)
        # By then all are answered; who does not read the answer keeps the connection open.
        asyncio.get_running_loop().call_later(_GRACE_SECONDS + 0.5, self._abort)
        await super().shutdown(sockets)

    def _abort(self) -> None:
        for connection in [*self.server_state.connections]:
            connection.transport.abort()


def leave() -> None:
    """End the process at once and with success: to take the interpreter apart takes seconds where torch is loaded."""
    scratch.remove_own()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


@contextmanager
def _own_signals() -> Iterator[None]:
    """uvicorn stops in good order and then raises the signal once more: here it does nothing, so that we exit 0."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
