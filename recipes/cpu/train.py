"""Start or resume a long training on a processor: python -m recipes.cpu.train DATA

reads          DATA/bucket/, DATA/tokenize/vocabulary.json; params.yaml with the overrides of a recipe
reads, writes  STATE/<key>/state.pt              weights, optimizers and counts, saved every five minutes
               STATE/<key>/curve.jsonl           losses and scores by samples, with CPU seconds
               STATE/<key>/checkpoint/           averaged weights in half precision, after every validation
               STATE/<key>/decay-<samples>/      the same files of a branch with learning rate decay

STATE is IM2LATEX_STATE, else .cache. The key hashes data, parameters and the format of the state, so a run resumes in
another checkout too. An interruption loses at most five minutes. The learning rate is constant, and every call resumes
the same run. `--decay-samples N` trains a copy whose learning rate decays to zero in N samples (warmup-stable-decay);
the run itself can be resumed afterwards.
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
from im2latex.io.project_cache import state_root
from im2latex.training.callbacks import Callback, MetricsRow, format_row
from im2latex.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.finetune import open_pretrained
from im2latex.training.loggers import MetricsLog
from im2latex.training.run_folders import locked
from im2latex.training.schedule import ScheduleParams
from im2latex.training.state import FORMAT, InterruptedRunError, read_state
from im2latex.training.trainer import Trainer
from im2latex.training.validation import ValidationExample
from recipes.half_precision import to_half
from recipes.overrides import parse_assignment

FINISHED = "finished.json"
OVERRIDES = Path(__file__).parent / "overrides.yaml"


def main(
    data: Annotated[Path, typer.Argument(help="folder of the data stages, with bucket/ and tokenize/")],
    overrides: Annotated[Path, typer.Option(help="overrides of params.yaml")] = OVERRIDES,
    state: Annotated[
        Path | None, typer.Option(help="folder of the states; default IM2LATEX_STATE, else .cache")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="save and stop after this time; a later call resumes")] = None,
    decay_samples: Annotated[int | None, typer.Option(min=1, help="decay the learning rate of a copy to zero")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="intra-op threads")] = None,
    set_value: Annotated[
        list[str] | None, typer.Option("--set", "-S", help="a.b.c=VALUE, applied after the overrides")
    ] = None,
) -> None:
    """Train until the budget is used, a signal arrives, or the time is over; the last case exits 0 too."""
    if threads:
        torch.set_num_threads(threads)
    try:
        content = merge(load_yaml(Path("params.yaml")), load_yaml(overrides))
        for text in set_value or []:
            content = merge(content, parse_assignment(text))
        params = check(content["train"], TrainParams, "train")
        settings = check(content.get("trainer", {}), TrainerParams, "trainer")
        dataset = read_dataset(data / "bucket")["hash"]
        folder = (state or state_root()) / "train" / _key(params, dataset)
        if decay_samples:
            folder, params = start_decay(folder, params, decay_samples)
        images = {"dpi": content["render"]["renderer"]["dpi"], **content["render"]["image"]}
        with locked(folder, typer.echo):
            run(params, settings, data, dataset, folder, images, minutes)
    except Im2LatexError as error:
        typer.echo(f"train: {error}", err=True)
        sys.exit(error.exit_code)


class _ExportCallback(Callback):
    """Logs rows with CPU seconds, and exports the averaged weights after every validation."""

    def __init__(self, folder: Path, images: dict[str, int]) -> None:
        self._folder, self._images = folder, images
        self._metrics = MetricsLog(folder / "curve.jsonl")

    def on_validation(self, row: MetricsRow, examples: Sequence[ValidationExample]) -> None:  # noqa: ARG002
        """Log and print the row."""
        self._metrics.add([{**row, "cpu_seconds": round(time.process_time(), 1)}])
        typer.echo(format_row(row))

    def on_message(self, text: str) -> None:
        """Print the message."""
        typer.echo(text)

    def on_save(self) -> None:
        """Export the weights in half precision."""
        _export(load_checkpoint(self._folder / "last"), self._folder, self._images)


def run(
    params: TrainParams,
    settings: TrainerParams,
    data: Path,
    dataset: str,
    folder: Path,
    images: dict[str, int],
    minutes: float | None,
) -> None:
    """Start or resume the run in `folder`; `images` are the image settings to store in the checkpoint."""
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
        callback=_ExportCallback(folder, images),
    )
    ended, timed_out = threading.Event(), threading.Event()
    if minutes:
        threading.Thread(target=_stop_after, args=(60 * minutes, ended, timed_out), daemon=True).start()
    try:
        checkpoint = trainer.fit()
    except InterruptedRunError as stopped:
        if not timed_out.is_set():
            raise
        typer.echo(str(stopped))
        return
    finally:
        ended.set()
    _export(checkpoint, folder, images)
    (folder / FINISHED).write_text(json.dumps(checkpoint.counts) + "\n", encoding="utf-8")


def _stop_after(seconds: float, ended: threading.Event, timed_out: threading.Event) -> None:
    """Send SIGUSR1 after `seconds`, once its handler is installed: without one it would end the process."""
    if ended.wait(seconds):
        return
    while signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
        if ended.wait(0.05):
            return
    timed_out.set()
    os.kill(os.getpid(), signal.SIGUSR1)


def start_decay(folder: Path, params: TrainParams, samples: int) -> tuple[Path, TrainParams]:
    """Return folder and parameters of a copy of the run that decays to a learning rate of zero.

    An unfinished copy is resumed, with its own number of samples. Raises `InputError` where the run has no state.
    """
    unfinished = [path for path in sorted(folder.glob("decay-*")) if not (path / FINISHED).exists()]
    branch = unfinished[-1] if unfinished else None
    if branch is None:
        if not (folder / "state.pt").is_file():
            raise InputError(f"{folder}: no state to decay from; train without --decay-samples first")
        seen = int(read_state(folder / "state.pt")["seen"])
        branch = folder / f"decay-{seen:012d}"
        shutil.rmtree(branch, ignore_errors=True)  # a finished copy that started at the same sample
        draft = folder / ".decay"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        shutil.copyfile(folder / "state.pt", draft / "state.pt")
        budget = {"decay_samples": samples, "samples": seen + samples}
        (draft / "budget.json").write_text(json.dumps(budget), encoding="utf-8")
        draft.rename(branch)
    planned = json.loads((branch / "budget.json").read_text(encoding="utf-8"))
    schedule = params.schedule.model_dump() | {"decay": "wsd", "decay_samples": planned["decay_samples"]}
    limit = params.budget.model_copy(update={"samples": planned["samples"], "epochs": None, "minutes": None})
    update: dict[str, Any] = {"schedule": ScheduleParams.model_validate(schedule), "budget": limit}
    return branch, params.model_copy(update=update)


def _key(params: TrainParams, dataset: str) -> str:
    """Key of the run: hash of data, parameters without budget and schedule, and state format; code is not included."""
    content = json.dumps([params.state_key() | {"schedule": None}, dataset, FORMAT])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _export(checkpoint: Checkpoint, folder: Path, images: dict[str, int]) -> None:
    network = to_half(checkpoint.network)
    save_checkpoint(replace(checkpoint, network=network, images=images), folder / "checkpoint")


if __name__ == "__main__":
    typer.run(main)
