"""ONNX Runtime engine: exported networks (`engines.onnx_export`), on the CPU, without PyTorch.

reads  a folder with graphs and their weights (`engines.onnx_sessions`)
"""

import os
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from im2latex.engines.base import DecodingState, Engine, LogProbabilities, Tokens
from im2latex.engines.onnx_sessions import open_sessions
from im2latex.types import AxisGeometry, GridGeometry

_STRIDE = 8
"""Of the encoders that can be exported, in pixels."""
_ENCODED_PIXELS = 64_000
"""Pixels that are encoded at once: more take longer each, since they leave the processor's cache, and much memory."""

Values = dict[str, Any]
"""Values of ONNX Runtime by the name of the graph's input; they are not copied between runs."""


@dataclass(frozen=True, slots=True)
class _Memory:
    """Keys and values of the cross-attention of `count` images."""

    values: Values
    count: int


class OnnxEngine(Engine):
    """An exported network. With one thread per run, several runs at once use several cores."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Load the graphs; by default the `threads` of one run are OMP_NUM_THREADS, or as many as there are cores.

        Raises `ArtifactError` where a file is missing, damaged or of another checkpoint.
        """
        self._encoder, self._decoder, draft = open_sessions(folder, threads or _default_threads())
        shapes = {one.name: one.shape for one in self._decoder.get_inputs()}
        self._past = [name for name in shapes if name.startswith("past_")]
        self._heads, self._width = shapes[self._past[0]][1], shapes[self._past[0]][3]
        self._memory_names = [one.name for one in self._encoder.get_outputs()]
        self._new = [name.replace("past", "new") for name in self._past]
        self._fetches = onnxruntime.RunOptions()
        self._fetches.only_execute_path_to_fetches = True
        self._draft: OnnxEngine | None = None
        self._draft = copy(self)
        self._draft._decoder = draft

    @property
    def description(self) -> str:
        return f"ONNX Runtime {onnxruntime.__version__} on cpu"

    @property
    def draft(self) -> "OnnxEngine | None":
        return self._draft

    def encode(self, images: NDArray[np.uint8]) -> _Memory:
        size = max(1, _ENCODED_PIXELS // max(1, images[:1].size))
        found = [
            self._encoder.run_with_ort_values(self._memory_names, {"images": _value(images[start : start + size])})
            for start in range(0, len(images), size)
        ]
        values = (
            found[0]
            if len(found) == 1
            else [_value(np.concatenate([*map(_array, one)])) for one in zip(*found, strict=True)]
        )
        return _Memory(dict(zip(self._memory_names, values, strict=True)), len(images))

    def start(self, memory: _Memory) -> "_OnnxState":
        return _OnnxState(self, memory)

    def score(self, memory: _Memory, tokens: Tokens) -> LogProbabilities:
        (scores,) = self.run(["log_probabilities"], tokens, np.arange(len(tokens)), self.no_past(len(tokens)), memory)
        return _array(scores)

    def attention(self, memory: _Memory, tokens: Tokens) -> NDArray[np.float32]:
        (weights,) = self.run(["attention"], tokens, np.arange(len(tokens)), self.no_past(len(tokens)), memory)
        return _array(weights).reshape(*tokens.shape, -1)

    def geometry(self, height: int, width: int) -> GridGeometry:
        axis = AxisGeometry(0.0, _STRIDE)
        return GridGeometry(-(-height // _STRIDE), -(-width // _STRIDE), axis, axis)

    def no_past(self, count: int) -> Values:
        """Empty caches of `count` formulas."""
        empty = _value(np.empty((count, self._heads, 0, self._width), np.float32))
        return dict.fromkeys(self._past, empty)

    def step(self, tokens: Tokens, rows: Tokens, past: Values, memory: _Memory) -> tuple[LogProbabilities, Values]:
        """Append one token (N,) to the formulas `rows` (N,) of the caches; returns log probabilities and new caches."""
        scores, *new = self.run(["log_probabilities", *self._new], tokens[:, None], rows, past, memory)
        return _array(scores)[:, 0], dict(zip(self._past, new, strict=True))

    def run(self, names: list[str], tokens: Tokens, rows: Tokens, past: Values, memory: _Memory) -> list[Any]:
        """Compute outputs of the decoder."""
        inputs = {"tokens": _value(tokens), "rows": _value(rows), **past, **memory.values}
        found: list[Any] = self._decoder.run_with_ort_values(names, inputs, self._fetches)
        return found


class _OnnxState(DecodingState):
    """Caches of the formulas that are decoded; the formulas of an image share its keys and values."""

    def __init__(self, engine: OnnxEngine, memory: _Memory) -> None:
        self._engine, self._memory = engine, memory
        self._past = engine.no_past(memory.count)
        self._rows = self._images = np.arange(memory.count)

    def step(self, tokens: Tokens) -> LogProbabilities:
        scores, self._past = self._engine.step(tokens, self._rows, self._past, self._memory)
        self._rows = np.arange(len(tokens))
        return scores

    def select(self, rows: Tokens) -> None:
        self._rows, images = self._rows[rows], self._images[rows]
        chosen, counts = np.unique(images, return_counts=True)
        if len(chosen) < self._memory.count:
            values = {name: _value(value.numpy()[chosen]) for name, value in self._memory.values.items()}
            self._memory = _Memory(values, len(chosen))
        self._images = np.arange(len(chosen)).repeat(counts)


def _default_threads() -> int:
    """OMP_NUM_THREADS, of which the first number is for loops that are in no other, or the number of cores."""
    named = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if named.isdecimal() and int(named):
        return int(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _value(array: NDArray[Any]) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _array(value: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = value.numpy()
    return array
