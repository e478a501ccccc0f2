"""Training engine: network, optimizers and batches of one process, and the arithmetic of an optimizer step.

writes  <folder>/bad_batch.pt   the batch at which the loss was not finite or spiked

The random numbers of a batch (position of the image in its padding, augmentation, dropout) follow from the seed and the
position of the batch in the sequence. So a resumed run repeats an uninterrupted one, on a CPU to the bit, and no
generator is saved.
A step has the same batches at any world size: process `rank` has every n-th row, and all normalize by the whole batch.
"""

import copy
import math
import time
from dataclasses import replace
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
from im2latex.training.batch_norm import update_batch_norm
from im2latex.training.checkpoint import Checkpoint
from im2latex.training.collate import Batch
from im2latex.training.config import TrainerParams, TrainParams, ema_decay
from im2latex.training.dataloader import BatchLoader, BatchSource
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.devices import convert_sync_batch_norm
from im2latex.training.finetune import Pretrained, load_optimizer_state, load_pretrained
from im2latex.training.losses import attention_penalty, ctc_loss, sequence_loss
from im2latex.training.optim import build_optimizers, optimizer_state
from im2latex.training.sampler import BucketBatchSampler
from im2latex.training.schedule import learning_rate_factor
from im2latex.training.scheduled_sampling import sampling_mask
from im2latex.training.state import TrainingState
from im2latex.training.validation import Validation

CHECK_STEPS = 20
"""Steps between two checks of the losses, since each waits for the device."""


class DivergedRunError(Im2LatexError):
    """The loss is not finite, or far above its median."""


