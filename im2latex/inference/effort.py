"""Effort: how much work a prediction may take. It is counted, never timed, so that results depend on no clock."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Effort = Literal["fast", "normal", "best"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)


@dataclass(frozen=True, slots=True)
class EffortParams:
    """Work per image.

    A greedy search comes first. If its confidence is below `sure`, a search with `beam` beams follows, whose candidates
    are rendered; then up to `rounds` rounds of repair, which render `edits` edits each.
    """

    confidence_threshold: float
    beam: int
    rounds: int
    edits: int


EFFORT_PARAMS: Mapping[Effort, EffortParams] = {
    "fast": EffortParams(confidence_threshold=0, beam=1, rounds=0, edits=0),
    "normal": EffortParams(confidence_threshold=0.9, beam=10, rounds=1, edits=16),
    "best": EffortParams(confidence_threshold=math.inf, beam=20, rounds=4, edits=24),
}
