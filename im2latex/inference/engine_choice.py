"""Choice of the engine that computes a checkpoint: ONNX Runtime where its graphs are at hand, else PyTorch.

reads   a checkpoint folder, with or without graphs (`im2latex export`)
writes  graphs of the released checkpoint, once, to the user's cache, where they are not beside it
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from im2latex import engines
from im2latex.engines.base import Engine, check_device_name
from im2latex.engines.config import InferenceConfig, read_config
from im2latex.errors import ArtifactError, Im2LatexError, UsageError
from im2latex.extras import install_command
from im2latex.io.hashing import sha256_of
from im2latex.io.manifest import RELEASED
from im2latex.io.user_cache import user_cache_folder
from im2latex.types import ENGINES, EngineName


def load_engine(
    folder: Path, engine: EngineName = "auto", device: str = "auto", threads: int | None = None
) -> tuple[Engine, InferenceConfig]:
    """The engine of a checkpoint and the configuration of its model.

    `auto` is `onnx` for the released and for exported checkpoints, unless the device is a GPU. `threads` compute one
    batch, by default OMP_NUM_THREADS or as many as there are cores. Raises `UsageError` and `ArtifactError` where that
    engine cannot be used.
    """
    check_device_name(device)
    if engine not in ENGINES:
        raise UsageError(f"{engine}: not an engine; use {', '.join(ENGINES)}")
    on_cpu = device in ("auto", "cpu")
    if engine == "onnx" and not on_cpu:
        raise UsageError(f"{device}: the engine onnx computes on the CPU; use --engine torch")
    graphs = exported_folder(folder, engine) if engine != "torch" and on_cpu else None
    if graphs is not None:
        from im2latex.engines.onnx_engine import OnnxEngine

        return OnnxEngine(graphs, threads), read_config(folder)
    if find_spec("torch") is None:
        missing = "PyTorch is not installed" if engine == "torch" or not on_cpu else f"{folder} has no ONNX graphs"
        raise ArtifactError(f"{missing}; to predict with PyTorch, run: {install_command('torch')}")
    return _load_with_torch(folder, device, threads)


def exported_folder(folder: Path, engine: EngineName) -> Path | None:
    """The folder with graphs for a checkpoint; None where PyTorch should compute it."""
    if find_spec("onnxruntime") is None:
        if engine == "onnx":
            raise ArtifactError("onnxruntime is not installed; run: pip install onnxruntime")
        return None
    from im2latex.engines.onnx_sessions import WEIGHTS, is_exported

    if is_exported(folder):
        return folder
    if engine == "auto" and folder != RELEASED:
        return None
    if not (folder / WEIGHTS).is_file():
        return None  # PyTorch's loader says what is missing
    cached = user_cache_folder("onnx") / _cache_key(folder / WEIGHTS)
    if is_exported(cached):
        return cached
    if find_spec("torch") is None or find_spec("onnx") is None:
        if engine == "onnx":
            raise ArtifactError(f"{folder}: has no ONNX graphs, and to make them needs {install_command('export')}")
        return None
    try:
        return export(folder, cached)
    except Im2LatexError:
        if engine == "onnx":
            raise
        return None


def _cache_key(weights: Path) -> str:
    """A hash of the weights and of the code that writes and reads their graphs."""
    found = hashlib.sha256(sha256_of(weights).encode())
    for name in ("onnx_export.py", "onnx_engine.py", "onnx_sessions.py"):
        found.update((Path(engines.__file__).parent / name).read_bytes())
    return found.hexdigest()[:32]


def export(checkpoint: Path, folder: Path) -> Path:
    """Write a checkpoint with ONNX graphs to a folder, which is returned; needs the extra `export`."""
    from im2latex.engines.onnx_export import export_network
    from im2latex.training.checkpoint import load_checkpoint

    loaded = load_checkpoint(checkpoint)
    export_network(loaded.network, loaded.max_tokens, checkpoint, folder)
    return folder


def _load_with_torch(folder: Path, device: str, threads: int | None) -> tuple[Engine, InferenceConfig]:
    import torch

    from im2latex.engines.torch_engine import TorchEngine, choose_device
    from im2latex.training.checkpoint import load_checkpoint

    if threads is not None:
        torch.set_num_threads(threads)
    place = choose_device(device)
    checkpoint = load_checkpoint(folder)
    return TorchEngine(checkpoint.network.to(place)), checkpoint.config
