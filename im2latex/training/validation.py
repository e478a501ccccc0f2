"""How good a network is on a fixed part of the split val: loss, token errors, exact formulas, and a few readings."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import greedy
from im2latex.models.model import Network
from im2latex.training.collate import Batch, collate
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.losses import sequence_loss
from im2latex.training.sampler import BatchParams, bucket_batches


class ValidationExample(NamedTuple):
    """What a network reads in the image of one sample: ids of the label and of the hypothesis, without marks."""

    formula_id: str
    reference: list[int]
    hypothesis: list[int]


class Validation:
    """A fixed, evenly spread choice of `count` samples, cut into batches once.

    `readings` are those of `examples` of them, spread as evenly, at the last scoring. Without `search` nothing is read,
    and the loss is the only score.
    """

    def __init__(
        self, samples: InMemoryDataset, count: int, params: BatchParams, examples: int = 0, search: bool = True
    ) -> None:
        chosen = _spread(len(samples), count)
        self.readings: list[ValidationExample] = []
        self._shown = [samples.ids[chosen[place]] for place in _spread(len(chosen), examples)]
        self._samples, self._search = samples, search
        self._batches = bucket_batches(samples, params, indices=chosen)
        self._max_tokens = max(shape.tokens for shape in samples.shapes)

    @torch.inference_mode()
    def score(self, network: Network, device: torch.device) -> dict[str, float]:
        """Loss a token (nats), token errors (Levenshtein) a reference token, and share of exact formulas."""
        readings: dict[str, ValidationExample] = {}
        loss = tokens = edits = length = exact = count = 0.0
        for batch in self._read():
            images, references = batch.images.to(device), batch.tokens.to(device)
            logits = network(images, references[:, :-1]).logits
            scored = int((references[:, 1:] != Vocabulary.pad).sum())
            loss += sequence_loss(logits, references).item() * scored
            tokens += scored
            if not self._search:
                continue
            hypotheses = greedy(network, images, self._max_tokens)
            for name, reference, found in zip(batch.ids, batch.tokens.tolist(), hypotheses, strict=True):
                wanted = [token for token in reference if token not in (Vocabulary.pad, Vocabulary.bos, Vocabulary.eos)]
                edits += Levenshtein.distance(wanted, found.tokens)
                length += len(wanted)
                exact += wanted == found.tokens
                count += 1
                readings[name] = ValidationExample(name, wanted, found.tokens)
        if not self._search:
            return {"val_loss": loss / tokens}
        self.readings = [readings[name] for name in self._shown]
        return {"val_loss": loss / tokens, "val_token_error": edits / length, "val_exact": exact / count}

    def _read(self) -> Iterator[Batch]:
        return (collate(self._samples, indices) for indices in self._batches)


def _spread(size: int, count: int) -> list[int]:
    """At most `count` places of `size`, evenly spread, both ends among them."""
    places: list[int] = np.linspace(0, size - 1, min(count, size)).round().astype(int).tolist()
    return places
