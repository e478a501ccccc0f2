"""Training on packed labels until a deadline: python -m recipes.gpu_10min.train --help

reads   params.yaml, data/ (labels.npz, vocabulary.json, buckets.json), START
writes  OUT/state/           weights and momentum (recipes.gpu_10min.output), from the first second on
        OUT/curve.jsonl      losses, rates and images by seconds
        OUT/results.json     speed, memory and the scores of one validation at the end
        WORK/                images, which a later call on the same machine goes on with

Images are drawn by another process meanwhile. The learning rate follows the clock, so that it is zero when the time
is over. A signal to stop, or the end of the time, leaves the weights of that moment; a kill those of a minute ago.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
import typer

from im2latex.config import check, load_section, load_yaml, merge, project_section
from im2latex.dataset.buckets import BucketParams, load_shapes
from im2latex.errors import Im2LatexError, InputError
from im2latex.io.atomic_write import atomic_write
from im2latex.parallel.process_guard import exit_with_parent
from im2latex.training.config import BudgetParams, TrainerParams, TrainParams
from im2latex.training.devices import choose_precision, describe_devices, launch
from im2latex.training.engine import TrainingEngine
from im2latex.training.finetune import open_pretrained
from im2latex.training.signals import Requests, signal_requests
from im2latex.training.validation import Validation
from recipes.gpu_10min.images import ArrivingBatches, ArrivingSamples, HeldOut
from recipes.gpu_10min.labels import Labels
from recipes.gpu_10min.output import Output, join
from recipes.overrides import assignment

DATA = Path("data")
FIRST = 60_000
RESERVE = 20.0
EVERY = 60.0
_POLL = 0.2
_ENDLESS = 2**62


class Recorder:
    """Rows of curve.jsonl."""

    def __init__(self, out: Path, began: float) -> None:
        self._path, self._began, self._rows = out / "curve.jsonl", began, list[str]()

    def __call__(self, row: dict[str, float | int | str]) -> None:
        """Add a row with the seconds since the start, and show it."""
        line = json.dumps({"seconds": round(time.time() - self._began, 1)} | row)
        self._rows.append(line)
        text = "\n".join(self._rows) + "\n"
        atomic_write(self._path, lambda path: path.write_text(text, encoding="utf-8"))
        typer.echo(line)


def main(
    out: Annotated[Path, typer.Argument(help="what comes back from the machine")],
    work: Annotated[Path, typer.Argument(help="images, kept for a later call")],
    until: Annotated[float, typer.Option(help="when to have ended, in seconds since 1970")],
    start: Annotated[Path | None, typer.Option(help="`state` of an earlier run or a checkpoint to go on from")] = None,
    first: Annotated[int, typer.Option(help="images at which training begins")] = FIRST,
    reserve: Annotated[float, typer.Option(help="seconds kept for the last validation and writing")] = RESERVE,
    every: Annotated[float, typer.Option(help="seconds between two writings of the weights")] = EVERY,
    set_value: Annotated[list[str] | None, typer.Option("--set", "-S", help="a.b.c=VALUE below `train`")] = None,
) -> None:
    """Draw, train, validate once."""
    record = Recorder(_made(out), time.time())
    try:
        with signal_requests() as requests:
            _train(_params(set_value or []), out, work, until, start, first, reserve, every, record, requests)
    except Im2LatexError as error:
        typer.echo(f"train: {error}", err=True)
        sys.exit(error.exit_code)


def _params(assignments: list[str]) -> TrainParams:
    values = load_yaml(Path("params.yaml"))["train"]
    for text in assignments:
        values = merge(values, assignment(text))
    return check(values, TrainParams, "train")


def _train(
    params: TrainParams,
    out: Path,
    work: Path,
    until: float,
    start: Path | None,
    first: int,
    reserve: float,
    every: float,
    record: Recorder,
    requests: Requests,
) -> None:
    render = load_yaml(Path("params.yaml"))["render"]
    output = Output(out, {"dpi": render["renderer"]["dpi"], **render["image"]})
    if start is not None:
        output.keep(start)  # so that a kill in the first seconds leaves what came
    with _rendering(work) as renderer:
        engine, batches, samples = _made_engine(params, work, start)
        size = output.write(engine)
        record({"event": "ready", "devices": describe_devices(), "state_mb": round(size / 2**20, 2)})
        _wait(batches, renderer, first, time.time() + (until - time.time()) / 3, requests)
        record({"event": "first step", "images": samples.arrived})
        deadline = until - reserve
        _set_deadline(engine, deadline - time.time())
        began, written = time.time(), time.time()
        while not engine.finished and not requests.stop:
            engine.train_step()
            if time.time() - written >= every:
                written = time.time()
                row = _row(engine, samples, began)
                output.write(engine)
                record(row)
    engine.check_losses()
    engine.update_batch_norm()
    output.write(engine)
    trained = _row(engine, samples, began) | {"event": "trained"}
    record(trained)
    results = trained | {"devices": describe_devices(), "peak_mb": _peak_mb(), "refused": samples.refused}
    _save_results(out, results)
    if not requests.stop:
        held_out = HeldOut(samples)
        if len(held_out):
            params = engine.params
            # A search takes up to 224 steps a batch, most of which wait for Python: there is no time for it here.
            validation = Validation(held_out, params.validation_samples, params.batches, search=False)
            scores: dict[str, float | int | str] = {**engine.evaluate(validation)}
            record(scores | {"event": "validated"})
            _save_results(out, results | scores)


def _made_engine(
    params: TrainParams, work: Path, start: Path | None
) -> tuple[TrainingEngine, ArrivingBatches, ArrivingSamples]:
    """The training, with the weights and the momentum of `start`."""
    labels = Labels.load(DATA)
    accelerator = project_section(TrainerParams, "trainer").accelerator
    precision = choose_precision(params.precision, accelerator)
    params = params.model_copy(update={"precision": precision})
    fabric = launch(accelerator, 1, precision, unused_weights=False)
    bucket = load_section("bucket", BucketParams)
    samples = ArrivingSamples(labels, load_shapes(DATA / "buckets.json"), bucket, work, fabric.device)
    batches = ArrivingBatches(samples, params.batches, params.seed)
    with tempfile.TemporaryDirectory() as name:
        loaded = None
        if start is not None:
            join(start, Path(name))
            loaded = open_pretrained(name)
        engine = TrainingEngine(fabric, params, samples, labels.vocabulary, labels.digest, work, loaded, batches)
    engine.state.total = params.budget.samples or _ENDLESS
    return engine, batches, samples


def _set_deadline(engine: TrainingEngine, seconds: float) -> None:
    budget = BudgetParams(samples=engine.params.budget.samples, deadline_seconds=max(1.0, seconds))
    engine.params = engine.params.model_copy(update={"budget": budget})


def _wait(
    batches: ArrivingBatches, renderer: subprocess.Popen[bytes], first: int, latest: float, requests: Requests
) -> None:
    """Until so many images are there, or all, or some and it is late; raises `InputError` where none came."""
    while not requests.stop:
        ended = renderer.poll() is not None  # asked first: what it wrote last is taken then
        count = batches.take()
        if count >= first or (count and (ended or time.time() > latest)):
            return
        if ended:
            raise InputError(f"no label was drawn, and the renderer ended with status {renderer.returncode}")
        time.sleep(_POLL)


@contextmanager
def _rendering(work: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process that draws, which ends with this one."""
    command = [sys.executable, "-m", "recipes.gpu_10min.render", str(DATA), str(work)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(command, env=environment, preexec_fn=exit_with_parent(os.getpid()))
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _row(engine: TrainingEngine, samples: ArrivingSamples, began: float) -> dict[str, float | int | str]:
    state = engine.state
    losses = state.loss_monitor.losses
    queued = time.time()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    row: dict[str, float | int | str] = {
        "samples": state.seen,
        "steps": state.step,
        "samples_per_second": round(state.seen / max(1e-9, time.time() - began), 1),
        "images": samples.arrived,
        "spent": round(engine.budget_used, 4),
        "queued_seconds": round(time.time() - queued, 3),  # work that the device still had: near 0, it waits for Python
    }
    if losses:
        row["train_loss"] = round(sum(losses) / len(losses), 4)
        losses.clear()
    return row


def _peak_mb() -> int:
    return round(torch.cuda.max_memory_allocated() / 2**20) if torch.cuda.is_available() else 0


def _save_results(out: Path, results: dict[str, float | int | str]) -> None:
    text = json.dumps(results, indent=1) + "\n"
    atomic_write(out / "results.json", lambda path: path.write_text(text, encoding="utf-8"))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    typer.run(main)
