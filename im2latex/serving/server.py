"""Run the application until a signal asks it to stop: finish what runs, take nothing new, leave no process behind."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from im2latex.serving.connections import impatient
from im2latex.serving.limits import Limits

STOP_SECONDS = 5
"""Time for requests that run when the server is asked to stop."""
_IDLE_SECONDS = 5
_CONNECTIONS_PER_REQUEST = 8  # pages keep connections open, and slow clients hold some


def run(app: FastAPI, limits: Limits, host: str, port: int, quiet: bool) -> None:
    """Serve until SIGINT or SIGTERM; a second SIGINT ends at once."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=impatient(limits.header_seconds),
        ws="none",
        lifespan="on",
        log_level="warning" if quiet else "info",
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS_PER_REQUEST * limits.requests,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    with _own_signals():
        uvicorn.Server(config).run()


@contextmanager
def _own_signals() -> Iterator[None]:
    """uvicorn stops in good order and then raises the signal once more: here it does nothing, so that we exit 0."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
