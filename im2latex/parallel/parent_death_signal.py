"""Parent-death signal: worker and child processes exit with the process that started them, however that ends.

Linux sends them SIGKILL (prctl, PR_SET_PDEATHSIG); other systems have nothing like it.
"""

import ctypes
import os
import signal
from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def exit_with_parent(parent: int) -> Callable[[], None]:
    """A function for the child of the process `parent` to call, as `preexec_fn`; it does nothing outside of Linux.

    All that is slow, or unsafe between fork and exec, is done here.
    """
    prctl = _prctl()

    def bind() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it ended before the line above
                os._exit(1)

    return bind


class _InWorker:
    """A function that binds the worker it is called in to this process, and uses the folder of this process."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self._parent = os.getpid()
        self._folder = os.getcwd()  # noqa: PTH109 cheaper, for every task

    def __call__(self, *arguments: object) -> object:
        if os.getpid() != self._parent:
            exit_with_parent(self._parent)()
            os.chdir(self._folder)  # a worker that is reused may have been started in another
        return self._function(*arguments)


def delayed(function: Callable[P, R]) -> Callable[P, object]:
    """As `joblib.delayed`; the worker that runs it exits with this process."""
    import joblib  # slow, and not needed for a child that is no worker

    wrapped: Callable[P, object] = joblib.delayed(_InWorker(function))
    return wrapped


@cache
def _prctl() -> Callable[..., int] | None:
    """The C function; None where the system has none."""
    function = getattr(ctypes.CDLL(None), "prctl", None)
    return function if callable(function) else None
