from pathlib import Path

import numpy as np
import pytest
import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import Hypothesis
from im2latex.models.model import Network
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.early_stopping import monitored_value
from im2latex.training.sampler import BatchParams
from im2latex.training.validation import Validation

CPU = torch.device("cpu")


def test_scores_do_not_depend_on_the_batches(network: Network, shards: Path, vocabulary: Vocabulary) -> None:
    samples = MemoryMappedDataset(shards, "val")
    first, second = (
        Validation(samples, 5, BatchParams(max_images=size, max_pixels=20_000, max_tokens=200), vocabulary).score(
            network, CPU
        )
        for size in (1, 10)
    )
    assert set(first) == {"val_loss", "val_token_error", "val_exact", "val_bleu"}
    assert first["val_token_error"] == second["val_token_error"] > 0
    assert first["val_loss"] == pytest.approx(second["val_loss"], rel=1e-3)


def test_without_a_vocabulary_the_loss_is_the_only_score(
    network: Network, shards: Path, vocabulary: Vocabulary
) -> None:
    samples, params = MemoryMappedDataset(shards, "val"), BatchParams(max_images=4, max_pixels=20_000, max_tokens=200)
    whole = Validation(samples, 6, params, vocabulary).score(network, CPU)
    assert Validation(samples, 6, params).score(network, CPU) == {"val_loss": whole["val_loss"]}


def test_the_same_few_samples_are_predicted_each_time(network: Network, shards: Path, vocabulary: Vocabulary) -> None:
    samples = MemoryMappedDataset(shards, "val")
    params = BatchParams(max_images=4, max_pixels=20_000, max_tokens=200)
    validation = Validation(samples, 6, params, vocabulary, example_count=3)
    scores = [validation.score(network, CPU), validation.score(network, CPU)]
    assert scores[0] == scores[1]
    assert [example.formula_id for example in validation.examples] == [samples.ids[place] for place in (0, 4, 9)]
    for example in validation.examples:
        index = samples.ids.index(example.formula_id)
        assert example.reference == list(samples.label(index))
        assert example.hypothesis != example.reference, "random weights predict nothing"
        assert np.array_equal(validation.image(example.formula_id), samples.array(index))


def test_perfect_predictions_have_bleu_one(
    network: Network, shards: Path, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = MemoryMappedDataset(shards, "val")
    params = BatchParams(max_images=1, max_pixels=20_000, max_tokens=200)
    validation = Validation(samples, 10, params, vocabulary)
    order = iter([index for batch in validation._batches for index in batch])
    monkeypatch.setattr(
        "im2latex.training.validation.greedy", lambda *_: [Hypothesis(list(samples.label(next(order))), 0.0, True)]
    )
    scores = validation.score(network, CPU)
    assert (scores["val_bleu"], scores["val_exact"], scores["val_token_error"]) == (1, 1, 0)
    assert monitored_value(scores, "val_bleu") < monitored_value({"val_bleu": 0.5}, "val_bleu")
