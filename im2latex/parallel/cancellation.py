"""Cancellation of a call in a thread, from outside of it.

The call is made in `Cancellation.active()`. Inside it, long computations call `check` from time to time, and
code that waits for a file descriptor calls `ready`; both raise `CallCancelledError` once it is cancelled. A call
without a `Cancellation` runs to its end.
"""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class CallCancelledError(Exception):
    """Nobody waits for the result any more."""


class Cancellation:
    """Cancels one call; a pipe wakes the call where it waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe: tuple[int, int] | None = None
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make this the cancellation of the calls inside; in one thread, once."""
        with self._lock:
            self._pipe = os.pipe()
            if self._cancelled:
                os.write(self._pipe[1], b"x")
        before = _current.set(self)
        try:
            yield
        finally:
            _current.reset(before)
            with self._lock:
                for descriptor in self._pipe:
                    os.close(descriptor)
                self._pipe = None

    def cancel(self) -> None:
        """Have the call raise `CallCancelledError` as soon as it waits or checks; from any thread, at any time."""
        with self._lock:
            before, self._cancelled = self._cancelled, True  # first: who is woken by the pipe looks at it
            if self._pipe is not None and not before:
                os.write(self._pipe[1], b"x")

    def watch(self, poll: "select.poll") -> None:
        """Have `poll` return when this is cancelled."""
        if self._pipe is not None:
            poll.register(self._pipe[0], select.POLLIN)


_current: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


def check() -> None:
    """Raise `CallCancelledError` if the current call is cancelled."""
    current = _current.get()
    if current is not None and current.cancelled:
        raise CallCancelledError


def ready(descriptor: int, event: int, seconds: float) -> bool:
    """Wait for an event of `select.poll` for so many seconds; whether it came.

    Raises `CallCancelledError` where it had to wait and the current call is cancelled.
    """
    poll = select.poll()
    poll.register(descriptor, event)
    if poll.poll(0):
        return True
    if seconds <= 0:
        return False
    current = _current.get()
    if current is not None:
        current.watch(poll)
    events = poll.poll(1000 * seconds)
    check()
    return bool(events)
