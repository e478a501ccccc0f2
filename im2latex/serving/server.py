"""Run the application until a signal asks it to stop: finish what runs, take nothing new, leave no process behind."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from im2latex.errors import UsageError
from im2latex.serving.connections import impatient
from im2latex.serving.limits import Limits

STOP_SECONDS = 5
"""Time for requests that run when the server is asked to stop."""
_IDLE_SECONDS = 5
_CONNECTIONS_PER_REQUEST = 8  # pages keep connections open, and slow clients hold some


def listener(host: str, port: int) -> socket.socket:
    """A socket that listens there, on a free port for 0; raises `UsageError`.

    It is opened before anything is loaded, so that a port in use is known at once.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0].lower()
        raise UsageError(f"{host}, port {port}: {why}; give another --host or --port") from None


def run(app: FastAPI, limits: Limits, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; a second SIGINT ends at once."""
    config = uvicorn.Config(
        app,
        http=impatient(limits.header_seconds),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS_PER_REQUEST * limits.requests,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    with _own_signals():
        uvicorn.Server(config).run([listening])


@contextmanager
def _own_signals() -> Iterator[None]:
    """uvicorn stops in good order and then raises the signal once more: here it does nothing, so that we exit 0."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
