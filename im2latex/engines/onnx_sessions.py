"""Sessions of ONNX Runtime for exported graphs, which are optimized for this machine once.

To optimize them takes longer than to predict a formula, so the optimized graphs are kept.

reads          <folder>/encoder.onnx, decoder.onnx, draft.onnx, model.safetensors
reads, writes  the optimized graphs with their weights, in the user's cache
"""

import hashlib
import json
import platform
import shutil
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnxruntime

from im2latex.errors import ArtifactError
from im2latex.io.user_cache import user_cache_folder

ENCODER, DECODER, DRAFT, WEIGHTS = "encoder.onnx", "decoder.onnx", "draft.onnx", "model.safetensors"
"""The draft is the decoder with weights of 8 bits."""
CHECKPOINT_FILES = (WEIGHTS, "checkpoint.json", "confidence.json")
_GRAPHS = (ENCODER, DECODER, DRAFT)
_MAX_HEADER_BYTES = 10_000_000
_MAX_CACHED = 8
"""Checkpoints whose optimized graphs are kept, the latest ones."""
_CPU_INFO = Path("/proc/cpuinfo")
_CPU_INFO_BYTES = 4096
"""More than the description of one core."""


def is_exported(folder: Path) -> bool:
    """Whether a checkpoint folder holds graphs for its weights."""
    return all((folder / name).is_file() for name in (*_GRAPHS, WEIGHTS))


def weights_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file: type, shape and place of each tensor; and the place of the first byte of data.

    Raises `ArtifactError` where it is none.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER_BYTES:
                raise ValueError("its header is too long")
            return json.loads(file.read(length)), 8 + length
    except (OSError, ValueError, struct.error) as error:
        raise ArtifactError(f"{path}: not a file of weights ({error})") from None


def header_hash(header: Mapping[str, Any]) -> str:
    """What a graph must know of the weights that it refers to: their names, types and places, not their values."""
    return hashlib.sha256(json.dumps(header).encode()).hexdigest()


def open_sessions(folder: Path, threads: int) -> list[Any]:
    """Sessions of the encoder, the decoder and its draft in a folder, whose runs use that many threads.

    Raises `ArtifactError` where a file is missing, damaged or of another checkpoint.
    """
    with suppress(Exception):  # missing or damaged: they are written again
        cached = user_cache_folder("optimized") / _cache_key(folder)
        return [_session(cached / name, _options(threads, optimize=False)) for name in _GRAPHS]
    expected = header_hash(weights_header(folder / WEIGHTS)[0])
    sessions = [_checked_session(folder / name, threads, expected) for name in _GRAPHS]
    with suppress(Exception):  # as on a full disk: it works without
        _write_optimized(folder, threads)
    return sessions


def _cache_key(folder: Path) -> str:
    """A hash of what decides the optimized graphs: the files, as name, size and time, and the processor."""
    stamps = [(file.stat().st_size, file.stat().st_mtime_ns) for file in (folder / one for one in (*_GRAPHS, WEIGHTS))]
    parts = [onnxruntime.__version__, _processor(), str(folder.resolve()), *map(str, stamps)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _processor() -> str:
    """The instructions of the processor, which decide the layout of optimized weights."""
    try:
        with _CPU_INFO.open(encoding="utf-8") as file:
            lines = file.read(_CPU_INFO_BYTES).splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())


def _write_optimized(folder: Path, threads: int) -> None:
    """Let ONNX Runtime write the optimized graphs to the cache."""
    cache, key = user_cache_folder("optimized"), _cache_key(folder)
    with TemporaryDirectory(dir=cache, prefix=".", ignore_cleanup_errors=True) as temporary:
        draft = Path(temporary) / key
        draft.mkdir()
        for name in _GRAPHS:
            options = _options(threads)
            options.optimized_model_filepath = str(draft / name)
            options.add_session_config_entry("session.optimized_model_external_initializers_file_name", f"{name}.data")
            _session(folder / name, options)
        shutil.rmtree(cache / key, ignore_errors=True)
        draft.rename(cache / key)
    for old in sorted(cache.glob("[!.]*"), key=lambda one: one.stat().st_mtime)[:-_MAX_CACHED]:
        shutil.rmtree(old, ignore_errors=True)


def _checked_session(path: Path, threads: int, weights: str) -> Any:
    try:
        session = _session(path, _options(threads))
    except Exception as error:  # noqa: BLE001 ONNX Runtime's errors have no common base
        raise ArtifactError(
            f"{path}: it, or {WEIGHTS} beside it, is damaged ({type(error).__name__}); export the checkpoint again"
        ) from None
    if session.get_modelmeta().custom_metadata_map.get("weights_header") != weights:
        raise ArtifactError(f"{path}: of other weights than {WEIGHTS} beside it; export the checkpoint again")
    return session


def _session(path: Path, options: Any) -> Any:
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _options(threads: int, optimize: bool = True) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # errors are raised
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options
