"""How good a network is on a fixed part of the split val: loss, token errors, exact formulas."""

from collections.abc import Iterator

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.learning.batches import Batch, BatchParams, Samples, collate, plan
from im2latex.learning.losses import sequence_loss
from im2latex.learning.network import Network
from im2latex.learning.search import greedy


class Validation:
    """A fixed, evenly spread choice of `count` samples, cut into batches once."""

    def __init__(self, samples: Samples, count: int, params: BatchParams) -> None:
        chosen = np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(int).tolist()
        self._samples = samples
        self._batches = plan(samples, params, chosen=chosen)
        self._max_tokens = max(shape.tokens for shape in samples.shapes)

    @torch.inference_mode()
    def score(self, network: Network, device: torch.device) -> dict[str, float]:
        """Loss a token (nats), token errors (Levenshtein) a reference token, and share of exact formulas."""
        loss = tokens = edits = length = exact = count = 0.0
        for batch in self._read():
            images, references = batch.images.to(device), batch.tokens.to(device)
            logits = network(images, references[:, :-1]).logits
            scored = int((references[:, 1:] != Vocabulary.pad).sum())
            loss += sequence_loss(logits, references).item() * scored
            tokens += scored
            for reference, found in zip(batch.tokens.tolist(), greedy(network, images, self._max_tokens), strict=True):
                wanted = [token for token in reference if token not in (Vocabulary.pad, Vocabulary.bos, Vocabulary.eos)]
                edits += Levenshtein.distance(wanted, found.tokens)
                length += len(wanted)
                exact += wanted == found.tokens
                count += 1
        return {"val_loss": loss / tokens, "val_token_error": edits / length, "val_exact": exact / count}

    def _read(self) -> Iterator[Batch]:
        return (collate(self._samples, indices) for indices in self._batches)
