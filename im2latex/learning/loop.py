"""The training loop, on Lightning Fabric.

reads          shards and buckets.json (through batches)
reads, writes  <state>/state.pt, so that a stopped run goes on where it was

Each step draws its chances (placing, augmentation, dropout) from the seed and its own number. So a resumed run
repeats an uninterrupted one, on a CPU to the bit, and there is no generator to save.
"""

import copy
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import Im2LatexError
from im2latex.learning.augmentation import augment
from im2latex.learning.batches import Epochs, Samples
from im2latex.learning.checkpoint import Checkpoint
from im2latex.learning.feed import Feed
from im2latex.learning.losses import reading_loss, sequence_loss
from im2latex.learning.network import Network
from im2latex.learning.optimizer import build_optimizers
from im2latex.learning.recipe import TrainParams, ema_decay, rate_share
from im2latex.learning.state import InterruptedRunError, TrainingState, stop_requests
from im2latex.learning.validation import Validation

Log = Callable[[dict[str, float]], None]

TIMED_STEPS = 40
"""Steps that are timed, at most, to turn minutes into samples."""


def train(
    params: TrainParams, shards: Path, vocabulary: Vocabulary, dataset_hash: str, state: Path, log: Log
) -> Checkpoint:
    """Train to the end of the budget; returns the averaged weights as a checkpoint.

    `log` is given plain rows: losses, learning rate and scores by samples seen, without clocks. Raises
    `InterruptedRunError` on SIGTERM or SIGINT, with the state saved in the folder `state`, and `Im2LatexError` when
    the loss is not finite.
    """
    fabric = Fabric(accelerator=params.accelerator, devices=params.devices, precision=params.precision)
    fabric.launch()
    samples = Samples(shards, "train")
    run = Run(fabric, params, samples, len(vocabulary))
    validation = Validation(Samples(shards, "val"), params.validation_samples, params.batches)
    identity = run_identity(params, vocabulary, dataset_hash)
    if not run.state.resume(state, identity):
        run.state.total = sample_budget(run)
    losses: list[float] = []
    with stop_requests() as stop:
        while run.state.seen < run.state.total:
            before = run.state.seen
            losses.append(run.step())
            finished = run.state.seen >= run.state.total
            if finished or run.state.seen // params.validate_every_samples > before // params.validate_every_samples:
                log(run.row(losses) | validation.score(run.state.average, fabric.device))
                losses.clear()
                run.save(state, identity)
            if stop.received and not finished:
                run.save(state, identity)
                raise InterruptedRunError(
                    f"stopped by {stop.received} after {run.state.seen} samples; run again to go on"
                )
    return run.checkpoint(vocabulary, dataset_hash)


class Run:
    """What one process holds while it trains: the data, the state and the arithmetic of a step."""

    def __init__(self, fabric: Fabric, params: TrainParams, samples: Samples, vocabulary: int) -> None:
        self.fabric, self.params, self.samples = fabric, params, samples
        self.epochs = Epochs(samples, params.batches, params.seed)
        self.feed = Feed(samples, self.epochs, fabric.device, params.device_memory_mb)
        torch.manual_seed(params.seed)
        network = Network(params.model, vocabulary)
        average = copy.deepcopy(network).to(fabric.device).eval()
        self.network, *optimizers = fabric.setup(network, *build_optimizers(network, params.optimizer))
        self.state = TrainingState(self.network, average, optimizers)

    def step(self) -> float:
        """One step on every device; returns the loss a token (nats) of this device's batch."""
        state, world = self.state, self.fabric.world_size
        taken = [self.epochs[state.step * world + rank] for rank in range(world)]
        seed = step_seed(self.params.seed, state.step, self.fabric.global_rank)
        share = rate_share(self.params, state.seen, state.total)
        loss, token_loss = self._forward(state.step * world + self.fabric.global_rank, seed)
        self.network.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.params.clip_norm)
        for optimizer in state.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * share
            optimizer.step()
        count = sum(map(len, taken))
        self._average(ema_decay(self.params, count, state.step))
        state.step += 1
        state.seen += count
        return token_loss.item()

    def _forward(self, place: int, seed: int) -> tuple[Tensor, Tensor]:
        """The loss of the batch at a place of the sequence, and the part of it that a validation loss compares with.

        That part is of the decoder's tokens. Raises `Im2LatexError` naming the batch where the loss is not finite.
        """
        torch.manual_seed(seed)
        batch = self.feed.batch(place, torch.Generator().manual_seed(seed))
        images, tokens = batch.images, batch.tokens
        variation = self.params.augmentation.at(self.state.seen / self.state.total)
        images = augment(images, variation, torch.Generator(images.device).manual_seed(seed + 1))
        logits, reading = self.network(images, tokens[:, :-1])
        loss = token_loss = sequence_loss(logits, tokens, self.params.label_smoothing)
        if self.params.ctc_weight:
            loss = loss + self.params.ctc_weight * reading_loss(reading, tokens)
        if not torch.isfinite(loss):
            names = ", ".join(batch.ids[:4])
            raise Im2LatexError(
                f"the loss is {loss.item()} at step {self.state.step}, on a batch of {len(batch.ids)} with {names}; "
                "lower learning_rate, or look at these samples"
            )
        return loss, token_loss

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        for average, weight in zip(self.state.average.parameters(), self.network.parameters(), strict=True):
            average.lerp_(weight, 1 - decay)
        for kept, latest in zip(self.state.average.buffers(), self.network.buffers(), strict=True):
            kept.copy_(latest)

    def row(self, losses: list[float]) -> dict[str, float]:
        """What the log is told of the steps since the last row."""
        rate = self.params.optimizer.learning_rate * rate_share(self.params, self.state.seen, self.state.total)
        return {"samples": self.state.seen, "learning_rate": rate, "train_loss": float(np.mean(losses))}

    def save(self, folder: Path, identity: str) -> None:
        """Write the state, once for all processes."""
        if self.fabric.is_global_zero:
            self.state.save(folder, identity)
        self.fabric.barrier()

    def checkpoint(self, vocabulary: Vocabulary, dataset_hash: str) -> Checkpoint:
        """The averaged weights with their history."""
        counts = {"steps": self.state.step, "samples": self.state.seen, "sample_budget": self.state.total}
        recipe = self.params.model_dump(mode="json", exclude={"model"})
        network = self.state.average.cpu().eval()
        return Checkpoint(network, self.params.model, vocabulary, self.samples.shapes, dataset_hash, recipe, counts)


def sample_budget(run: Run) -> int:
    """The samples that the budget allows; minutes are converted at the speed of some steps, which are undone.

    The median step is taken, because the first batch of each shape is slow: its kernels are being prepared.
    """
    budget = run.params.budget
    before = run.state.snapshot()
    run.state.total = budget.samples
    seconds: list[float] = []
    while len(seconds) < TIMED_STEPS and run.state.seen < budget.samples:
        seen, started = run.state.seen, time.perf_counter()
        run.step()
        seconds.append((time.perf_counter() - started) / (run.state.seen - seen))
    run.state.restore(before)
    affordable = run.fabric.broadcast(round(60 * budget.minutes / float(np.median(seconds))))
    return max(1, min(budget.samples, affordable))


def step_seed(seed: int, step: int, rank: int) -> int:
    """A seed of its own for every step of every process."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])


def run_identity(params: TrainParams, vocabulary: Vocabulary, dataset_hash: str) -> str:
    """A hash of all that must be equal for a saved state to be taken up."""
    content = json.dumps([params.model_dump(mode="json"), vocabulary.tokens, dataset_hash])
    return hashlib.sha256(content.encode()).hexdigest()
