"""Validation on a fixed part of the split val.

The scores are loss, token error rate, BLEU and exact match; a few predictions are examples.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import greedy
from im2latex.engines.torch_engine import TorchEngine
from im2latex.metrics.bootstrap import sum_columns
from im2latex.metrics.text import bleu, text_columns
from im2latex.models.model import Network
from im2latex.training.collate import Batch, collate
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.losses import sequence_loss
from im2latex.training.sampler import BatchParams, bucket_batches, padded_shape

Monitor = Literal["val_loss", "val_token_error", "val_exact", "val_bleu"]
"""Validation scores that a training can monitor."""
LARGER_IS_BETTER = frozenset(("val_exact", "val_bleu"))


class ValidationExample(NamedTuple):
    """Prediction for one sample: token ids of the label and of the hypothesis, without marks."""

    formula_id: str
    reference: list[int]
    hypothesis: list[int]


class Validation:
    """Scores of a fixed, evenly spaced selection of `count` samples.

    `predictions` are those of the last scoring, `examples` the ones for `example_count` of them. Without a
    `vocabulary` nothing is decoded, and the loss is the only score.
    """

    def __init__(
        self,
        dataset: MemoryMappedDataset,
        count: int,
        params: BatchParams,
        vocabulary: Vocabulary | None = None,
        example_count: int = 0,
    ) -> None:
        selected = _evenly_spaced(len(dataset), count)
        self.predictions: dict[str, ValidationExample] = {}
        self._indices = {dataset.ids[index]: index for index in selected}
        self._example_ids = [dataset.ids[selected[place]] for place in _evenly_spaced(len(selected), example_count)]
        self._dataset, self._vocabulary, self._params = dataset, vocabulary, params
        self._batches = bucket_batches(dataset, params, indices=selected)
        self._max_tokens = max(shape.tokens for shape in dataset.shapes)

    @property
    def examples(self) -> list[ValidationExample]:
        """The predictions for a few samples at the last scoring."""
        return [self.predictions[name] for name in self._example_ids if name in self.predictions]

    def image(self, formula_id: str) -> NDArray[np.uint8]:
        """The image (h, w) of a sample."""
        return self._dataset.array(self._indices[formula_id])

    def text(self, tokens: Sequence[int]) -> str:
        """Token ids as a formula."""
        return " ".join(self._vocabulary.decode(tokens)) if self._vocabulary else ""

    @torch.inference_mode()
    def score(self, network: Network, device: torch.device) -> dict[str, float]:
        """Loss per token (nats), token edits (Levenshtein) per reference token, BLEU-4, and share of exact formulas."""
        self.predictions = {}
        loss = tokens = edits = length = exact = count = 0.0
        for batch in (self._collate(indices) for indices in self._batches):
            images, references = batch.images.to(device), batch.tokens.to(device)
            logits = network(images, references[:, :-1]).logits
            scored = int((references[:, 1:] != Vocabulary.pad).sum())
            loss += sequence_loss(logits, references).item() * scored
            tokens += scored
            if self._vocabulary is None:
                continue
            hypotheses = greedy(TorchEngine(network), batch.images[:, 0].numpy(), self._max_tokens)
            names = [self._dataset.ids[index] for index in batch.indices]
            for name, reference, found in zip(names, batch.tokens.tolist(), hypotheses, strict=True):
                wanted = [token for token in reference if token not in (Vocabulary.pad, Vocabulary.bos, Vocabulary.eos)]
                edits += Levenshtein.distance(wanted, found.tokens)
                length += len(wanted)
                exact += wanted == found.tokens
                count += 1
                self.predictions[name] = ValidationExample(name, wanted, found.tokens)
        if self._vocabulary is None:
            return {"val_loss": loss / tokens}
        scores = {"val_loss": loss / tokens, "val_token_error": edits / length, "val_exact": exact / count}
        return scores | {"val_bleu": self._bleu()}

    def _collate(self, indices: list[int]) -> Batch:
        return collate(self._dataset, indices, shape=padded_shape(self._dataset, indices, self._params))

    def _bleu(self) -> float:
        pairs = [(self.text(one.reference), self.text(one.hypothesis)) for one in self.predictions.values()]
        references, hypotheses = zip(*pairs, strict=True)
        return float(bleu(sum_columns(text_columns(references, hypotheses)))[0])


def _evenly_spaced(size: int, count: int) -> list[int]:
    """At most `count` indices below `size`, evenly spaced, both ends included."""
    indices: list[int] = np.linspace(0, size - 1, min(count, size)).round().astype(int).tolist()
    return indices