class TrainingEngine:
    """Model, average, optimizers and counts of a run (`state`), its data, and one optimizer step (`train_step`)."""

    def __init__(
        self,
        fabric: Fabric,
        params: TrainParams,
        dataset: MemoryMappedDataset,
        vocabulary: Vocabulary,
        dataset_hash: str,
        folder: Path,
        pretrained: Pretrained | None = None,
        batches: BatchSource | None = None,
        device_memory_mb: int = TrainerParams().device_memory_mb,
    ) -> None:
        """`batches` are by default the epochs of a `BucketBatchSampler` over `dataset`."""
        self.fabric, self.params, self.dataset = fabric, params, dataset
        self.vocabulary, self.dataset_hash, self.folder, self.pretrained = vocabulary, dataset_hash, folder, pretrained
        if batches is None:
            sampler = BucketBatchSampler(dataset, params.batches, params.seed)
            step = params.batches.tokens_step
            batches = BatchLoader(dataset, sampler, fabric.device, device_memory_mb, tokens_step=step)
        self.batches = batches
        torch.manual_seed(params.seed)
        network = Network(params.model, len(vocabulary))
        if pretrained:
            load_pretrained(network, params.model, vocabulary, pretrained)
        network.to(fabric.device)  # before the state of the optimizers, which is loaded to the device of its weights
        average = copy.deepcopy(network).eval()
        half = params.precision == "bf16-mixed"
        optimizers = build_optimizers(network, params.optimizer, fabric.device, half)
        if pretrained:
            load_optimizer_state(network, optimizers, vocabulary, pretrained)
        convert_sync_batch_norm(network)
        self.network, *optimizers = fabric.setup(network, *optimizers)
        scaler = getattr(fabric.strategy.precision, "scaler", None)
        self.state = TrainingState(self.network, average, optimizers, scaler)
        self._first_step_time: float | None = None
        self._deadline_share = 0.0

    @property
    def budget_used(self) -> float:
        """Share of the budget that is used: of its samples or, with a deadline, of its seconds."""
        return max(self.state.seen / self.state.total, self._deadline_share)

    @property
    def finished(self) -> bool:
        """Whether the budget is used up, also before a resume, or early stopping ends the run."""
        return self.state.finished or self.budget_used >= 1 or self.stopped_early

    @property
    def stopped_early(self) -> bool:
        """Whether so many validations in a row were no better that early stopping ends the run."""
        patience = self.params.early_stopping_patience
        return bool(patience and self.state.early_stopping.bad_validations >= patience)

    @property
    def learning_rate_factor(self) -> float:
        """Share of the peak learning rates that the next step has."""
        state = self.state
        drops = state.early_stopping.drops
        return learning_rate_factor(self.params.schedule, state.seen, state.total, drops, self.budget_used)

    def train_step(self) -> None:
        """One update of the weights, from the gradients of `gradient_accumulation` batches."""
        state, params = self.state, self.params
        self._first_step_time = time.monotonic() if self._first_step_time is None else self._first_step_time
        first = state.step * params.gradient_accumulation
        batches = [self.batches.indices(first + number) for number in range(params.gradient_accumulation)]
        size = self._size([index for indices in batches for index in indices])
        self.network.zero_grad(set_to_none=True)
        for number, indices in enumerate(batches):
            with self.fabric.no_backward_sync(self.network, enabled=number + 1 < len(batches)):
                self.fabric.backward(self._loss(first + number, indices, size))
        scaler = state.scaler
        if scaler:
            for optimizer in state.optimizers:
                scaler.unscale_(optimizer.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), params.clip_norm)
        state.loss_monitor.record_gradient_norm(norm)
        factor = self.learning_rate_factor
        for optimizer in state.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
        # The scaler would leave out the optimizer with the overflow alone, and clipping spoils the gradients of all.
        if not scaler or torch.isfinite(norm):
            for optimizer in state.optimizers:
                optimizer.step()
        if scaler:
            scaler.update()
        samples = size[1]
        self._update_average(ema_decay(params, samples, state.step))
        state.step += 1
        state.seen += samples
        self._update_deadline()
        if state.step % CHECK_STEPS == 0:
            self.check_losses()

    def _update_deadline(self) -> None:
        """Measure how much of the deadline has passed, the same for all processes."""
        deadline = self.params.budget.deadline_seconds
        if deadline is not None and self._first_step_time is not None:
            self._deadline_share = self.fabric.broadcast((time.monotonic() - self._first_step_time) / deadline)

    def _loss(self, position: int, indices: list[int], step_size: tuple[int, int]) -> Tensor:
        """Contribution of this process's rows of a batch to the mean loss of a step of size `step_size`."""
        rank, world_size = self.fabric.global_rank, self.fabric.world_size
        seed = batch_seed(self.params.seed, position, 0)  # of the whole batch, so that each process has its rows of it
        batch = self._augmented_batch(position, seed)
        # A process without rows takes part with one row that has no weight.
        rows = slice(rank, None, world_size) if rank < len(indices) else slice(1)
        own_size = self._size(indices[rank::world_size])
        torch.manual_seed(batch_seed(self.params.seed, position, rank))
        tokens = batch.tokens[rows]
        penalty = self.params.attention_penalty or None
        mask = sampling_mask(batch.tokens[:, :-1], self.params.scheduled_sampling or None, self.state.seen, seed)
        own_mask = None if mask is None else mask[rows]
        with_ctc = self.params.ctc_weight > 0 and self.budget_used < self.params.ctc_until
        output = self.network(batch.images[rows], tokens[:, :-1], own_mask, penalty is not None, with_ctc)
        by_token = sequence_loss(output.logits, tokens, self.params.label_smoothing)
        by_sample = torch.zeros_like(by_token)
        if with_ctc:
            lengths = torch.from_numpy(self.dataset.lengths[indices][rows].astype(np.int64))
            by_sample = self.params.ctc_weight * ctc_loss(output.ctc_logits, tokens, lengths)
        if penalty is not None:
            by_sample = by_sample + penalty.weight * attention_penalty(output.attention, tokens, penalty.target)

        def share(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
            token_share = by_token * (own_size[0] / size[0])
            return token_share + by_sample * (own_size[1] / size[1]), token_share

        self.state.loss_monitor.record(*share(self._size(indices)))
        return share(step_size)[0] * world_size  # gradients are averaged over the processes

    def _size(self, indices: list[int]) -> tuple[int, int]:
        """Tokens to be predicted, end marks included, and samples."""
        return int(self.dataset.lengths[indices].sum()) + len(indices), len(indices)

    def _augmented_batch(self, position: int, seed: int) -> Batch:
        """A whole batch as the network sees it, on this process's device."""
        batch = self.batches.batch(position, torch.Generator().manual_seed(seed))
        augmentation = self.params.augmentation.at(self.budget_used)
        generator = torch.Generator(batch.images.device).manual_seed(seed + 1)
        return replace(batch, images=augment(batch.images, augmentation, generator))

    @torch.no_grad()
    def _update_average(self, decay: float) -> None:
        averages, weights = list(self.state.average.parameters()), list(self.network.parameters())
        get_ema_multi_avg_fn(decay)(averages, weights, 0)  # type: ignore[no-untyped-call]
        for average, latest in zip(self.state.average.buffers(), self.network.buffers(), strict=True):
            average.copy_(latest)

    def check_losses(self) -> None:
        """Check the losses since the last check; raises `DivergedRunError` for the first bad batch, which is saved."""
        pending = self.state.loss_monitor.pending
        if not pending:
            return
        position = self.state.step * self.params.gradient_accumulation - len(pending)
        pairs: Tensor = self.fabric.all_reduce(torch.stack(pending), reduce_op="sum")  # type: ignore[assignment]
        bad = self.state.loss_monitor.check(pairs.tolist(), self.params.loss_spike_factor)
        if bad is None:
            return
        position += bad[0]
        indices = self.batches.indices(position)
        batch = self._augmented_batch(position, batch_seed(self.params.seed, position, 0))
        ids = [self.dataset.ids[index] for index in indices]
        path = self.folder / "bad_batch.pt"
        if self.fabric.is_global_zero:
            content = {"ids": ids, "images": batch.images.cpu(), "tokens": batch.tokens.cpu()}
            atomic_write(path, lambda draft: torch.save(content, draft))
        raise DivergedRunError(
            f"{bad[1]} at step {position // self.params.gradient_accumulation}, on a batch of {len(indices)} with "
            f"{', '.join(ids[:4])}, saved in {path}; reduce learning_rate, or inspect these samples"
        )

    def evaluate(self, validation: Validation) -> dict[str, float]:
        """A row of metrics: scores, learning rate, and the means of loss and gradient norm since the last row."""
        self.check_losses()
        state = self.state
        row = {
            "samples": state.seen,
            "learning_rate": self.params.optimizer.learning_rate * self.learning_rate_factor,
        }
        if state.loss_monitor.losses:
            row["train_loss"] = float(np.mean(state.loss_monitor.losses))
        # A step with half precision whose gradient overflowed was left out.
        if norms := [norm for norm in state.loss_monitor.gradient_norms if math.isfinite(norm)]:
            row["gradient_norm"] = float(np.mean(norms))
        scores = {}
        if self.fabric.is_global_zero:
            self.update_batch_norm()
            with self.fabric.autocast():
                scores = validation.score(state.average, self.fabric.device)
        return row | self.fabric.broadcast(scores)

    def update_batch_norm(self) -> None:
        """Estimate the batch norm statistics of the averaged weights on about the last `batch_norm_samples` samples.

        The running statistics, which are copied from the trained network, were collected while its weights changed.
        """
        position, left = self.state.step * self.params.gradient_accumulation, self.params.batch_norm_samples
        images = []
        while left > 0 and position > 0:
            position -= 1
            seed = batch_seed(self.params.seed, position, 0)
            images.append(self._augmented_batch(position, seed).images)
            left -= len(images[-1])
        if images:
            update_batch_norm(self.state.average, images)

    def optimizer_state(self) -> dict[str, Tensor]:
        """State of the optimizers in half precision, as `optim.restore_optimizer_state` loads it."""
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
            self.dataset.shapes,
            self.dataset_hash,
            self.params.model_dump(mode="json", exclude={"model"}),
            counts,
            started_from=self.pretrained.history if self.pretrained else (),
        )


def batch_seed(seed: int, position: int, rank: int) -> int:
    """A seed of its own for every batch and process."""
    return int(np.random.SeedSequence([seed, position, rank]).generate_state(1)[0])
