"""Training on packed labels until a deadline: python -m recipes.gpu_10min.train --help

reads   params.yaml, data/ (labels.npz, vocabulary.json, buckets.json), START
writes  OUT/state/           weights and momentum (recipes.gpu_10min.output), complete at any moment
        OUT/curve.jsonl      losses, rates and images by seconds
        OUT/results.json     speed, memory and the scores of one validation at the end
        WORK/                images, which a later call on the same machine reuses

Another process renders images meanwhile. The learning rate follows the clock, so that it reaches zero at the deadline.
At a signal to stop and at the deadline the current weights are saved; after a kill those of the last save are left.
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
from im2latex.errors import Im2LatexError, InputError, ParamsError
from im2latex.io.atomic_write import atomic_write
from im2latex.parallel.parent_death_signal import exit_with_parent
from im2latex.training.config import BudgetParams, TrainerParams, TrainParams
from im2latex.training.devices import choose_precision, describe_devices, launch
from im2latex.training.engine import TrainingEngine
from im2latex.training.finetune import open_pretrained
from im2latex.training.signals import Requests, signal_requests
from im2latex.training.validation import Validation
from recipes.gpu_10min.images import StreamingBatchLoader, StreamingDataset, ValidationDataset
from recipes.gpu_10min.labels import Labels
from recipes.gpu_10min.output import OutputFolder, join
from recipes.overrides import parse_assignment

DATA = Path("data")
MIN_IMAGES = 60_000
RESERVE = 20.0
SAVE_EVERY = 60.0
_POLL_SECONDS = 0.2
_NO_LIMIT = 2**62


class CurveLog:
    """Rows of curve.jsonl."""

    def __init__(self, out: Path, started: float) -> None:
        self._path, self._started, self._rows = out / "curve.jsonl", started, list[str]()

    def __call__(self, row: dict[str, float | int | str]) -> None:
        """Append a row with the seconds since the start, and print it."""
        line = json.dumps({"seconds": round(time.time() - self._started, 1)} | row)
        self._rows.append(line)
        text = "\n".join(self._rows) + "\n"
        atomic_write(self._path, lambda path: path.write_text(text, encoding="utf-8"))
        typer.echo(line)


def main(
    out: Annotated[Path, typer.Argument(help="output folder")],
    work: Annotated[Path, typer.Argument(help="folder of the images, which a later call reuses")],
    until: Annotated[float, typer.Option(help="time of the end, in seconds since 1970")],
    start: Annotated[Path | None, typer.Option(help="state of an earlier run, or a checkpoint")] = None,
    min_images: Annotated[int, typer.Option(help="rendered images at which training starts")] = MIN_IMAGES,
    reserve: Annotated[float, typer.Option(help="seconds for the final save and validation")] = RESERVE,
    save_every: Annotated[float, typer.Option(help="seconds between saves of the weights")] = SAVE_EVERY,
    set_value: Annotated[list[str] | None, typer.Option("--set", "-S", help="a.b.c=VALUE below `train`")] = None,
) -> None:
    """Render and train until the deadline, then validate once."""
    out.mkdir(parents=True, exist_ok=True)
    log = CurveLog(out, time.time())
    try:
        with signal_requests() as requests:
            _train(_params(set_value or []), out, work, until, start, min_images, reserve, save_every, log, requests)
    except Im2LatexError as error:
        typer.echo(f"train: {error}", err=True)
        sys.exit(error.exit_code)


def _params(assignments: list[str]) -> TrainParams:
    values = load_yaml(Path("params.yaml"))["train"]
    for text in assignments:
        values = merge(values, parse_assignment(text))
    return check(values, TrainParams, "train")


def _train(
    params: TrainParams,
    out: Path,
    work: Path,
    until: float,
    start: Path | None,
    min_images: int,
    reserve: float,
    save_every: float,
    log: CurveLog,
    requests: Requests,
) -> None:
    render = load_yaml(Path("params.yaml"))["render"]
    output = OutputFolder(out, {"dpi": render["renderer"]["dpi"], **render["image"]})
    if start is not None:
        output.copy(start)  # so that a kill before the first save leaves a state
    with _render_process(work) as renderer:
        engine, loader, samples = _create_engine(params, work, start)
        size = output.save(engine)
        log({"event": "ready", "devices": describe_devices(), "state_mb": round(size / 2**20, 2)})
        _wait(loader, renderer, min_images, time.time() + (until - time.time()) / 3, requests)
        log({"event": "first step", "images": samples.num_images})
        deadline = until - reserve
        _set_deadline(engine, deadline - time.time())
        started = saved = time.time()
        while not engine.finished and not requests.stop:
            engine.train_step()
            if time.time() - saved >= save_every:
                saved = time.time()
                row = _row(engine, samples, started)
                output.save(engine)
                log(row)
    engine.check_losses()
    engine.update_batch_norm()
    output.save(engine)
    trained = _row(engine, samples, started) | {"event": "trained"}
    log(trained)
    results = trained | {"devices": describe_devices(), "peak_mb": _peak_mb(), "rejected": samples.num_rejected}
    _save_results(out, results)
    if not requests.stop:
        held_out = ValidationDataset(samples)
        if len(held_out):
            params = engine.params
            # Greedy search takes up to 224 decoder steps a batch, bound by Python: too long here.
            validation = Validation(held_out, params.validation_samples, params.batches)
            scores: dict[str, float | int | str] = {**engine.evaluate(validation)}
            log(scores | {"event": "validated"})
            _save_results(out, results | scores)


def _create_engine(
    params: TrainParams, work: Path, start: Path | None
) -> tuple[TrainingEngine, StreamingBatchLoader, StreamingDataset]:
    """The engine, with weights and momentum of `start`."""
    labels = Labels.load(DATA)
    accelerator = project_section(TrainerParams, "trainer").accelerator
    if keys := params.batches.auto_keys:
        raise ParamsError(f"train.batches.{keys[0]}: auto is not for this recipe; set a number")
    precision = choose_precision(params.precision, accelerator)
    params = params.model_copy(update={"precision": precision})
    fabric = launch(accelerator, 1, precision, unused_weights=False)
    bucket = load_section("bucket", BucketParams)
    samples = StreamingDataset(labels, load_shapes(DATA / "buckets.json"), bucket, work, fabric.device)
    loader = StreamingBatchLoader(samples, params.batches, params.seed)
    with tempfile.TemporaryDirectory() as name:
        pretrained = None
        if start is not None:
            join(start, Path(name))
            pretrained = open_pretrained(name)
        engine = TrainingEngine(fabric, params, samples, labels.vocabulary, labels.digest, work, pretrained, loader)
    engine.state.total = params.budget.samples or _NO_LIMIT
    return engine, loader, samples


def _set_deadline(engine: TrainingEngine, seconds: float) -> None:
    budget = BudgetParams(samples=engine.params.budget.samples, deadline_seconds=max(1.0, seconds))
    engine.params = engine.params.model_copy(update={"budget": budget})


def _wait(
    loader: StreamingBatchLoader, renderer: subprocess.Popen[bytes], min_images: int, latest: float, requests: Requests
) -> None:
    """Wait for `min_images` images, for all, or for some until `latest`; raises `InputError` if none is rendered."""
    while not requests.stop:
        ended = renderer.poll() is not None  # before the update, which then loads the last images
        count = loader.update()
        if count >= min_images or (count and (ended or time.time() > latest)):
            return
        if ended:
            raise InputError(
                f"no label was rendered; the render process ended with status {renderer.returncode}: see above"
            )
        time.sleep(_POLL_SECONDS)


@contextmanager
def _render_process(work: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process that renders; it ends with this one."""
    command = [sys.executable, "-m", "recipes.gpu_10min.render", str(DATA), str(work)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(command, env=environment, preexec_fn=exit_with_parent(os.getpid()))
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _row(engine: TrainingEngine, samples: StreamingDataset, started: float) -> dict[str, float | int | str]:
    state = engine.state
    losses = state.loss_monitor.losses
    before = time.time()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    row: dict[str, float | int | str] = {
        "samples": state.seen,
        "steps": state.step,
        "samples_per_second": round(state.seen / max(1e-9, time.time() - started), 1),
        "images": samples.num_images,
        "budget_used": round(engine.budget_used, 4),
        "queued_seconds": round(time.time() - before, 3),  # work queued on the device; near 0 it waits for Python
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


if __name__ == "__main__":
    typer.run(main)
