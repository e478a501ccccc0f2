"""Signals to a training run: each asks for something after the step that is being done.

SIGINT   validate, save, go on     (what Ctrl-C sends; DVC ignores it while a stage runs)
SIGUSR1  save, stop
SIGTERM  save, validate, stop
SIGHUP   save, stop                (the terminal has gone; ignored where `nohup` or a scheduler has it ignored)

SIGINT again, before it is acted upon, takes it back. A request to stop is never taken back: `timeout` and schedulers
send SIGTERM to a process and then to its group, which is the same request twice.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from types import FrameType


class Request(IntEnum):
    """What is to be done after a step; of several, the greatest is."""

    NOTHING = 0
    SAVE = 1
    VALIDATE = 2
    HANG_UP = 3
    STOP = 4
    VALIDATE_AND_STOP = 5

    @property
    def signal(self) -> str:
        """The name of the signal that asks for it."""
        return next(number.name for number, request in REQUESTS.items() if request is self)

    @property
    def validates(self) -> bool:
        """Whether scores are asked for."""
        return self in (Request.VALIDATE, Request.VALIDATE_AND_STOP)

    @property
    def stops(self) -> bool:
        """Whether the run is to end."""
        return self in (Request.HANG_UP, Request.STOP, Request.VALIDATE_AND_STOP)


REQUESTS = {
    signal.SIGINT: Request.VALIDATE,
    signal.SIGHUP: Request.HANG_UP,
    signal.SIGUSR1: Request.STOP,
    signal.SIGTERM: Request.VALIDATE_AND_STOP,
}

PLANS = {
    Request.VALIDATE: "saves and validates after this step, and goes on; to stop: kill -TERM {pid}",
    Request.HANG_UP: "saves and stops after this step",
    Request.STOP: "saves and stops after this step",
    Request.VALIDATE_AND_STOP: "saves, validates and stops after this step; without validating: kill -USR1 {pid}",
}


def commands() -> str:
    """How this process is asked to stop, and for what else, as commands to copy."""
    pid = os.getpid()
    return (
        f"process {pid}; to save, validate and stop: kill -TERM {pid}; to save and stop: kill -USR1 {pid}; "
        f"to save, validate and go on: kill -INT {pid}"
    )


class Requests:
    """The requests that stand."""

    def __init__(self, aloud: bool) -> None:
        self._standing: set[Request] = set()
        self._aloud = aloud

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal: remember what it asks for; a second SIGINT withdraws the first."""
        name = signal.Signals(number)
        request = REQUESTS[name]
        if request is Request.VALIDATE and request in self._standing:
            self._standing.remove(request)
            plan = "taken back"
        else:
            self._standing.add(request)
            plan = PLANS[request].format(pid=os.getpid())
        if self._aloud:
            with suppress(OSError):  # the terminal may have gone
                os.write(2, f"{name.name}: {plan}\n".encode())  # print could be in the middle of a line of its own

    @property
    def stop(self) -> bool:
        """Whether a request to stop stands, which is left standing."""
        return any(request.stops for request in self._standing)

    def take(self) -> Request:
        """The greatest request that stands; afterwards none does."""
        taken = max(self._standing, default=Request.NOTHING)
        self._standing.clear()
        return taken


@contextmanager
def signal_requests(aloud: bool = True) -> Iterator[Requests]:
    """Within, the signals only leave requests; only for the main thread. `aloud` answers each on stderr."""
    requests = Requests(aloud)
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    numbers = [number for number in REQUESTS if not (number is signal.SIGHUP and ignored)]
    before = {number: signal.signal(number, requests.note) for number in numbers}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
