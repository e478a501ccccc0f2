"""Loggers: a metrics log that stays consistent when a run resumes; TensorBoard and Weights & Biases, off by default.

reads, writes  a file of JSON lines beside the state of a run
writes         <cache>/tensorboard/<run>/   event files
               <cache>/wandb/               runs of Weights & Biases; `wandb sync` uploads those made offline

The last two are outside the hashed outputs, since they contain times, and what is logged decides no weight. Each needs
its extra.
"""

import importlib
import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field
from tqdm import tqdm

from im2latex.config import Params
from im2latex.errors import InputError, ToolError, UsageError
from im2latex.io.atomic_write import atomic_write
from im2latex.training.example_images import ExampleImage

CHECKPOINT_FILES = ("model.safetensors", "checkpoint.json")
_RUN = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*){2}", re.ASCII)


class MetricsLog:
    """Rows in the order of the samples seen; rows of steps that are repeated are replaced.

    A row has `samples`, the samples seen when it was logged. Damaged lines, as a full disk or a crash leaves them, are
    skipped with a message; a run that resumes before a row logs it again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_bytes().split(b"\n") if path.is_file() else []
        found = [_parse(line) for line in lines if line.strip()]
        self.rows: list[dict[str, Any]] = [row for row in found if row is not None]
        if damaged := len(found) - len(self.rows):
            tqdm.write(f"{path}: skipped {damaged:,} damaged lines; {len(self.rows):,} are whole", sys.stderr)

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows of one validation."""
        first = min((row["samples"] for row in rows), default=float("inf"))
        self.rows = [*(old for old in self.rows if old["samples"] < first), *rows]
        atomic_write(self._path, lambda path: path.write_text(self.text(), encoding="utf-8"))

    def text(self) -> str:
        """All rows, one JSON object a line."""
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)


def _parse(line: bytes) -> dict[str, Any] | None:
    """The row of a line; None for a damaged line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("samples"), int | float) else None


class LoggerParams(Params):
    """Loggers of a training run; none of it decides the weights."""

    tensorboard: bool = Field(default=False, description="write event files for TensorBoard")
    wandb: Literal["offline", "online"] | None = Field(default=None, description="log to Weights & Biases")
    wandb_project: str = Field(default="im2latex", min_length=1, description="project there")
    run_name: str | None = Field(
        default=None, description="name of the run there; default: that of the experiment, else preset and hash"
    )
    image_exact_samples: int = Field(
        default=0, ge=0, description="predictions of a validation that are rendered for `val_image_exact` there"
    )


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """What loggers need of a run: its `id`, unique among runs, a name, and its parameters."""

    id: str
    name: str
    config: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """The name of a folder: that of the run, made unique."""
        name = re.sub(r"[^\w.-]", "_", self.name)
        return name if name == self.id else f"{name}-{self.id[-6:]}"


class Logger(Protocol):
    """Receives the rows of metrics and the examples of a run, then its checkpoint; its test scores come later."""

    def log_metrics(self, row: Mapping[str, float]) -> None:
        """Log losses, learning rate, scores and speed at step `samples`."""

    def log_examples(self, samples: int, examples: Sequence[ExampleImage]) -> None:
        """Log predictions with their images, after the row of that step."""

    def log_test_scores(self, samples: int, scores: Mapping[str, float]) -> None:
        """Log the scores of the evaluated model, and end the run."""

    def finalize(self, checkpoint: Path | None) -> None:
        """End the run; `checkpoint` is its folder, None for a run that was stopped."""


def open_loggers(
    params: LoggerParams, cache: Path, run: LoggedRun, past: Sequence[Mapping[str, float]] = ()
) -> list[Logger]:
    """The loggers that `params` select; `past` are the earlier rows of a resumed run.

    Raises `ToolError` where the extra for one is not installed. Nothing is written before the first row.
    """
    loggers: list[Logger] = []
    if params.tensorboard:
        loggers.append(TensorBoardRun(cache / "tensorboard" / run.folder, run.config, past))
    if params.wandb:
        loggers.append(WandbLogger(params.wandb_project, params.wandb, cache, run, past))
    return loggers


class TensorBoardRun:
    """Lightning's TensorBoardLogger, with one folder of event files per run.

    A resumed run adds an event file, in which its first step hides what older files have from that step on.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any], past: Sequence[Mapping[str, float]]) -> None:
        _extra("tensorboard")
        self._folder, self._config, self._past = folder, dict(config), list(past)
        self._last: Mapping[str, float] = {}
        self._logger: Any = None

    def log_metrics(self, row: Mapping[str, float]) -> None:
        """Write the row to the event file."""
        step = int(row["samples"])
        if self._logger is None:
            if not self._past:  # it starts anew
                shutil.rmtree(self._folder, ignore_errors=True)
            earlier = [] if self._folder.is_dir() else self._past
            self._logger = self._open(step if self._folder.is_dir() else None)
            for old in earlier:
                self._logger.log_metrics(_metrics(old), step=int(old["samples"]))
        self._last = row
        self._logger.log_metrics(_metrics(row), step=step)
        self._logger.save()

    def log_examples(self, samples: int, examples: Sequence[ExampleImage]) -> None:
        """Write the pictures, and both formulas as text."""
        for one in examples:
            writer = self._logger.experiment
            writer.add_image(f"examples/{one.formula_id[:8]}", one.picture, samples, dataformats="HWC")
            text = f"    reference:  {one.reference}\n    prediction: {one.hypothesis}"
            writer.add_text(f"examples/{one.formula_id[:8]}", text, samples)
        if examples:
            self._logger.save()

    def log_test_scores(self, samples: int, scores: Mapping[str, float]) -> None:
        """Add them to the folder of the run."""
        logger = self._open(None)
        logger.log_metrics({f"test/{name}": value for name, value in scores.items()}, step=samples)
        logger.finalize("success")

    def finalize(self, checkpoint: Path | None) -> None:
        """Write the parameters with the last scores, and close the event file."""
        if self._logger is None:
            return
        if checkpoint:
            metrics = {f"last/{name}": value for name, value in _metrics(self._last).items()}
            self._logger.log_hyperparams(self._config, metrics, int(self._last["samples"]))
        self._logger.finalize("success" if checkpoint else "stopped")

    def _open(self, purge_step: int | None) -> Any:
        from lightning_fabric.loggers.tensorboard import TensorBoardLogger

        folder = self._folder
        return TensorBoardLogger(folder.parent, name="", version=folder.name, purge_step=purge_step)


