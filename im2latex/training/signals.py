"""Signals to a training run: each requests something after the present step.

SIGINT   save, validate, continue  (sent by Ctrl-C; DVC ignores it while a stage runs)
SIGUSR1  save, stop
SIGTERM  save, validate, stop
SIGHUP   save, stop                (the terminal was closed; ignored where `nohup` or a scheduler ignores it)

A signal to any process of a training reaches all of them: each acts after the same step.

A second SIGINT cancels the first, if it has not been handled. A request to stop is never cancelled: `timeout` and
schedulers send SIGTERM to a process and then to its group, which is the same request twice.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from types import FrameType


class Request(IntEnum):
    """Action after a step; of several requests, the greatest."""

    NOTHING = 0
    SAVE = 1
    VALIDATE = 2
    HANG_UP = 3
    STOP = 4
    VALIDATE_AND_STOP = 5

    @property
    def signal(self) -> str:
        """Name of the signal that requests it."""
        return next(number.name for number, request in REQUESTS.items() if request is self)

    @property
    def validates(self) -> bool:
        """Whether to validate."""
        return self in (Request.VALIDATE, Request.VALIDATE_AND_STOP)

    @property
    def stops(self) -> bool:
        """Whether to end the run."""
        return self in (Request.HANG_UP, Request.STOP, Request.VALIDATE_AND_STOP)


REQUESTS = {
    signal.SIGINT: Request.VALIDATE,
    signal.SIGHUP: Request.HANG_UP,
    signal.SIGUSR1: Request.STOP,
    signal.SIGTERM: Request.VALIDATE_AND_STOP,
}

RESPONSES = {
    Request.VALIDATE: "saves and validates after this step, and continues; to stop: kill -TERM {pid}",
    Request.HANG_UP: "saves and stops after this step",
    Request.STOP: "saves and stops after this step",
    Request.VALIDATE_AND_STOP: "saves, validates and stops after this step; without validating: kill -USR1 {pid}",
}


def commands() -> str:
    """Commands that send the signals to this process."""
    pid = os.getpid()
    return (
        f"process {pid}; to save, validate and stop: kill -TERM {pid}; to save and stop: kill -USR1 {pid}; "
        f"to save, validate and continue: kill -INT {pid}"
    )


class Requests:
    """Pending requests; `aloud` answers each on stderr."""

    def __init__(self, aloud: bool) -> None:
        self._pending: set[Request] = set()
        self._aloud = aloud

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal: add its request; a second SIGINT cancels the first."""
        name = signal.Signals(number)
        request = REQUESTS[name]
        if request is Request.VALIDATE and request in self._pending:
            self._pending.remove(request)
            response = "cancelled"
        else:
            self._pending.add(request)
            response = RESPONSES[request].format(pid=os.getpid())
        if self._aloud:
            with suppress(OSError):  # the terminal may be closed
                os.write(2, f"{name.name}: {response}\n".encode())  # print may be interrupted within a line

    @property
    def stop(self) -> bool:
        """Whether a request to stop is pending; it stays so."""
        return any(request.stops for request in self._pending)

    def pop(self) -> Request:
        """Return the greatest pending request, and clear all."""
        pending, self._pending = self._pending, set()  # at once: a signal may come between any two statements
        return max(pending, default=Request.NOTHING)


@contextmanager
def signal_requests(aloud: bool = True) -> Iterator[Requests]:
    """Handle the signals as requests within the context, in the main thread; `aloud` answers each on stderr."""
    requests = Requests(aloud)
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    numbers = [number for number in REQUESTS if not (number is signal.SIGHUP and ignored)]
    before = {number: signal.signal(number, requests.handle) for number in numbers}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
