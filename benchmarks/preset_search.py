"""Search of optimizer and learning rate for a preset: one training, its scores, and how much it depends on the image.

A model that ignores the image still learns which formulas are frequent, and its loss falls. So each run also has the
scores on blank paper, and the share of its logits that the image decides.
"""

import json
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import torch

from im2latex.config import check, load_yaml, merge
from im2latex.dataset.shards import read_dataset
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import UsageError
from im2latex.images.arrays import PAPER
from im2latex.inference.predict_split import PredictParams, predict_samples
from im2latex.metrics.baselines import BLANK, IMAGE
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, summarize
from im2latex.models.model import Network
from im2latex.models.presets import load_preset
from im2latex.schemas import PREDICTIONS
from im2latex.training.callbacks import Callback, MetricsRow
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.collate import Batch, collate
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.losses import sequence_loss
from im2latex.training.sampler import BatchParams, bucket_batches
from im2latex.training.trainer import Trainer
from im2latex.training.validation import ValidationExample

AS_IT_IS = "preset"
"""The candidate that changes nothing."""
CANDIDATES = (
    *(f"muon@{rate}" for rate in (0.004, 0.008, 0.002)),
    *(f"adamw+norm@{rate}" for rate in (0.001, 0.002, 0.0005)),
)
VALIDATIONS = 5
"""Points of the loss curve."""
MAX_BATCHES = 8
"""Batches of the split val on which the dependence on the image is measured."""
CTC_WEIGHT = 0.5
"""Weight of the encoder's CTC loss in candidates with `+ctc`."""
_CANDIDATE = re.compile(r"(?P<optimizer>muon|adamw)(?P<norm>\+norm)?(?P<ctc>\+ctc)?@(?P<rate>[0-9.]+)")

Row = dict[str, Any]


