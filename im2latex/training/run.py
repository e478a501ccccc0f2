"""What one process holds while it trains, and the arithmetic of a step.

reads, writes  <folder>/state.pt            so that a stopped run goes on where it was
writes         <folder>/last/, best/        checkpoints, to be tried while the run goes on
               <folder>/bad_batch.pt        the batch at which the loss was not finite or exploded

Each batch draws its chances (placing, augmentation, dropout) from the seed and its own place in the sequence. So a
resumed run repeats an uninterrupted one, on a CPU to the bit, and there is no generator to save. A step takes the
same batches however many processes there are: each has every n-th row, and all normalize by the whole.
"""

import copy
import time
from dataclasses import replace as replaced
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import Im2LatexError
from im2latex.io.atomic_write import atomic_write
from im2latex.models.model import Network
from im2latex.training.augmentation import augment
from im2latex.training.batch_norm import convert_sync_batch_norm, update_batch_norm
from im2latex.training.checkpoint import Checkpoint, save_checkpoint
from im2latex.training.collate import Batch
from im2latex.training.config import TrainParams, ema_decay
from im2latex.training.dataloader import BatchLoader, BatchSource
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.early_stopping import monitored_value
from im2latex.training.finetune import Pretrained, load_optimizer_state, load_pretrained
from im2latex.training.losses import attention_penalty, ctc_loss, sequence_loss
from im2latex.training.optim import build_optimizers, optimizer_state
from im2latex.training.sampler import BucketBatchSampler
from im2latex.training.schedule import learning_rate_factor
from im2latex.training.scheduled_sampling import sampling_mask
from im2latex.training.signals import Request, Requests
from im2latex.training.state import TrainingState
from im2latex.training.validation import Validation

WATCHED_STEPS = 20
"""Steps between two looks at the losses; with several processes also at the signals, because each look waits."""


class DivergedRunError(Im2LatexError):
    """The loss is not finite, or far from what it was."""


