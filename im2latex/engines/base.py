"""Interface of the engines; arrays are NumPy's, whatever computes them."""

import re
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import UsageError
from im2latex.types import GridGeometry

LogProbabilities = NDArray[np.float32]
"""Natural logarithms of the probabilities of the entries of the vocabulary, (..., V)."""
Tokens = NDArray[np.int64]

Memory: TypeAlias = Any
"""Encoded images, for the engine that encoded them only."""


class DecodingState(Protocol):
    """Formulas that are decoded token by token: first one per image, afterwards those that `select` has chosen."""

    def step(self, tokens: Tokens) -> LogProbabilities:
        """Append one token (N,) to each formula; returns the log probabilities (N, V) of the next one."""

    def select(self, rows: Tokens) -> None:
        """Continue with these formulas, given by their numbers; a formula may be repeated or dropped.

        The formulas of an image follow each other, images keep their order, and all have the same number of formulas.
        """


class Engine(Protocol):
    """A trained network. Several threads may use it at once."""

    @property
    def description(self) -> str:
        """Library and device, for people."""

    @property
    def draft(self) -> "Engine | None":
        """A faster and less exact copy of the decoder, for the same memory; None where there is none."""

    def encode(self, images: NDArray[np.uint8]) -> Memory:
        """Encode images (B, H, W), 255 for background."""

    def start(self, memory: Memory) -> DecodingState:
        """The state before the first token of one formula per image; the first token is the begin token."""

    def score(self, memory: Memory, tokens: Tokens) -> LogProbabilities:
        """Log probabilities (N, T, V) for whole sequences (N, T); row t is for the token after token t.

        There are N images, or one that all sequences belong to.
        """

    def attention(self, memory: Memory, tokens: Tokens) -> NDArray[np.float32]:
        """Attention weights (N, T, P) at each token of the sequences (N, T); they sum to 1. Images as for `score`."""

    def geometry(self, height: int, width: int) -> GridGeometry:
        """The grid of an image of that size in pixels; its P positions are in column order."""


def check_device_name(name: str) -> None:
    """Raise `UsageError` for what is not a name of a device."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", name):
        raise UsageError(f"{name}: not a device; use auto, cpu, cuda or cuda:NUMBER")
