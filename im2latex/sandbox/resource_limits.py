"""Resource limits of child processes (setrlimit(2)): CPU time, address space, file size; and their nice value."""

import contextlib
import math
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from im2latex.config import Params
from im2latex.parallel.parent_death_signal import exit_with_parent

_BACKGROUND_NICE = 19


class ProcessLimits(Params):
    """Limits of one run of TeX or of a rasterizer."""

    timeout_seconds: float = Field(
        default=3, gt=0, description="CPU time for a formula set alone; above one, whole seconds"
    )
    memory_mb: int = Field(default=2048, ge=256, description="address space")
    file_mb: int = Field(default=128, ge=8, description="size of a file it writes, of its output too")


def limit_setter(cpu_seconds: float, memory_bytes: int, file_bytes: int, background: bool) -> Callable[[], None]:
    """The function that a child calls between fork and exec to limit itself and to end with its parent.

    All that is slow, or unsafe between fork and exec, is done here.
    """
    bind_to_parent = exit_with_parent(os.getpid())
    whole_seconds = math.ceil(cpu_seconds)
    limits = [
        (resource.RLIMIT_CPU, whole_seconds, whole_seconds + 1),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ]
    # An ordinary user can only lower a hard limit.
    limits = [(what, *_within(resource.getrlimit(what)[1], soft, hard)) for what, soft, hard in limits]

    def set_limits() -> None:
        bind_to_parent()
        for what, soft, hard in limits:
            resource.setrlimit(what, (soft, hard))
        if cpu_seconds < whole_seconds:
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        if background:
            os.nice(_BACKGROUND_NICE)
            # Where each session is scheduled as a group (sched(7), autogroup), the group's nice value counts.
            with contextlib.suppress(OSError):
                Path("/proc/self/autogroup").write_text(str(_BACKGROUND_NICE))

    return set_limits


def killed_at_cpu_limit(cpu_seconds: float) -> bool:
    """Whether the kernel sends SIGKILL rather than SIGXCPU to a child that uses up `cpu_seconds`.

    It does where the hard limit in force is as low.
    """
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    return hard != resource.RLIM_INFINITY and hard <= cpu_seconds


def _within(ceiling: int, soft: int, hard: int) -> tuple[int, int]:
    """The limits, lowered to the hard limit in force."""
    if ceiling == resource.RLIM_INFINITY:
        return soft, hard
    return min(soft, ceiling), min(hard, ceiling)
