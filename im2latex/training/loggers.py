"""Where else a training tells how it goes: TensorBoard and Weights & Biases, each an extra, off by default.

writes  <cache>/tensorboard/<run>/   event files
        <cache>/wandb/               runs of Weights & Biases; `wandb sync` sends those made offline

Both lie outside the hashed outputs: they hold clocks, and what is logged decides no weight.
"""

import importlib
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from im2latex.config import Params
from im2latex.errors import InputError, ToolError, UsageError

Row = Mapping[str, float]

CHECKPOINT_FILES = ("model.safetensors", "checkpoint.json")
_RUN = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*){2}", re.ASCII)


class LogParams(Params):
    """What is told of a run while it goes on; none of it decides the weights."""

    examples: int = Field(default=6, ge=0, description="validation samples whose readings are kept at each validation")
    tensorboard: bool = Field(default=False, description="write event files for TensorBoard")
    wandb: Literal["offline", "online"] | None = Field(default=None, description="log to Weights & Biases")
    wandb_project: str = Field(default="im2latex", min_length=1, description="its project there")


class Logger(Protocol):
    """Takes the rows of a run, then its checkpoint."""

    def row(self, row: Row) -> None:
        """Take losses, learning rate and scores by `samples`."""

    def close(self, checkpoint: Path | None) -> None:
        """The run has ended; `checkpoint` is its folder, None for a run that was stopped."""


def open_loggers(
    params: LogParams, cache: Path, name: str, config: Mapping[str, Any], past: Sequence[Row]
) -> list[Logger]:
    """The sinks that `params` asks for, which begin with the rows a resumed run has told already.

    Raises `ToolError` where the extra for one is not installed. Nothing is written before the first row.
    """
    sinks: list[Logger] = []
    if params.tensorboard:
        sinks.append(TensorBoard(cache / "tensorboard" / name, past))
    if params.wandb:
        sinks.append(WeightsAndBiases(params.wandb_project, params.wandb, cache, name, config, past))
    return sinks


class TensorBoard:
    """One folder of event files a run, written anew by a run that is taken up."""

    def __init__(self, folder: Path, past: Sequence[Row]) -> None:
        _extra("tensorboard")
        self._folder, self._past, self._writer = folder, list(past), None

    def row(self, row: Row) -> None:
        """Write a point of each curve."""
        if self._writer is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._writer = _extra("torch.utils.tensorboard").SummaryWriter(str(self._folder))
            for earlier in self._past:
                self._write(self._writer, earlier)
        self._write(self._writer, row)

    def close(self, checkpoint: Path | None) -> None:  # noqa: ARG002 checkpoints are not TensorBoard's
        """Close the file."""
        if self._writer is not None:
            self._writer.close()

    @staticmethod
    def _write(writer: Any, row: Row) -> None:
        for name, value in row.items():
            if name != "samples":
                writer.add_scalar(name, value, int(row["samples"]))
        writer.flush()


class WeightsAndBiases:
    """One run there; its checkpoint becomes an artifact of the type `model`."""

    def __init__(
        self, project: str, mode: str, cache: Path, name: str, config: Mapping[str, Any], past: Sequence[Row]
    ) -> None:
        self._library = _extra("wandb")
        self._settings = {"project": project, "mode": mode, "id": name, "config": dict(config)}
        self._folder, self._past, self._run = cache, list(past), None

    def row(self, row: Row) -> None:
        """Log a row; its step is the samples seen. A resumed run is told whole: the service drops what it knows."""
        if self._run is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                self._run = self._library.init(resume="allow", dir=str(self._folder), **self._settings)
            except self._library.errors.Error as error:
                raise ToolError(
                    f"Weights & Biases: {error}; run `wandb login`, or set train.logs.wandb = offline"
                ) from None
            for earlier in self._past:
                self._write(self._run, earlier)
        self._write(self._run, row)

    def close(self, checkpoint: Path | None) -> None:
        """Upload the checkpoint, or keep it for `wandb sync`, and end the run."""
        if self._run is None:
            return
        if checkpoint is not None:
            artifact = self._library.Artifact(f"checkpoint-{self._run.id}", type="model")
            for file in CHECKPOINT_FILES:
                artifact.add_file(str(checkpoint / file))
            self._run.log_artifact(artifact)
        self._run.finish(exit_code=0 if checkpoint else 1)

    @staticmethod
    def _write(run: Any, row: Row) -> None:
        run.log({name: value for name, value in row.items() if name != "samples"}, step=int(row["samples"]))


def run_name(run: str) -> str:
    """The last part of ENTITY/PROJECT/RUN, which names a folder; raises `UsageError` for anything else."""
    if not _RUN.fullmatch(run):
        raise UsageError(
            f"wandb:{run}: it is wandb:ENTITY/PROJECT/RUN, of letters, digits and -_. and none beginning with a dot"
        )
    return run.rpartition("/")[2]


def download_checkpoint(run: str, into: Path) -> Path:
    """Bring the last checkpoint of ENTITY/PROJECT/RUN from Weights & Biases; returns its folder `into`.

    Only the two files of a checkpoint are taken, whatever else an artifact holds.
    """
    run_name(run)
    library = _extra("wandb")
    try:
        artifacts = [one for one in library.Api().run(run).logged_artifacts() if one.type == "model"]
        if not artifacts:
            raise InputError(f"{run}: this run has no checkpoint; one that finished with train.logs.wandb on has")
        into.mkdir(parents=True, exist_ok=True)
        for name in CHECKPOINT_FILES:
            artifacts[-1].get_entry(name).download(root=str(into))
    except library.errors.Error as error:
        raise ToolError(f"Weights & Biases: {run}: {error}; it is ENTITY/PROJECT/RUN, after `wandb login`") from None
    except KeyError as error:
        raise InputError(f"{run}: its last artifact is no checkpoint: it has no file {error}") from None
    return into


def _extra(module: str) -> Any:
    """A module of an optional package; raises `ToolError` naming the extra."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        extra = "wandb" if module == "wandb" else "tensorboard"
        raise ToolError(f"{error}; train.logs needs the extra: pip install 'im2latex[{extra}]'") from None
