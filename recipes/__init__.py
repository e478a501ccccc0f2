"""Whole runs at size on machines that have little: what they need is packed on one machine and unpacked on another."""

import im2latex.training  # noqa: F401  before torch: it settles how threads wait
