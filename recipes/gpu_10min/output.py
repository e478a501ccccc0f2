"""Crash-safe output folder: weights in float16, momentum in bfloat16, replaced atomically.

reads, writes  <out>/state/checkpoint.json
               <out>/state/weights-N, momentum-N     pieces of model.safetensors and momentum.safetensors

At most eight files of 16 MiB come back from the machine, 64 MiB together: so the files are cut, and there is only one
folder of them at any time. `python -m recipes.gpu_10min.output OUT/state FOLDER` joins the pieces to a checkpoint.
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
from recipes.half_precision import halve

STATE = "state"
WEIGHTS = "model.safetensors"
PIECE_BYTES = 15 * 2**20
MOST_BYTES = 60 * 2**20
"""What the state may take: the limit is 64 MiB, and the log and the results come back too."""
MOST_PIECES = 5
"""Eight files come back: these, checkpoint.json, the log and the results."""
_PIECES = {"weights": WEIGHTS, "momentum": OPTIMIZER_STATE}
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


class Output:
    """The folder whose content comes back, whatever happens."""

    def __init__(self, out: Path, images: dict[str, int] | None = None) -> None:
        """`images` are the settings of the training images, which go into the checkpoint."""
        self.out, self._images = out, images or {}
        out.mkdir(parents=True, exist_ok=True)
        # Outside, where it cannot come back half written; but a folder can be renamed on one disk only.
        outside = out.resolve().parent
        beside = outside.stat().st_dev == out.stat().st_dev and os.access(outside, os.W_OK)
        self._draft = (outside if beside else out) / f".{out.name}.draft"

    def write(self, engine: TrainingEngine) -> int:
        """Put the averaged weights and the momentum of a training there; returns their bytes.

        Raises `ArtifactError` where they are more than what comes back; what was there stays.
        """
        shutil.rmtree(self._draft, ignore_errors=True)
        with tempfile.TemporaryDirectory() as name:
            whole = Path(name)
            checkpoint = engine.checkpoint("last")
            halve(checkpoint.network)
            save_checkpoint(replace(checkpoint, images=self._images), whole)
            save_file(engine.optimizer_state(), whole / OPTIMIZER_STATE)
            split(whole, self._draft)
        return self._put()

    def keep(self, start: Path) -> int:
        """Put there what a run goes on from, see `join`."""
        shutil.rmtree(self._draft, ignore_errors=True)
        with tempfile.TemporaryDirectory() as name:
            join(start, Path(name))
            split(Path(name), self._draft)
        return self._put()

    def _put(self) -> int:
        size = sum(path.stat().st_size for path in self._draft.iterdir())
        pieces = len([path for path in self._draft.iterdir() if path.suffix != ".json"])
        if size > MOST_BYTES or pieces > MOST_PIECES:
            raise ArtifactError(
                f"{self.out}: the state has {size / 2**20:.1f} MiB in {pieces} pieces; at most {MOST_BYTES >> 20} MiB "
                f"in {MOST_PIECES} come back: take a smaller model or vocabulary"
            )
        swap(self._draft, self.out / STATE)
        shutil.rmtree(self._draft, ignore_errors=True)
        return size


def swap(new: Path, place: Path) -> None:
    """Put the folder `new` at `place`; at every moment a whole folder is there, once there was one.

    What was there is then at `new`, or gone. Linux exchanges two names in one call (renameat2(2)); where a file
    system cannot, both folders stand side by side between two calls.
    """
    if not place.exists():
        new.rename(place)
    elif not _exchanged(new, place):
        second = place.with_name(f"{place.name}-newer")
        shutil.rmtree(second, ignore_errors=True)
        new.rename(second)
        shutil.rmtree(place)
        second.rename(place)


def _exchanged(one: Path, other: Path) -> bool:
    function = _renameat2()
    return function is not None and not function(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    )


@cache
def _renameat2() -> Callable[..., int] | None:
    """The C function; None where the system has none."""
    function = getattr(ctypes.CDLL(None), "renameat2", None)
    return function if callable(function) else None


def split(whole: Path, pieces: Path) -> None:
    """Cut the files of a checkpoint folder to pieces, and copy the others."""
    pieces.mkdir(parents=True)
    for path in whole.iterdir():
        name = next((piece for piece, file in _PIECES.items() if file == path.name), None)
        if name is None:
            shutil.copyfile(path, pieces / path.name)
            continue
        content = path.read_bytes()
        for number, start in enumerate(range(0, len(content), PIECE_BYTES)):
            (pieces / f"{name}-{number}").write_bytes(content[start : start + PIECE_BYTES])


def join(state: Path, folder: Path) -> None:
    """Put pieces together to a checkpoint folder, momentum where there is any; raises `ArtifactError` without.

    A checkpoint folder itself, as the released one, will do.
    """
    if not (state / "checkpoint.json").is_file() and (state.with_name(f"{state.name}-newer")).is_dir():
        state = state.with_name(f"{state.name}-newer")
    if not (state / "checkpoint.json").is_file():
        raise ArtifactError(f"{state}: holds no checkpoint.json; name the folder {STATE} that came back")
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
