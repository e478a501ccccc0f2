"""Parallel work: worker processes, the part cache, the process guard, cancellation."""
