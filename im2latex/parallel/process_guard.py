"""Children that end with their parent, however that ends: Linux sends them SIGKILL (prctl(2), PR_SET_PDEATHSIG)."""

import ctypes
import os
import signal
from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def follower(parent: int) -> Callable[[], None]:
    """What a child of the process `parent` calls to end with it; does nothing where the system has no such call.

    All that is slow, or unsafe between fork and exec, is done here.
    """
    prctl = _prctl()

    def follow() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it ended before the line above
                os._exit(1)

    return follow


class _Bound:
    """A function that binds the worker it is called in to the process that made this object."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self._owner = os.getpid()

    def __call__(self, *arguments: object) -> object:
        if os.getpid() != self._owner:
            follower(self._owner)()
        return self._function(*arguments)


def task(function: Callable[P, R]) -> Callable[P, object]:
    """As `joblib.delayed`; the worker that runs it ends with this process."""
    import joblib

    delayed: Callable[P, object] = joblib.delayed(_Bound(function))
    return delayed


@cache
def _prctl() -> Callable[..., int] | None:
    """The C function; None where the system has none."""
    function = getattr(ctypes.CDLL(None), "prctl", None)
    return function if callable(function) else None
