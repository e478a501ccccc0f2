"""The report as frozen values: what `build` collects from the artifacts and `html` and `markdown` write."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SubsetScore:
    """One metric over a subset of the samples, such as those of some length or with some feature."""

    name: str
    samples: int
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One metric over several subsets; `note` is a sentence about them."""

    title: str
    note: str
    label: str
    parts: tuple[SubsetScore, ...]


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """The number of predictions of one kind; `correct` where their image is that of the reference."""

    label: str
    samples: int
    correct: bool


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """Predictions that differ in one class of tokens, those that differ in no other, and what that costs.

    `cost` is the share of all predictions whose image is wrong by this class alone.
    """

    label: str
    samples: int
    alone: int
    cost: float


@dataclass(frozen=True, slots=True)
class ErrorSummary:
    """Kinds of predictions, classes of errors, and the most frequent token edits with their number.

    `replaced` holds (token of the reference, predicted token, count), the others (token, count). `edits` are all
    edits by kind, `of_spacing` the number of edits of spacing among them.
    """

    kinds: tuple[ErrorCount, ...]
    edits: tuple[tuple[str, int], ...]
    of_spacing: int
    replaced: tuple[tuple[str, str, int], ...]
    missing: tuple[tuple[str, int], ...]
    extra: tuple[tuple[str, int], ...]
    classes: tuple[ErrorClass, ...] = ()


@dataclass(frozen=True, slots=True)
class RobustnessCondition:
    """Images degraded in one way, predicted by the same model; `of_clean` is the share of its score on clean images."""

    name: str
    samples: int
    image_exact: float
    bleu: float
    of_clean: float


@dataclass(frozen=True, slots=True)
class SplitCoverage:
    """Formulas and tokens of a split before any filter, and how many are not in the vocabulary."""

    split: str
    formulas: int
    formulas_with_unknown: int
    tokens: int
    unknown: int


@dataclass(frozen=True, slots=True)
class VocabularyCoverage:
    """Coverage of the data by the vocabulary.

    `seen_fewer` holds (k, number of entries seen fewer than k times in training); `rarest` entries with their counts.
    """

    entries: int
    splits: tuple[SplitCoverage, ...]
    seen_fewer: tuple[tuple[int, int], ...]
    rarest: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class InlineImage:
    """A PNG and the size it is shown at, in CSS pixels."""

    png: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class AttentionMap:
    """Attention of the model over a page for each of T predicted tokens: `maps` (T, rows, columns), shares of one."""

    formula_id: str
    page: InlineImage
    tokens: tuple[str, ...]
    maps: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One metric of the model and of the baselines, on the same references."""

    name: str
    label: str
    description: str
    lower_is_better: bool
    value: float
    interval: tuple[float, float] | None
    baselines: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class StageLedger:
    """The ledger of one stage; reasons by decreasing count."""

    stage: str
    seen: int
    kept: int
    dropped: int
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of samples in classes `edges[i]` to `edges[i + 1]`, the last edge included."""

    title: str
    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Padding:
    """Number of bucket shapes, and the share of padded pixels and tokens that is not padding."""

    shapes: int
    pixels: float
    tokens: float


@dataclass(frozen=True, slots=True)
class CurveLine:
    """One named line of a chart: (x, y) by increasing x."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Lines over samples seen in training."""

    title: str
    lines: tuple[CurveLine, ...]


@dataclass(frozen=True, slots=True)
class ValidationPredictions:
    """Predictions of one validation image after so many training samples, in the order of training."""

    formula_id: str
    reference: str
    predictions: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class LengthChart:
    """One metric over classes of reference length in tokens."""

    label: str
    classes: tuple[SubsetScore, ...]


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """A class of samples: the mean of what it is sorted by, the share of correct ones with its interval, the count."""

    x: float
    value: float
    interval: tuple[float, float]
    samples: int


@dataclass(frozen=True, slots=True)
class ScoreCurve:
    """Share of correct samples by something else; `calibration_error` is None where that is no probability."""

    title: str
    axis: str
    points: tuple[ScorePoint, ...]
    calibration_error: float | None


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """An image of the training split with its label."""

    formula_id: str
    latex: str
    image: InlineImage


@dataclass(frozen=True, slots=True)
class PreviousScores:
    """Scores by name that were committed before, and the commit in words."""

    commit: str
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Example:
    """One sample: the input image, the prediction and its errors. `same_image` is None without image metrics."""

    formula_id: str
    reference: str
    hypothesis: str
    edits: int
    same_image: bool | None
    failure: str | None
    input: InlineImage | None
    prediction: InlineImage | None
    difference: InlineImage | None


@dataclass(frozen=True, slots=True)
class Gallery:
    """Examples selected by one rule; `rule` is that rule in words."""

    title: str
    rule: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class AuditFault:
    """A formula whose image the normalizer changed, or for which it is not idempotent."""

    outcome: str
    rules: str
    raw: str
    latex: str
    before: InlineImage | None
    after: InlineImage | None


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """Outcomes of the audited formulas that print as given; `causes` are rules by decreasing count."""

    audited: int
    printable: int
    same: int
    changed: int
    broken: int
    not_idempotent: int
    causes: tuple[tuple[str, int], ...]
    faults: tuple[AuditFault, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of the numbers: hashes, tool versions, and the text of params.yaml."""

    facts: Mapping[str, str]
    tools: Mapping[str, str]
    params: str


@dataclass(frozen=True, slots=True)
class ReportContent:
    """The whole report. `overview` names the run; `baselines` are the column titles of `ScoreRow.baselines`."""

    title: str
    overview: Mapping[str, str]
    split: str
    samples: int
    failures: Mapping[str, int]
    reference_failures: Mapping[str, int]
    baselines: tuple[str, ...]
    scores: tuple[ScoreRow, ...]
    previous: PreviousScores | None
    score_curves: tuple[ScoreCurve, ...]
    stages: tuple[StageLedger, ...]
    audit: AuditSummary
    histograms: tuple[Histogram, ...]
    padding: Padding
    training_samples: tuple[TrainingSample, ...]
    curves: tuple[LearningCurve, ...]
    validation_predictions: tuple[ValidationPredictions, ...]
    by_length: tuple[LengthChart, ...]
    breakdowns: tuple[Breakdown, ...]
    errors: ErrorSummary
    robustness: tuple[RobustnessCondition, ...]
    vocabulary: VocabularyCoverage
    attention_maps: tuple[AttentionMap, ...]
    galleries: tuple[Gallery, ...]
    provenance: Provenance
