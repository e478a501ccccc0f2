"""Validation on a fixed part of the split val.

The scores are loss, token error rate and exact match; a few predictions are examples.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import greedy
from im2latex.engines.torch_engine import TorchEngine
from im2latex.models.model import Network
from im2latex.training.collate import collate
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.losses import sequence_loss
from im2latex.training.sampler import BatchParams, bucket_batches

Monitor = Literal["val_loss", "val_token_error", "val_exact"]
"""Validation scores that a training can monitor; of the last, larger is better."""


class ValidationExample(NamedTuple):
    """Prediction for one sample: token ids of the label and of the hypothesis, without marks."""

    formula_id: str
    reference: list[int]
    hypothesis: list[int]


class Validation:
    """Scores of a fixed, evenly spaced selection of `count` samples.

    `examples` are the predictions for `example_count` of them at the last scoring. Without `search` nothing is
    decoded, and the loss is the only score.
    """

    def __init__(
        self, dataset: InMemoryDataset, count: int, params: BatchParams, example_count: int = 0, search: bool = True
    ) -> None:
        selected = _evenly_spaced(len(dataset), count)
        self.examples: list[ValidationExample] = []
        self._example_ids = [dataset.ids[selected[place]] for place in _evenly_spaced(len(selected), example_count)]
        self._dataset, self._search = dataset, search
        self._batches = bucket_batches(dataset, params, indices=selected)
        self._max_tokens = max(shape.tokens for shape in dataset.shapes)

    @torch.inference_mode()
    def score(self, network: Network, device: torch.device) -> dict[str, float]:
        """Loss per token (nats), token edits (Levenshtein) per reference token, and share of exact formulas."""
        predictions: dict[str, ValidationExample] = {}
        loss = tokens = edits = length = exact = count = 0.0
        for batch in (collate(self._dataset, indices) for indices in self._batches):
            images, references = batch.images.to(device), batch.tokens.to(device)
            logits = network(images, references[:, :-1]).logits
            scored = int((references[:, 1:] != Vocabulary.pad).sum())
            loss += sequence_loss(logits, references).item() * scored
            tokens += scored
            if not self._search:
                continue
            hypotheses = greedy(TorchEngine(network), batch.images[:, 0].numpy(), self._max_tokens)
            for name, reference, found in zip(batch.ids, batch.tokens.tolist(), hypotheses, strict=True):
                wanted = [token for token in reference if token not in (Vocabulary.pad, Vocabulary.bos, Vocabulary.eos)]
                edits += Levenshtein.distance(wanted, found.tokens)
                length += len(wanted)
                exact += wanted == found.tokens
                count += 1
                predictions[name] = ValidationExample(name, wanted, found.tokens)
        if not self._search:
            return {"val_loss": loss / tokens}
        self.examples = [predictions[name] for name in self._example_ids]
        return {"val_loss": loss / tokens, "val_token_error": edits / length, "val_exact": exact / count}


def _evenly_spaced(size: int, count: int) -> list[int]:
    """At most `count` indices below `size`, evenly spaced, both ends included."""
    indices: list[int] = np.linspace(0, size - 1, min(count, size)).round().astype(int).tolist()
    return indices
