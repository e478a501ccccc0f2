"""What the page shows, as plain frozen values: the page knows no files, and files know no page."""

from collections.abc import Mapping
from dataclasses import dataclass

from im2latex.reporting.breakdown_model import (
    AttentionMap,
    Breakdown,
    Condition,
    Errors,
    InlineImage,
    Part,
    VocabularyUse,
)


@dataclass(frozen=True, slots=True)
class Score:
    """One score of the model and of the controls, which were scored on the same references."""

    name: str
    label: str
    meaning: str
    lower_is_better: bool
    value: float
    interval: tuple[float, float] | None
    controls: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class StageCount:
    """The ledger of one stage; reasons by falling count."""

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
    """How many shapes the buckets have, and the share of padded pixels and tokens that is not padding."""

    shapes: int
    pixels: float
    tokens: float


@dataclass(frozen=True, slots=True)
class Line:
    """One named line of a chart: (x, y) by rising x."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines over samples seen in training."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the model read in one validation image after so many samples, in the order of training."""

    formula_id: str
    reference: str
    readings: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class ByLength:
    """One score over classes of reference length in tokens."""

    label: str
    classes: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One sample as the model saw it, and what it made of it. `same_image` is None where that was not judged."""

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
    """Examples chosen by one rule, which `rule` states."""

    title: str
    rule: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A formula whose image the normalizer changed, or that it does not leave alone the second time."""

    outcome: str
    rules: str
    raw: str
    latex: str
    before: InlineImage | None
    after: InlineImage | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What became of the audited formulas that print as given; `causes` are rules by falling count."""

    audited: int
    printable: int
    same: int
    changed: int
    broken: int
    not_idempotent: int
    causes: tuple[tuple[str, int], ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers come from: hashes, tool versions, and params.yaml as it stood."""

    facts: Mapping[str, str]
    tools: Mapping[str, str]
    params: str


@dataclass(frozen=True, slots=True)
class PageContent:
    """Everything on the page. `controls` are the column titles of `Score.controls`."""

    title: str
    split: str
    samples: int
    failures: Mapping[str, int]
    reference_failures: Mapping[str, int]
    controls: tuple[str, ...]
    scores: tuple[Score, ...]
    stages: tuple[StageCount, ...]
    audit: Audit
    histograms: tuple[Histogram, ...]
    padding: Padding
    curves: tuple[Curve, ...]
    learnt: tuple[Learnt, ...]
    by_length: tuple[ByLength, ...]
    breakdowns: tuple[Breakdown, ...]
    errors: Errors
    conditions: tuple[Condition, ...]
    vocabulary: VocabularyUse
    attention_maps: tuple[AttentionMap, ...]
    galleries: tuple[Gallery, ...]
    provenance: Provenance
