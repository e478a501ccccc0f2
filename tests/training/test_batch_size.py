"""Limits of a batch that are `auto`, with a fake memory of an accelerator."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.config import check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ParamsError
from im2latex.training.batch_size import MEMORY_SHARE, MULTIPLE, find_batch_size
from im2latex.training.collate import collate
from im2latex.training.config import TrainParams
from im2latex.training.sampler import BatchParams
from im2latex.training.state import InterruptedRunError
from tests.training.helpers import Recorder, assert_same_weights, fit

WEIGHTS, SAMPLE, MEMORY = 10**6, 10**5, 4 * 10**6
AUTO = {"max_images": "auto", "max_pixels": "auto", "max_tokens": "auto"}


class FakeMemory:
    """An accelerator whose steps hold WEIGHTS bytes and SAMPLE more for each image."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried: list[int] = []
        self._images = 0

        def counted(dataset: Any, indices: list[int], *rest: Any) -> Any:
            self._images = len(indices)
            return collate(dataset, indices, *rest)

        monkeypatch.setattr("im2latex.training.batch_size.collate", counted)
        monkeypatch.setattr("im2latex.training.batch_size.accelerator_memory", lambda device: self)

    def usable(self) -> int:
        return MEMORY

    def peak(self, step: Callable[[], None]) -> int:
        step()
        self.tried.append(self._images)
        return WEIGHTS + SAMPLE * self._images

    def release(self) -> None:
        pass


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 10**11), st.integers(1, 5000))
def test_the_largest_size_that_fits_is_found_without_a_step_that_does_not(
    weights: int, sample: int, limit: int, most: int
) -> None:
    tried = []

    def peak(size: int) -> int:
        tried.append(size)
        return weights + sample * size

    size, used = find_batch_size(peak, limit, most)
    fits = max(1, min(most, (limit - weights) // sample))
    if limit < 2 * peak(1):  # what part of the first belongs to the weights is unknown
        fits = 1
    assert size == (fits if fits <= MULTIPLE else fits - fits % MULTIPLE)
    assert used == peak(size)
    assert max(tried) <= fits
    assert len(tried) < 40


def test_kernels_that_need_more_for_large_batches_are_backed_away_from() -> None:
    size, used = find_batch_size(lambda size: 10 * size + (900 if size > 40 else 0), 1000, 1000)
    assert (size, used) == (40, 400)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_auto_fills_the_memory_and_trains_as_these_numbers_do(
    values: dict[str, Any],
    shards: Path,
    vocabulary: Vocabulary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
) -> None:
    monkeypatch.setattr("im2latex.training.trainer.choose_precision", lambda requested, accelerator: requested)
    values["precision"] = precision
    numbers = {"max_images": 16, "max_pixels": 16 * 32 * 64, "max_tokens": 16 * (8 + 2)}
    assert WEIGHTS + 16 * SAMPLE <= MEMORY * MEMORY_SHARE < WEIGHTS + 24 * SAMPLE
    explicit = fit(TrainParams.model_validate(values | {"batches": numbers}), shards, vocabulary, tmp_path / "numbers")
    memory, recorder = FakeMemory(monkeypatch), Recorder()
    found = fit(TrainParams.model_validate(values | {"batches": AUTO}), shards, vocabulary, tmp_path / "auto", recorder)
    assert {name: found.recipe["batches"][name] for name in AUTO} == numbers
    assert max(memory.tried) <= 20, "those of the training split"
    assert_same_weights(found, explicit)
    assert any("auto is max_images = 16, max_pixels = 32768, max_tokens = 160" in line for line in recorder.messages)
    assert any("16 images of 32x64 pixels and 8 tokens" in line for line in recorder.messages)


def test_a_number_beside_auto_stays(
    values: dict[str, Any], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = FakeMemory(monkeypatch)
    values["batches"] = AUTO | {"max_images": 3}
    found = fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path)
    limits = found.recipe["batches"]
    assert (limits["max_images"], limits["max_pixels"]) == (3, 3 * 32 * 64)
    assert max(memory.tried) == 3


def test_a_resumed_run_keeps_its_batches_on_another_device(
    values: dict[str, Any], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values |= {"batches": AUTO, "budget": {"samples": 100}}
    params = TrainParams.model_validate(values)
    memory = FakeMemory(monkeypatch)
    whole = fit(params, shards, vocabulary, tmp_path / "whole")

    def stop(_: object) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    with pytest.raises(InterruptedRunError):
        fit(params, shards, vocabulary, tmp_path / "parts", Recorder(stop))
    memory.tried.clear()
    monkeypatch.setattr(memory, "usable", lambda: 10 * MEMORY)
    recorder = Recorder()
    assert_same_weights(whole, fit(params, shards, vocabulary, tmp_path / "parts", recorder))
    assert not memory.tried
    assert any("auto is max_images = 16" in line and "saved part" in line for line in recorder.messages)


def test_a_cpu_has_the_default(values: dict[str, Any], shards: Path, vocabulary: Vocabulary, tmp_path: Path) -> None:
    recorder = Recorder()
    values["batches"] = {"max_pixels": "auto", "max_tokens": 200, "max_images": 10}
    found = fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path, recorder)
    assert found.recipe["batches"]["max_pixels"] == BatchParams().max_pixels
    assert any("auto is max_pixels = 400000: the default" in line for line in recorder.messages)


def test_another_word_is_refused_with_both_rules() -> None:
    with pytest.raises(ParamsError, match=r"train\.batches\.max_images = 0: .*greater than or equal to 1, or 'auto'$"):
        check({"batches": {"max_images": 0}}, TrainParams, "params.yaml: train")
