"""Audit of the normalizer: each formula is rendered as given and as normalized, and the images are compared.

A pair counts as the same image if the ink is equal, pixel by pixel, after cropping (`images.compare.same_ink`). The
identity always passes this test; it does not map two spellings of an image to one, which is what a normalizer is for.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from typing import Literal

import pyarrow as pa
from pydantic import Field

from im2latex.config import Params
from im2latex.errors import LatexError
from im2latex.images.compare import same_ink
from im2latex.latex.normalizer import Normalizer
from im2latex.rendering.renderer import Renderer, Rendering
from im2latex.schemas import IMAGE


class AuditParams(Params):
    """Section `audit` of params.yaml."""

    sample: int = Field(default=1500, ge=0, description="formulas to audit; 0 for all")
    seed: int = Field(default=0, ge=0, description="seed of the selection of these formulas")


Outcome = Literal["same", "changed", "broken", "mended", "unprintable", "refused", "refused_unprintable"]
OUTCOMES: dict[Outcome, str] = {
    "same": "both forms print the same image",
    "changed": "both print, and the images differ",
    "broken": "the raw form prints, the normalized one does not",
    "mended": "the normalized form prints, the raw one does not",
    "unprintable": "neither form prints",
    "refused": "the raw form prints, and the normalizer refused it",
    "refused_unprintable": "the raw form does not print, and the normalizer refused it",
}
FAULTS = pa.schema(
    [
        ("formula_id", pa.string()),
        ("outcome", pa.string()),
        ("rules", pa.string()),
        ("raw", pa.string()),
        ("latex", pa.string()),
        ("before", IMAGE),
        ("after", IMAGE),
    ]
)
"""Columns of a formula that the normalizer handled wrongly, with the images of both forms."""
_CHUNK = 2000
"""Formulas rendered at a time, so that the images of a large dataset are never all in memory."""
_MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class AuditedFormula:
    """The outcome for one formula: why it was refused or does not print, and the rules that changed it, in order."""

    raw: str
    latex: str | None
    outcome: Outcome
    reason: str
    rules: tuple[str, ...]
    idempotent: bool
    before: Rendering
    after: Rendering

    @property
    def is_fault(self) -> bool:
        """Whether the normalizer changed or lost the image, or is not idempotent here."""
        return self.outcome in ("changed", "broken", "refused") or not self.idempotent


def audit_formulas(formulas: Iterable[str], normalizer: Normalizer, renderer: Renderer) -> Iterator[AuditedFormula]:
    """Audit each formula, in order."""
    rest = iter(formulas)
    while chunk := list(islice(rest, _CHUNK)):
        yield from _audit_chunk(chunk, normalizer, renderer)


def _audit_chunk(raws: Sequence[str], normalizer: Normalizer, renderer: Renderer) -> Iterator[AuditedFormula]:
    normalized = [_normalized(raw, normalizer) for raw in raws]
    before = renderer.render(raws)
    after = renderer.render([latex or "" for latex, _ in normalized])
    for raw, (latex, refusal), first, second in zip(raws, normalized, before, after, strict=True):
        if latex is None:
            outcome: Outcome = "refused_unprintable" if first.pixels is None else "refused"
            yield AuditedFormula(raw, None, outcome, refusal, (), True, first, second)
            continue
        outcome = _outcome(first, second)
        reason = second.reason if outcome == "broken" else first.reason
        rules = () if outcome == "same" else tuple(name for name, _ in normalizer.explain(raw)[1:])
        again, _ = _normalized(latex, normalizer)
        yield AuditedFormula(raw, latex, outcome, reason or "", rules, again == latex, first, second)


def _normalized(formula: str, normalizer: Normalizer) -> tuple[str | None, str]:
    try:
        return normalizer.normalize(formula), ""
    except LatexError as error:
        return None, error.reason


def _outcome(before: Rendering, after: Rendering) -> Outcome:
    if before.pixels is None:
        return "unprintable" if after.pixels is None else "mended"
    if after.pixels is None:
        return "broken"
    return "same" if same_ink(before.pixels, after.pixels) else "changed"


class AuditCounts:
    """Counts of outcomes, without images."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.refusals: Counter[str] = Counter()
        self.refusals_of_printable: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.unstable = 0

    def add(self, one: AuditedFormula) -> None:
        """Count one formula."""
        self.outcomes[one.outcome] += 1
        self.unstable += not one.idempotent
        if one.latex is None:
            self.refusals[one.reason] += 1
        if one.outcome == "refused":
            self.refusals_of_printable[one.reason] += 1
        if one.outcome in ("changed", "broken"):
            self.causes[" + ".join(one.rules) or "parse"] += 1

    def summary(self) -> dict[str, object]:
        """Counts and rates for JSON; a rate over nothing is 1."""
        count = self.outcomes
        accepted = count["same"] + count["changed"] + count["broken"]
        normalized = accepted + count["mended"] + count["unprintable"]
        return {
            "formulas": count.total(),
            **{outcome: count[outcome] for outcome in OUTCOMES},
            "not_idempotent": self.unstable,
            "accepted_rate": _rate(accepted, accepted + count["refused"]),
            "same_image_rate": _rate(count["same"], accepted),
            "idempotent_rate": _rate(normalized - self.unstable, normalized),
            "refusals": dict(self.refusals.most_common(_MOST_REASONS)),
            "refusals_of_printable": dict(self.refusals_of_printable.most_common(_MOST_REASONS)),
            "rules_of_changed": dict(self.causes.most_common(_MOST_REASONS)),
        }


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 1.0


def sample_formulas(formulas: Iterable[str], size: int, seed: int) -> list[str]:
    """`size` of the formulas, chosen by a seeded hash of each, in their order; all of them for size 0."""
    if not size:
        return list(formulas)

    def rank(numbered: tuple[int, str]) -> bytes:
        return hashlib.sha256(f"{seed}\0{numbered[1]}".encode("utf-8", "surrogatepass")).digest()

    return [formula for _, formula in sorted(nsmallest(size, enumerate(formulas), key=rank))]
