import sys
from typing import Any

import pytest

from im2latex.reporting.provenance import training_budget


def manifest(samples: int, total: int, **content: Any) -> dict[str, Any]:
    budget = {"samples": None, "epochs": None, "minutes": None, "deadline_seconds": None} | content.pop("budget", {})
    return {"params": {"budget": budget}, "counts": {"samples": samples, "sample_budget": total}, **content}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, None),
        ({"counts": {"samples": 9}}, "9 samples"),
        (manifest(37_004, 37_000, budget={"samples": 37_000}), "37,004 samples"),
        (manifest(1_240, 1_234, budget={"samples": 1_234, "minutes": 60}), "1,240 samples"),
        (
            manifest(1_240, 1_234, budget={"minutes": 2.5}),
            "1,240 samples; budget by the clock: minutes = 2.5 became 1,234 samples",
        ),
        (
            manifest(800, 9_000, budget={"samples": 9_000, "deadline_seconds": 60}),
            "800 samples; budget by the clock: deadline_seconds = 60",
        ),
        (
            manifest(90, 90, earlier_budgets=[{"samples": 44, "sample_budget": 40}]),
            "90 samples; continued after 44 samples with a budget of 40",
        ),
        (
            manifest(800, sys.maxsize, stopped_early=True, budget={"deadline_seconds": 60}),
            "800 samples; budget by the clock: deadline_seconds = 60; ended by early stopping",
        ),
        (manifest(800, 9_000, stopped_early=True), "800 samples; ended by early stopping before its budget of 9,000"),
        (
            manifest(800, 9_000, accepted_as_it_is=True),
            "800 samples; stopped before its budget of 9,000",
        ),
    ],
)
def test_what_ended_a_training_is_named(content: dict[str, Any], words: str | None) -> None:
    assert training_budget(content) == words