class Run:
    """The data, the network, the state; `dataset_hash` and `folder` name what it learns from and where it is kept."""

    def __init__(
        self,
        fabric: Fabric,
        params: TrainParams,
        samples: InMemoryDataset,
        vocabulary: Vocabulary,
        dataset_hash: str,
        folder: Path,
        start: Pretrained | None = None,
        source: BatchSource | None = None,
    ) -> None:
        """`source` gives the batches; by default epochs over `samples`."""
        self.fabric, self.params, self.samples = fabric, params, samples
        self.vocabulary, self.dataset_hash, self.folder, self.start = vocabulary, dataset_hash, folder, start
        if source is None:
            epochs = BucketBatchSampler(samples, params.batches, params.seed)
            step = params.batches.tokens_step
            source = BatchLoader(samples, epochs, fabric.device, params.device_memory_mb, tokens_step=step)
        self.source = source
        torch.manual_seed(params.seed)
        network = Network(params.model, len(vocabulary))
        if start:
            load_pretrained(network, params.model, vocabulary, start)
        average = copy.deepcopy(network).to(fabric.device).eval()
        half = params.precision == "bf16-mixed"
        optimizers = build_optimizers(network, params.optimizer, fabric.device, half)
        if start:
            load_optimizer_state(network, optimizers, vocabulary, start)
        convert_sync_batch_norm(network)
        self.network, *optimizers = fabric.setup(network, *optimizers)
        self.state = TrainingState(self.network, average, optimizers)
        self._began: float | None = None
        self._clock_share = 0.0
        self._saved = time.monotonic()

    @property
    def spent(self) -> float:
        """The share of the budget that is used up: of its samples or, where there is a deadline, of its seconds."""
        return max(self.state.seen / self.state.total, self._clock_share)

    @property
    def finished(self) -> bool:
        """Whether the budget is used up, or progress has ended."""
        stale = self.params.early_stop and self.state.progress.stale >= self.params.early_stop
        return self.spent >= 1 or bool(stale)

    @property
    def validation_due(self) -> bool:
        """Whether the steps so far ended an interval, or the run, that has not been validated."""
        passed = self.state.seen // self.params.validate_every_samples
        return passed > self.state.validations or (self.spent >= 1 and self.state.validated < self.state.seen)

    def step(self) -> None:
        """One update of the weights, from the gradients of `accumulate` batches."""
        state, params = self.state, self.params
        self._began = time.monotonic() if self._began is None else self._began
        first = state.step * params.accumulate
        batches = [self.source.indices(first + place) for place in range(params.accumulate)]
        whole = self._size([index for indices in batches for index in indices])
        self.network.zero_grad(set_to_none=True)
        for place, indices in enumerate(batches):
            with self.fabric.no_backward_sync(self.network, enabled=place + 1 < len(batches)):
                self.fabric.backward(self._loss(first + place, indices, whole))
        nn.utils.clip_grad_norm_(self.network.parameters(), params.clip_norm)
        share = self._rate_share()
        for optimizer in state.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * share
            optimizer.step()
        count = whole[1]
        self._average(ema_decay(params, count, state.step))
        state.step += 1
        state.seen += count
        self._look_at_the_clock()
        if state.step % WATCHED_STEPS == 0:
            self.check_losses()

    def _rate_share(self) -> float:
        state = self.state
        return learning_rate_factor(self.params.schedule, state.seen, state.total, state.progress.drops, self.spent)

    def _look_at_the_clock(self) -> None:
        """Note how much of the deadline has passed, the same for all processes."""
        deadline = self.params.budget.deadline_seconds
        if deadline is not None and self._began is not None:
            self._clock_share = self.fabric.broadcast((time.monotonic() - self._began) / deadline)

    def _loss(self, position: int, indices: list[int], whole: tuple[int, int]) -> Tensor:
        """What this process's rows of a batch add to the mean loss of a step of size `whole`."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        seed = step_seed(self.params.seed, position, 0)  # of the whole batch, so that each process has its rows of it
        batch = self._batch(position, seed)
        mine = slice(rank, None, world) if rank < len(indices) else slice(1)  # none: one goes along, without weight
        own = self._size(indices[rank::world])
        torch.manual_seed(step_seed(self.params.seed, position, rank))
        tokens = batch.tokens[mine]
        penalty = self.params.attention_penalty
        own_words = sampling_mask(batch.tokens[:, :-1], self.params.scheduled_sampling, self.state.seen, seed)
        mine_own = None if own_words is None else own_words[mine]
        spells = self.params.ctc_weight > 0 and self.spent < self.params.ctc_until
        output = self.network(batch.images[mine], tokens[:, :-1], mine_own, penalty is not None, spells)
        by_token = sequence_loss(output.logits, tokens, self.params.label_smoothing)
        by_sample = torch.zeros_like(by_token)
        if spells:
            lengths = torch.tensor([len(self.samples.tokens[index]) for index in indices][mine])
            by_sample = self.params.ctc_weight * ctc_loss(output.ctc_logits, tokens, lengths)
        if penalty is not None:
            by_sample = by_sample + penalty.weight * attention_penalty(output.attention, tokens, penalty.target)

        def part(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
            token_part = by_token * (own[0] / size[0])
            return token_part + by_sample * (own[1] / size[1]), token_part

        self.state.watch.add(*part(self._size(indices)))
        return part(whole)[0] * world  # gradients are averaged over the processes

    def _size(self, indices: list[int]) -> tuple[int, int]:
        """Tokens to be predicted, end marks included, and samples."""
        return sum(len(self.samples.tokens[index]) + 1 for index in indices), len(indices)

    def _batch(self, position: int, seed: int) -> Batch:
        """A whole batch as the network sees it, on this process's device."""
        batch = self.source.batch(position, torch.Generator().manual_seed(seed))
        variation = self.params.augmentation.at(self.spent)
        chance = torch.Generator(batch.images.device).manual_seed(seed + 1)
        return replaced(batch, images=augment(batch.images, variation, chance))

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        averages, weights = list(self.state.average.parameters()), list(self.network.parameters())
        get_ema_multi_avg_fn(decay)(averages, weights, 0)  # type: ignore[no-untyped-call]
        for kept, latest in zip(self.state.average.buffers(), self.network.buffers(), strict=True):
            kept.copy_(latest)

    def check_losses(self) -> None:
        """Read the losses since the last look; raises `DivergedRunError` naming the first bad batch, which is saved."""
        pending = self.state.watch.pending
        if not pending:
            return
        position = self.state.step * self.params.accumulate - len(pending)
        pairs: Tensor = self.fabric.all_reduce(torch.stack(pending), reduce_op="sum")  # type: ignore[assignment]
        bad = self.state.watch.judge(pairs.tolist(), self.params.explode_factor)
        if bad is None:
            return
        position += bad[0]
        indices = self.source.indices(position)
        batch = self._batch(position, step_seed(self.params.seed, position, 0))
        path = self.folder / "bad_batch.pt"
        if self.fabric.is_global_zero:
            content = {"ids": batch.ids, "images": batch.images.cpu(), "tokens": batch.tokens.cpu()}
            atomic_write(path, lambda draft: torch.save(content, draft))
        raise DivergedRunError(
            f"{bad[1]} at step {position // self.params.accumulate}, on a batch of {len(indices)} with "
            f"{', '.join(batch.ids[:4])}; it is saved in {path}: lower learning_rate, or look at these samples"
        )

    def look(self, validation: Validation) -> dict[str, float]:
        """A row for the log: losses since the last one, learning rate and scores, all by samples seen."""
        self.check_losses()
        state = self.state
        row = {"samples": state.seen, "learning_rate": self.params.optimizer.learning_rate * self._rate_share()}
        if state.watch.logged:
            row["train_loss"] = float(np.mean(state.watch.logged))
        scores = {}
        if self.fabric.is_global_zero:
            self.estimate_batch_norms()
            with self.fabric.autocast():
                scores = validation.score(state.average, self.fabric.device)
        return row | self.fabric.broadcast(scores)

    def estimate_batch_norms(self) -> None:
        """Give the averaged weights statistics of their own, from the last `batch_norm_samples` samples or so.

        The running statistics that are copied from the trained network were gathered while its weights moved.
        """
        position, left = self.state.step * self.params.accumulate, self.params.batch_norm_samples
        images = []
        while left > 0 and position > 0:
            position -= 1
            images.append(self._batch(position, step_seed(self.params.seed, position, 0)).images)
            left -= len(images[-1])
        if images:
            update_batch_norm(self.state.average, images)

    def validate(self, validation: Validation) -> dict[str, float]:
        """A look that counts: for the best weights, for the end of progress, and for the schedule."""
        row = self.look(validation)
        params, schedule, state = self.params, self.params.schedule, self.state
        state.watch.logged.clear()
        state.validations, state.validated = state.seen // params.validate_every_samples, state.seen
        if state.progress.note(monitored_value(row, params.score), schedule.drop_patience, schedule.drop_against):
            state.keep_best()
        return row

    def requested(self, requests: Requests) -> Request:
        """What the signals to any process, or the time since the last writing, ask all of them to do now."""
        due = time.monotonic() - self._saved >= 60 * self.params.save_every_minutes
        clock = Request.SAVE if due else Request.NOTHING
        if self.fabric.world_size == 1:
            return max(requests.take(), clock)
        if self.state.step % WATCHED_STEPS:
            return Request.NOTHING
        own = torch.tensor(int(max(requests.take(), clock)), device=self.fabric.device)
        greatest: Tensor = self.fabric.all_reduce(own, reduce_op="max")  # type: ignore[assignment]
        return Request(int(greatest))

    def save(self, identity: str) -> None:
        """Write the state and both checkpoints, once for all processes; losses are looked at first."""
        self.check_losses()
        if self.fabric.is_global_zero:
            self.state.save(self.folder, identity)
            for name in ("last", "best") if self.state.best else ("last",):
                save_checkpoint(self.checkpoint(name), self.folder / name)
        self.fabric.barrier()
        self._saved = time.monotonic()

    def momentum(self) -> dict[str, Tensor]:
        """What the optimizers remember, in half precision, as `momentum.restore_momentum` takes it."""
        names = [name for name, _ in self.state.average.named_parameters()]  # the wrapped network has longer ones
        by_weight: dict[Tensor, str] = dict(zip(self.network.parameters(), names, strict=True))
        return optimizer_state(by_weight, self.state.optimizers)

    def checkpoint(self, name: str) -> Checkpoint:
        """The `last` or the `best` averaged weights, on the CPU, with their history."""
        state = self.state
        network, counts = copy.deepcopy(state.average).cpu(), state.counts
        if name == "best" and state.best is not None:
            network.load_state_dict(state.best)
            counts = state.best_counts
        return Checkpoint(
            network,
            self.params.model,
            self.vocabulary,
            self.samples.shapes,
            self.dataset_hash,
            self.params.model_dump(mode="json", exclude={"model", "logs"}),
            counts,
            started_from=self.start.history if self.start else (),
        )


def step_seed(seed: int, position: int, rank: int) -> int:
    """A seed of its own for every batch and process."""
    return int(np.random.SeedSequence([seed, position, rank]).generate_state(1)[0])
