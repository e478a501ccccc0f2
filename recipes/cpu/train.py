"""Start or resume a long training on a processor: python -m recipes.cpu.train DATA

reads          DATA/bucket/, DATA/tokenize/vocabulary.json; params.yaml with the overrides of a recipe
reads, writes  STATE/<key>/state.pt              weights, optimizers and counts, every five minutes
               STATE/<key>/curve.jsonl           losses and scores by samples, with processor seconds
               STATE/<key>/checkpoint/           averaged weights in half precision, after every validation
               STATE/<key>/decay-<samples>/      the same of a last stretch, which begins at so many samples

STATE is IM2LATEX_STATE, else .cache; the key is made of data, params and the version of the state's format. So another
checkout goes on with it, and a stop at any second loses at most five minutes. The rate is constant, and each call adds
to the same run; `--decay-samples N` trains a copy to a rate of zero in N samples, after which the run may go on.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from im2latex.config import check, load_yaml, merge
from im2latex.dataset.shards import read_dataset
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import Im2LatexError, InputError
from im2latex.training.callbacks import Callback, MetricsRow, format_row
from im2latex.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.finetune import open_pretrained
from im2latex.training.loggers import MetricsLog
from im2latex.training.schedule import ScheduleParams
from im2latex.training.state import FORMAT, InterruptedRunError, read_state
from im2latex.training.trainer import Trainer
from im2latex.training.validation import ValidationExample
from pipeline.paths import state_root
from pipeline.training_state import locked
from recipes.half_precision import halve
from recipes.overrides import assignment

FINISHED = "finished.json"
OVERRIDES = Path(__file__).parent / "overrides.yaml"


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data stages, with bucket/ and tokenize/")],
    overrides: Annotated[Path, typer.Option(help="what the recipe overrides in params.yaml")] = OVERRIDES,
    state: Annotated[Path | None, typer.Option(help="where states live; otherwise IM2LATEX_STATE, or .cache")] = None,
    minutes: Annotated[float | None, typer.Option(help="stop after so long, to go on another time")] = None,
    decay_samples: Annotated[int | None, typer.Option(min=1, help="let the rate of a copy fall to zero")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="threads of one operation")] = None,
    set_value: Annotated[list[str] | None, typer.Option("--set", "-S", help="a.b.c=VALUE, after the overrides")] = None,
) -> None:
    """Train until the budget is spent, a signal comes, or the minutes are over; exit 0 in the last case too."""
    if threads:
        torch.set_num_threads(threads)
    try:
        content = merge(load_yaml(Path("params.yaml")), load_yaml(overrides))
        for text in set_value or []:
            content = merge(content, assignment(text))
        params = check(content["train"], TrainParams, "train")
        settings = check(content.get("trainer", {}), TrainerParams, "trainer")
        dataset = read_dataset(data / "bucket")["hash"]
        folder = (state or state_root()) / "train" / _key(params, dataset)
        if decay_samples:
            folder, params = last_stretch(folder, params, decay_samples)
        images = {"dpi": content["render"]["renderer"]["dpi"], **content["render"]["image"]}
        with locked(folder, typer.echo):
            run(params, settings, data, dataset, folder, images, minutes)
    except Im2LatexError as error:
        typer.echo(f"train_cpu: {error}", err=True)
        sys.exit(error.exit_code)


class _Exports(Callback):
    """Logs rows with processor seconds, and exports the averaged weights after every validation."""

    def __init__(self, folder: Path, images: dict[str, int]) -> None:
        self._folder, self._images = folder, images
        self._metrics = MetricsLog(folder / "curve.jsonl")

    def on_validation(self, row: MetricsRow, examples: Sequence[ValidationExample]) -> None:  # noqa: ARG002
        """Log the row."""
        self._metrics.add([{**row, "processor_seconds": round(time.process_time(), 1)}])
        typer.echo(format_row(row))

    def on_message(self, text: str) -> None:
        """Print the line."""
        typer.echo(text)

    def on_save(self) -> None:
        """Export the weights in half precision."""
        _save_half(load_checkpoint(self._folder / "last"), self._folder, self._images)


def run(
    params: TrainParams,
    settings: TrainerParams,
    data: Path,
    dataset: str,
    folder: Path,
    images: dict[str, int],
    minutes: float | None,
) -> None:
    """One stretch of training in `folder`; `images` are the settings of the images, as a checkpoint notes them."""
    vocabulary = Vocabulary.load(data / "tokenize" / "vocabulary.json")
    pretrained = open_pretrained(params.init_from) if params.init_from else None
    typer.echo(f"state in {folder}")
    trainer = Trainer(
        params,
        data / "bucket",
        vocabulary,
        dataset,
        folder,
        settings=settings,
        pretrained=pretrained,
        callback=_Exports(folder, images),
    )
    ended, over = threading.Event(), threading.Event()
    if minutes:
        threading.Thread(target=_stop_after, args=(60 * minutes, ended, over), daemon=True).start()
    try:
        checkpoint = trainer.fit()
    except InterruptedRunError as stopped:
        if not over.is_set():
            raise
        typer.echo(str(stopped))
        return
    finally:
        ended.set()
    _save_half(checkpoint, folder, images)
    (folder / FINISHED).write_text(json.dumps(checkpoint.counts) + "\n", encoding="utf-8")


def _stop_after(seconds: float, ended: threading.Event, over: threading.Event) -> None:
    """Ask the training to stop when its time is over; before it listens, the signal would end the process."""
    if ended.wait(seconds):
        return
    while signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
        if ended.wait(0.05):
            return
    over.set()
    os.kill(os.getpid(), signal.SIGUSR1)


def last_stretch(folder: Path, params: TrainParams, samples: int) -> tuple[Path, TrainParams]:
    """The folder and the params of a copy of the run whose rate falls to zero; one that was stopped goes on."""
    open_ones = [path for path in sorted(folder.glob("decay-*")) if not (path / FINISHED).exists()]
    branch = open_ones[-1] if open_ones else None
    if branch is None:
        if not (folder / "state.pt").is_file():
            raise InputError(f"{folder}: holds no state to decay; train without --decay-samples first")
        seen = int(read_state(folder / "state.pt")["seen"])
        branch = folder / f"decay-{seen:012d}"
        shutil.rmtree(branch, ignore_errors=True)  # of the same samples, and finished
        draft = folder / ".decay"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        shutil.copyfile(folder / "state.pt", draft / "state.pt")
        (draft / "total.json").write_text(json.dumps({"decay": samples, "total": seen + samples}), encoding="utf-8")
        draft.rename(branch)
    plan = json.loads((branch / "total.json").read_text(encoding="utf-8"))
    schedule = params.schedule.model_dump() | {"decay": "wsd", "decay_samples": plan["decay"]}
    budget = params.budget.model_copy(update={"samples": plan["total"], "epochs": None, "minutes": None})
    changed: dict[str, Any] = {"schedule": ScheduleParams.model_validate(schedule), "budget": budget}
    return branch, params.model_copy(update=changed)


def _key(params: TrainParams, dataset: str) -> str:
    """Names the run: data, params without budget and schedule, and the version of the format; code is not in it."""
    content = json.dumps([params.state_key() | {"schedule": None}, dataset, FORMAT])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _save_half(checkpoint: Checkpoint, folder: Path, images: dict[str, int]) -> None:
    network = halve(checkpoint.network)
    save_checkpoint(replace(checkpoint, network=network, images=images), folder / "checkpoint")


if __name__ == "__main__":
    typer.run(main)
