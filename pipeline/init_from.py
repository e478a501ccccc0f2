"""The checkpoint that `train.init_from` names: a folder, a snapshot of another run, or a commit.

reads   the checkpoint that a commit or experiment recorded, from DVC's cache or remote
writes  <cache>/checkpoints/<hash>/   that checkpoint, by the SHA-256 of its weights
"""

import hashlib
from functools import partial
from pathlib import Path

import dvc.api
from dvc.exceptions import DvcException
from dvc.scm import SCMError

from im2latex.errors import ParamsError
from im2latex.io.atomic_write import atomic_write
from im2latex.io.project_cache import cache_root
from im2latex.training.config import TrainParams
from im2latex.training.finetune import Pretrained, check_same_model, open_pretrained, split_hash
from im2latex.training.loggers import CHECKPOINT_FILES
from im2latex.training.run_folders import find_checkpoint
from pipeline.paths import DATA

OUT = DATA / "train"


def find_pretrained(params: TrainParams) -> Pretrained | None:
    """The checkpoint of `train.init_from`, None without one; raises `ParamsError` where it cannot be used."""
    if params.init_from is None:
        return None
    name, digest = split_hash(params.init_from)
    folder = Path(name)
    if folder.resolve().is_relative_to(OUT.resolve()):
        raise ParamsError(
            f"train.init_from = {params.init_from}: DVC empties {OUT} before a training; write the commit that "
            "recorded this checkpoint, such as HEAD, or a snapshot of `im2latex snapshots`, or copy the folder first"
        )
    if not folder.is_dir():
        saved = find_checkpoint(name)
        folder = saved.folder if saved else _from_commit(name)
    pretrained = open_pretrained(f"{folder}@{digest}" if digest else str(folder))
    check_same_model(params.model, pretrained)
    return pretrained


def check_init_from(params: TrainParams) -> None:
    """Raise `ParamsError` where the checkpoint of `train.init_from` cannot be used, before anything is emptied."""
    find_pretrained(params)


def _from_commit(revision: str) -> Path:
    """Copy the checkpoint that a commit recorded to the cache, unless it is there; returns its folder."""
    try:
        files = {name: dvc.api.read((OUT / name).as_posix(), rev=revision, mode="rb") for name in CHECKPOINT_FILES}
    except (DvcException, SCMError, OSError) as error:
        raise ParamsError(
            f"train.init_from = {revision}: no folder, no snapshot (`im2latex snapshots` lists them), and no commit or "
            f"experiment with a checkpoint in DVC's cache or remote ({error})"
        ) from None
    folder = cache_root() / "checkpoints" / hashlib.sha256(files["model.safetensors"]).hexdigest()[:32]
    for name, content in files.items():
        atomic_write(folder / name, partial(Path.write_bytes, data=content))
    return folder
