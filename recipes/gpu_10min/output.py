"""Crash-safe output folder: weights in float16, momentum in bfloat16, replaced atomically.

reads, writes  <out>/state/checkpoint.json
               <out>/state/weights-N, momentum-N     pieces of model.safetensors and momentum.safetensors

The machine returns at most eight files of 16 MiB each, 64 MiB in all. So the files are split into pieces, and only one
version of them exists at any time. `python -m recipes.gpu_10min.output OUT/state FOLDER` joins them to a checkpoint.
"""

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import typer
from safetensors.torch import save_file

from im2latex.errors import ArtifactError
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.engine import TrainingEngine
from im2latex.training.optim import OPTIMIZER_STATE
from recipes.half_precision import to_half

STATE = "state"
WEIGHTS = "model.safetensors"
PIECE_BYTES = 15 * 2**20
MAX_STATE_BYTES = 60 * 2**20
"""The limit of 64 MiB, less the log and the results."""
MAX_PIECES = 5
"""The limit of eight files, less checkpoint.json, the log and the results."""
_PIECES = {"weights": WEIGHTS, "momentum": OPTIMIZER_STATE}
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


class OutputFolder:
    """The folder that the machine returns; its state is complete at any moment."""

    def __init__(self, out: Path, images: dict[str, int] | None = None) -> None:
        """`images` are the image settings to store in the checkpoint."""
        self.out, self._images = out, images or {}
        out.mkdir(parents=True, exist_ok=True)
        # Write outside of `out` where possible, so that no partial state is returned; rename needs one file system.
        parent = out.resolve().parent
        renamable = parent.stat().st_dev == out.stat().st_dev and os.access(parent, os.W_OK)
        self._draft = (parent if renamable else out) / f".{out.name}.draft"

    def save(self, engine: TrainingEngine) -> int:
        """Save averaged weights and momentum; returns their size in bytes.

        Raises `ArtifactError` where they exceed the limits; the earlier state stays.
        """
        shutil.rmtree(self._draft, ignore_errors=True)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            checkpoint = engine.checkpoint("last")
            to_half(checkpoint.network)
            save_checkpoint(replace(checkpoint, images=self._images), folder)
            save_file(engine.optimizer_state(), folder / OPTIMIZER_STATE)
            split(folder, self._draft)
        return self._replace_state()

    def copy(self, start: Path) -> int:
        """Save the state or checkpoint `start`, see `join`; returns its size in bytes."""
        shutil.rmtree(self._draft, ignore_errors=True)
        with tempfile.TemporaryDirectory() as name:
            join(start, Path(name))
            split(Path(name), self._draft)
        return self._replace_state()

    def _replace_state(self) -> int:
        size = sum(path.stat().st_size for path in self._draft.iterdir())
        pieces = len([path for path in self._draft.iterdir() if path.suffix != ".json"])
        if size > MAX_STATE_BYTES or pieces > MAX_PIECES:
            raise ArtifactError(
                f"{self.out}: the state has {size / 2**20:.1f} MiB in {pieces} pieces, the limits are "
                f"{MAX_STATE_BYTES >> 20} MiB and {MAX_PIECES}; choose a smaller model or vocabulary"
            )
        replace_folder(self._draft, self.out / STATE)
        shutil.rmtree(self._draft, ignore_errors=True)
        return size


def replace_folder(new: Path, target: Path) -> None:
    """Move the folder `new` to `target`, so that a complete folder exists at any moment.

    Linux exchanges two names atomically (renameat2(2)); `new` is then the old folder. On a file system without it, the
    new folder is `<target>-newer` until the old one is removed.
    """
    if not target.exists():
        new.rename(target)
    elif not _exchange(new, target):
        newer = target.with_name(f"{target.name}-newer")
        shutil.rmtree(newer, ignore_errors=True)
        new.rename(newer)
        shutil.rmtree(target)
        newer.rename(target)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names; False where the system cannot."""
    function = _renameat2()
    return function is not None and not function(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    )


@cache
def _renameat2() -> Callable[..., int] | None:
    """The C function, None where the C library lacks it."""
    function = getattr(ctypes.CDLL(None), "renameat2", None)
    return function if callable(function) else None


def split(folder: Path, state: Path) -> None:
    """Split the weights and momentum of a checkpoint folder into pieces, and copy the other files."""
    state.mkdir(parents=True)
    for path in folder.iterdir():
        name = next((piece for piece, file in _PIECES.items() if file == path.name), None)
        if name is None:
            shutil.copyfile(path, state / path.name)
            continue
        content = path.read_bytes()
        for number, start in enumerate(range(0, len(content), PIECE_BYTES)):
            (state / f"{name}-{number}").write_bytes(content[start : start + PIECE_BYTES])


def join(state: Path, folder: Path) -> None:
    """Join the pieces to a checkpoint folder, with momentum if there is any.

    `state` may be a checkpoint folder too, such as the released one. Raises `ArtifactError` without a checkpoint.json.
    """
    if not (state / "checkpoint.json").is_file() and (state.with_name(f"{state.name}-newer")).is_dir():
        state = state.with_name(f"{state.name}-newer")
    if not (state / "checkpoint.json").is_file():
        raise ArtifactError(
            f"{state}: no checkpoint.json; pass the folder {STATE} of an earlier run, or a checkpoint folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(state / "checkpoint.json", folder / "checkpoint.json")
    for piece, file in _PIECES.items():
        paths = sorted(state.glob(f"{piece}-*"), key=lambda path: int(path.name.rpartition("-")[2]))
        (folder / file).unlink(missing_ok=True)
        if paths:
            (folder / file).write_bytes(b"".join(path.read_bytes() for path in paths))
        elif (state / file).is_file():
            shutil.copyfile(state / file, folder / file)


if __name__ == "__main__":
    try:
        typer.run(join)
    except ArtifactError as error:
        sys.exit(f"output: {error}")