class WandbLogger:
    """One run of Weights & Biases; its checkpoint becomes an artifact of type `model`."""

    def __init__(
        self, project: str, mode: str, cache: Path, run: LoggedRun, past: Sequence[Mapping[str, float]]
    ) -> None:
        self._library = _extra("wandb")
        self._settings = {"project": project, "mode": mode, "id": run.id, "name": run.name, "config": dict(run.config)}
        self._folder, self._past, self._run = cache, list(past), None

    def log_metrics(self, row: Mapping[str, float]) -> None:
        """Log the row; its step are the samples seen."""
        if self._run is None:
            self._run = self._open()
            for earlier in self._past:  # the service ignores rows that it has
                self._log(self._run, earlier)
        self._log(self._run, row)

    def log_examples(self, samples: int, examples: Sequence[ExampleImage]) -> None:
        """Log the pictures, with both formulas as caption."""
        if self._run is not None and examples:
            images = [
                self._library.Image(one.picture, caption=f"{one.reference}\n{one.hypothesis}") for one in examples
            ]
            self._run.log({"examples": images}, step=samples)

    def log_test_scores(self, samples: int, scores: Mapping[str, float]) -> None:
        """Add them to the summary of the run."""
        run = self._open()
        run.summary.update({f"test/{name}": value for name, value in scores.items()} | {"samples": samples})
        run.finish(exit_code=0)

    def _open(self) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            return self._library.init(resume="allow", dir=str(self._folder), **self._settings)
        except self._library.errors.Error as error:
            raise ToolError(
                f"Weights & Biases: {error}; run `wandb login`, or set trainer.loggers.wandb = offline"
            ) from None

    def finalize(self, checkpoint: Path | None) -> None:
        """Log the checkpoint, which is uploaded now or by `wandb sync`, and end the run."""
        if self._run is None:
            return
        if checkpoint is not None:
            artifact = self._library.Artifact(f"checkpoint-{self._run.id}", type="model")
            for file in CHECKPOINT_FILES:
                artifact.add_file(str(checkpoint / file))
            self._run.log_artifact(artifact)
        self._run.finish(exit_code=0 if checkpoint else 1)

    @staticmethod
    def _log(run: Any, row: Mapping[str, float]) -> None:
        run.log(_metrics(row), step=int(row["samples"]))


def _metrics(row: Mapping[str, float]) -> dict[str, float]:
    """A row without `samples`, which are its step."""
    return {name: value for name, value in row.items() if name != "samples"}


def run_name(run: str) -> str:
    """The last part of ENTITY/PROJECT/RUN, usable as the name of a folder; raises `UsageError` for anything else."""
    if not _RUN.fullmatch(run):
        raise UsageError(
            f"wandb:{run}: write wandb:ENTITY/PROJECT/RUN, of letters, digits and -_. where none begins with a dot"
        )
    return run.rpartition("/")[2]


def download_checkpoint(run: str, into: Path) -> Path:
    """Download the last checkpoint of ENTITY/PROJECT/RUN from Weights & Biases into the folder `into`, and return it.

    Only the two files of a checkpoint are downloaded, whatever else the artifact has.
    """
    run_name(run)
    library = _extra("wandb")
    try:
        artifacts = [one for one in library.Api().run(run).logged_artifacts() if one.type == "model"]
        if not artifacts:
            raise InputError(f"{run}: this run has no checkpoint; it must finish with trainer.loggers.wandb set")
        into.mkdir(parents=True, exist_ok=True)
        for name in CHECKPOINT_FILES:
            artifacts[-1].get_entry(name).download(root=str(into))
    except library.errors.Error as error:
        raise ToolError(f"Weights & Biases: {run}: {error}; write ENTITY/PROJECT/RUN, after `wandb login`") from None
    except KeyError as error:
        raise InputError(f"{run}: its last artifact is no checkpoint: it lacks the file {error}") from None
    return into


def _extra(module: str) -> Any:
    """A module of an optional package; raises `ToolError` naming the extra."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        extra = "wandb" if module == "wandb" else "tensorboard"
        raise ToolError(f"{error}; trainer.loggers needs the extra: pip install 'im2latex[{extra}]'") from None