class Run(NamedTuple):
    """One training of the search."""

    preset: str
    candidate: str
    samples: int

    def is_done(self, rows: Iterable[Row]) -> bool:
        """Whether the results have a row of this run."""
        return any(all(row[name] == value for name, value in self._asdict().items()) for row in rows)

    def params(self) -> TrainParams:
        """Section `train` of params.yaml with preset, candidate and samples."""
        values = load_yaml(Path("params.yaml"))["train"] | {
            "preset": self.preset,
            "budget": {"samples": self.samples},
            "validate_every_samples": max(1, self.samples // VALIDATIONS),
        }
        return check(merge(values, overrides(self.preset, self.candidate)), TrainParams, f"{self.preset}")


def overrides(preset: str, candidate: str) -> dict[str, Any]:
    """Keys of section `train` that a candidate sets: `preset` sets none, `muon@0.004` optimizer and learning rate.

    Muon's rate is that of hidden matrices, and AdamW has half of it for the other weights, as in all presets.
    `adamw+norm@0.001` also has batch norm after each convolution, `muon+ctc@0.004` the encoder's CTC loss, and
    `muon+norm+ctc@0.004` both; what a candidate does not name stays as in the preset. Raises
    `UsageError` for any other form.
    """
    if candidate == AS_IT_IS:
        return {}
    found = _CANDIDATE.fullmatch(candidate)
    if found is None:
        raise UsageError(f"{candidate}: a candidate is '{AS_IT_IS}' or OPTIMIZER@RATE, such as {', '.join(CANDIDATES)}")
    rate = float(found["rate"])
    optimizer = {
        "hidden": found["optimizer"],
        "hidden_learning_rate": rate,
        "others": "adamw",
        "learning_rate": rate / 2 if found["optimizer"] == "muon" else rate,
    }
    changes: dict[str, Any] = {"optimizer": optimizer}
    if found["ctc"]:
        changes |= {"ctc_weight": CTC_WEIGHT, "model": {"ctc_head": True}}
    layers = load_preset(preset)["model"]["encoder"].get("layers")
    if found["norm"] and isinstance(layers, list):
        changes = merge(changes, {"model": {"encoder": {"layers": [layer | {"norm": True} for layer in layers]}}})
    return changes


def read_rows(path: Path) -> list[Row]:
    """The rows of earlier calls, of a file of JSON lines; a line that a kill cut is left out."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def append_row(path: Path, row: Row) -> None:
    """Append a row, on a line of its own whatever the file ends with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    earlier = path.read_text(encoding="utf-8") if path.is_file() else ""
    with path.open("a", encoding="utf-8") as file:
        file.write(("" if earlier.endswith("\n") or not earlier else "\n") + json.dumps(row) + "\n")


def best_candidates(rows: Sequence[Row], preset: str, samples: int, count: int) -> list[str]:
    """The candidates of a preset with the highest BLEU, among the longest of the runs shorter than `samples`."""
    earlier = [row for row in rows if row["preset"] == preset and row["samples"] < samples]
    longest = max((row["samples"] for row in earlier), default=0)
    ranked = sorted((row for row in earlier if row["samples"] == longest), key=lambda row: -row["bleu"])
    return [row["candidate"] for row in ranked[:count]]


def train_and_score(run: Run, data: Path, state: Path, threads: int = 1) -> Row:
    """Train one run on the shards in `data`; its loss curve, the scores on split val, and image dependence.

    The state of a run that was stopped is in the folder `state`, from which the same run resumes.
    """
    torch.set_num_threads(threads)
    shards, vocabulary = data / "bucket", Vocabulary.load(data / "tokenize" / "vocabulary.json")
    curve = _Curve(state / "curve.jsonl")
    started, cpu = time.monotonic(), time.process_time()
    trainer = Trainer(
        run.params(),
        shards,
        vocabulary,
        read_dataset(shards)["hash"],
        state,
        settings=TrainerParams(accelerator="cpu", save_every_minutes=2),
        callback=curve,
    )
    checkpoint = trainer.fit()
    seconds = {"seconds": round(time.monotonic() - started), "cpu_seconds": round(time.process_time() - cpu)}
    save_checkpoint(checkpoint, state / "model")
    rows = read_rows(curve.path)
    result = {
        **run._asdict(),
        "weights": sum(weight.numel() for weight in checkpoint.network.parameters()),
        **seconds,
        "train_loss": [round(row["train_loss"], 3) for row in rows if "train_loss" in row],
        "val_loss": [round(row["val_loss"], 3) for row in rows],
        **val_scores(state / "model", shards),
        **image_dependence(checkpoint.network, val_batches(shards)),
    }
    shutil.rmtree(state)
    return result


class _Curve(Callback):
    """Appends the row of each validation to a file, so that a resumed run has the whole curve."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_validation(self, row: MetricsRow, examples: Sequence[ValidationExample]) -> None:  # noqa: ARG002
        """Append the row."""
        if all(earlier["samples"] != row["samples"] for earlier in read_rows(self.path)):
            append_row(self.path, dict(row))

    def on_message(self, text: str) -> None:
        """Print the line."""
        print(text, flush=True)


def val_scores(checkpoint: Path, shards: Path) -> dict[str, float]:
    """Scores of greedy search on split val, and BLEU for the same samples with blank paper as their image."""
    found = {}
    for kind in (IMAGE, BLANK):
        predictions = predict_samples(checkpoint, shards, "val", PredictParams(device="cpu"), kind == BLANK)
        rows = [sample.row("val", kind) for sample in predictions]
        found[kind] = summarize(score_predictions(pa.Table.from_pylist(rows, schema=PREDICTIONS)), EvaluateParams())
    of_image = {name: round(float(found[IMAGE][name]), 4) for name in ("bleu", "edit", "exact")}
    return {**of_image, "bleu_blank": round(float(found[BLANK]["bleu"]), 4)}


def val_batches(shards: Path) -> Iterator[Batch]:
    """The first batches of split val."""
    samples = MemoryMappedDataset(shards, "val")
    for indices in bucket_batches(samples, BatchParams())[:MAX_BATCHES]:
        yield collate(samples, indices)


@torch.no_grad()
def image_dependence(network: Network, batches: Iterable[Batch]) -> dict[str, float]:
    """How far the logits, given the label's earlier tokens, depend on the image.

    `image_dependence` is the root mean square difference of the logits for image and blank paper, relative to that of
    the logits themselves, both without the mean over the vocabulary, which no probability depends on. It is 0 where
    the image is ignored. `image_nats` is the loss per token that a blank image adds.
    """
    network.eval()
    difference = size = with_image = with_paper = tokens = 0.0
    for batch in batches:
        inputs, scored = batch.tokens[:, :-1], batch.tokens[:, 1:] != Vocabulary.pad
        logits = network(batch.images, inputs).logits
        blank = network(torch.full_like(batch.images, PAPER), inputs).logits
        count = int(scored.sum())
        with_image += sequence_loss(logits, batch.tokens).item() * count
        with_paper += sequence_loss(blank, batch.tokens).item() * count
        tokens += count
        logits, blank = ((one - one.mean(dim=2, keepdim=True))[scored] for one in (logits, blank))
        difference += (logits - blank).square().sum().item()
        size += logits.square().sum().item()
    return {
        "image_dependence": round((difference / size) ** 0.5, 4),
        "image_nats": round((with_paper - with_image) / tokens, 4),
    }
