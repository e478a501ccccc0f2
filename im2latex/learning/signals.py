"""Signals to a training run: each asks for something after the step that is being done.

SIGINT   validate, save, go on     (what Ctrl-C sends; DVC ignores it while a stage runs)
SIGUSR1  save, stop
SIGTERM  validate, save, stop

The same signal again, before it is acted upon, takes it back.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType


class Request(IntEnum):
    """What is to be done after a step; of several, the greatest is."""

    NOTHING = 0
    VALIDATE = 1
    STOP = 2
    VALIDATE_AND_STOP = 3

    @property
    def signal(self) -> str:
        """The name of the signal that asks for it."""
        return next(number.name for number, request in REQUESTS.items() if request is self)


REQUESTS = {
    signal.SIGINT: Request.VALIDATE,
    signal.SIGUSR1: Request.STOP,
    signal.SIGTERM: Request.VALIDATE_AND_STOP,
}

PLANS = {
    Request.VALIDATE: "validates and saves after this step, and goes on; to stop: kill -TERM {pid}",
    Request.STOP: "saves and stops after this step",
    Request.VALIDATE_AND_STOP: "validates, saves and stops after this step; without validating: kill -USR1 {pid}",
}


class Requests:
    """The requests that stand."""

    def __init__(self, aloud: bool) -> None:
        self._standing: set[Request] = set()
        self._aloud = aloud

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal: remember what it asks for, or forget it where that stands already; and say so."""
        name = signal.Signals(number)
        request = REQUESTS[name]
        self._standing ^= {request}
        if self._aloud:
            plan = PLANS[request].format(pid=os.getpid()) if request in self._standing else "taken back"
            os.write(2, f"{name.name}: {plan}\n".encode())  # print could be in the middle of a line of its own

    def take(self) -> Request:
        """The greatest request that stands; afterwards none does."""
        taken = max(self._standing, default=Request.NOTHING)
        self._standing.clear()
        return taken


@contextmanager
def signal_requests(aloud: bool = True) -> Iterator[Requests]:
    """Within, the three signals only leave requests; only for the main thread. `aloud` answers each on stderr."""
    requests = Requests(aloud)
    before = {number: signal.signal(number, requests.note) for number in REQUESTS}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
