"""Calibrated confidence: the probability that the first candidate is the formula of the image.

A logistic regression (Platt, "Probabilistic Outputs for Support Vector Machines", 1999) on features of the candidates.
Its coefficients are fitted on images of held-out formulas in all styles (`recipes.confidence`) and come with the
checkpoint, in the file `confidence.json`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from im2latex.config import Params, check
from im2latex.errors import ArtifactError
from im2latex.inference.candidates import Evidence

FILE_NAME = "confidence.json"


def features(candidates: Sequence[Evidence], chosen: int = 0) -> dict[str, float]:
    """Features of the chosen one among the candidates of an image, by name.

    `log_share` is the logarithm of its part of the candidates' probability.
    """
    one = candidates[chosen]
    log_probabilities = np.array([other.log_probability for other in candidates])
    found = {
        "log_probability": one.log_probability,
        "mean_log_probability": one.log_probability / one.length,
        "log_share": one.log_probability - float(np.logaddexp.reduce(log_probabilities)),
    }
    if one.distance is not None:
        found["log_distance"] = one.log_distance
    return found


class Coefficients(Params):
    """Coefficients of a logistic regression."""

    intercept: float = Field(default=0.0, description="log odds where all features are 0")
    weights: dict[str, float] = Field(default={}, description="weight of each feature, by name")

    def probability(self, values: Mapping[str, float]) -> float:
        """The probability, from 0 to 1, for these features."""
        log_odds = self.intercept + sum(weight * values[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-min(max(log_odds, -30), 30)))


class ConfidenceModel(Params):
    """Coefficients for the choice of greedy search, of a beam, and of a beam whose candidates were rendered."""

    greedy: Coefficients = Field(default_factory=Coefficients, description="one candidate, not rendered")
    beam: Coefficients = Field(default_factory=Coefficients, description="several candidates, not rendered")
    rendered: Coefficients = Field(default_factory=Coefficients, description="rendered candidates")

    def probability(self, candidates: Sequence[Evidence], chosen: int = 0) -> float:
        """The probability that the chosen one among the candidates of an image is right."""
        values = features(candidates, chosen)
        if "log_distance" in values:
            return self.rendered.probability(values)
        return (self.greedy if len(candidates) == 1 else self.beam).probability(values)


def load_confidence_model(folder: Path) -> ConfidenceModel | None:
    """The confidence model of a checkpoint, None where it has none; raises `ArtifactError` for a damaged file."""
    path = folder / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: damaged ({error}); run `python -m recipes.confidence`") from None
    return check(content, ConfidenceModel, str(path))
