"""Processor seconds: on a machine that others use, more telling than the clock."""

import psutil


def processor_seconds() -> float:
    """Of this process and of all that it started, those that have ended included."""
    us = psutil.Process()
    return float(sum(sum(one.cpu_times()[:4]) for one in [us, *us.children(recursive=True)]))
