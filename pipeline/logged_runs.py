"""Runs of TensorBoard and Weights & Biases by the weights that they trained, so that test scores come to the same run.

reads, writes  <cache>/logged/<hash>.json   the run that trained the weights of this hash
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from im2latex.config import project_section
from im2latex.io.hashing import sha256_of
from im2latex.io.project_cache import cache_root
from im2latex.training.loggers import CHECKPOINT_FILES, LoggedRun, LoggerParams, open_loggers


def remember_run(run: LoggedRun, checkpoint: Path, samples: int) -> None:
    """Save which run trained a checkpoint, in how many samples."""
    path = _path(checkpoint)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"samples": samples, "run": asdict(run)}) + "\n", encoding="utf-8")


def log_test_scores(checkpoint: Path, metrics: Mapping[str, Any]) -> None:
    """Add the scores of an evaluated checkpoint to the run that trained it, where a logger has it."""
    params = project_section(LoggerParams, "trainer", "loggers")
    if not (params.tensorboard or params.wandb) or not (checkpoint / CHECKPOINT_FILES[0]).is_file():
        return
    path = _path(checkpoint)
    if path.is_file():
        content = json.loads(path.read_text(encoding="utf-8"))
        scores = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
        for logger in open_loggers(params, cache_root(), LoggedRun(**content["run"])):
            logger.log_test_scores(content["samples"], scores)


def _path(checkpoint: Path) -> Path:
    return cache_root() / "logged" / f"{sha256_of(checkpoint / CHECKPOINT_FILES[0])[:32]}.json"
