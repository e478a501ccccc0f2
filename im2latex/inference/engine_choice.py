"""Choice of the engine that computes a checkpoint.

reads  a checkpoint folder
"""

from pathlib import Path

from im2latex.engines.base import Engine
from im2latex.engines.config import InferenceConfig


def load_engine(folder: Path, device: str = "auto") -> tuple[Engine, InferenceConfig]:
    """The engine of a checkpoint and the configuration of its model."""
    from im2latex.engines.torch_engine import TorchEngine, choose_device
    from im2latex.training.checkpoint import load_checkpoint

    place = choose_device(device)
    checkpoint = load_checkpoint(folder)
    return TorchEngine(checkpoint.network.to(place)), checkpoint.config
