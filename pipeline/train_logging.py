"""Loggers of a training run in the pipeline: its name, examples with attention, rendered predictions.

reads, writes  <state>/train/<run>/logged.jsonl   values that differ from run to run, by samples seen
               <state>/train/<run>/run_name       the name at the first start, since each `dvc exp run` has another
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from im2latex.engines.torch_engine import TorchEngine
from im2latex.errors import ToolError
from im2latex.images.arrays import pad_to_bucket
from im2latex.io.project_cache import cache_root
from im2latex.sandbox.process import run_process
from im2latex.training.callbacks import MetricsRow
from im2latex.training.engine import TrainingEngine
from im2latex.training.example_images import ExampleImage, color_by_attention
from im2latex.training.loggers import LoggedRun, Logger, LoggerParams, MetricsLog, open_loggers
from im2latex.training.validation import Validation, ValidationExample
from pipeline.logged_runs import remember_run

RENDER_SECONDS = 600.0
"""Limit of rendering the predictions of one validation."""


class RunLoggers:
    """The loggers that `params` select, for the run with this state folder; `rows` are its validations so far."""

    def __init__(
        self, params: LoggerParams, state: Path, config: Mapping[str, Any], rows: Sequence[MetricsRow]
    ) -> None:
        self._params = params
        self._measured = MetricsLog(state / "logged.jsonl")
        self.run = LoggedRun(state.name, _run_name(params, state), config)
        measured = {row["samples"]: row for row in self._measured.rows}
        past = [row | measured.get(row["samples"], {}) for row in rows]
        self._loggers: list[Logger] = open_loggers(params, cache_root(), self.run, past)

    def log(
        self, row: MetricsRow, measured: Mapping[str, float], validation: Validation, engine: TrainingEngine
    ) -> str | None:
        """Log a validation; returns a line for the user, if there is something to say."""
        if not self._loggers:
            return None
        samples, values, line = int(row["samples"]), dict(measured), None
        if count := self._params.image_exact_samples:
            try:
                values["val_image_exact"] = image_exact(list(validation.predictions.values())[:count], validation)
                line = f"val_image_exact {values['val_image_exact']:.4g}"
            except ToolError as error:
                line = f"val_image_exact is not logged: {error}"
        self._measured.add([{"samples": samples, **values}])
        examples = _example_images(validation, engine)
        for logger in self._loggers:
            logger.log_metrics(row | values)
            logger.log_examples(samples, examples)
        return line

    def finalize(self, out: Path | None, samples: int = 0) -> None:
        """End the run; `out` is its checkpoint, None where it was stopped."""
        for logger in self._loggers:
            logger.finalize(out)
        if out and self._loggers:
            remember_run(self.run, out, samples)


def image_exact(predictions: Sequence[ValidationExample], validation: Validation) -> float:
    """Share of predictions whose rendering equals that of the label; raises `ToolError` where nothing can be rendered.

    In a process of its own: code that renders decides no weight, and must not be a dependency of the training.
    """
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name) / kind for kind in ("references.txt", "hypotheses.txt")]
        for file, side in zip(files, ("reference", "hypothesis"), strict=True):
            lines = [validation.text(getattr(one, side)) for one in predictions]
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        done = run_process(
            [sys.executable, "-m", "im2latex", "score", *map(str, files), "--images"],
            cwd=Path.cwd(),
            timeout_seconds=RENDER_SECONDS,
            memory_mb=16384,
            file_mb=1024,
            access=None,
            env={**os.environ, "TMPDIR": name},
        )
    if not done.ok:
        raise ToolError(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or "the renderer failed")
    return float(json.loads(done.stdout)["image_exact"])


def _example_images(validation: Validation, engine: TrainingEngine) -> list[ExampleImage]:
    network = TorchEngine(engine.state.average)
    return [
        ExampleImage(
            one.formula_id,
            color_by_attention(
                network, pad_to_bucket(engine.dataset.shapes, validation.image(one.formula_id)), one.hypothesis
            ),
            validation.text(one.reference),
            validation.text(one.hypothesis),
        )
        for one in validation.examples
    ]


def _run_name(params: LoggerParams, state: Path) -> str:
    """The name that the user chose, or that of the experiment in which the run began, or that of the folder."""
    if params.run_name:
        return params.run_name
    path = state / "run_name"
    if not path.is_file():
        state.mkdir(parents=True, exist_ok=True)
        path.write_text(os.environ.get("DVC_EXP_NAME") or state.name, encoding="utf-8")
    return path.read_text(encoding="utf-8")
