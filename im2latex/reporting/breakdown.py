"""metrics.json as findings: scores of parts of the samples, kinds of predictions, confused tokens."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from im2latex.reporting.breakdown_model import Breakdown, Errors, Kind, Part
from im2latex.reporting.scores import BY_LENGTH, LABELS

FEATURES: Mapping[str, str] = MappingProxyType(
    {
        "plain": "None of those below",
        "script": "Sub- or superscripts",
        "font": "Font commands",
        "accent": "Accents",
        "fraction_depth_1": "Fractions",
        "fraction_depth_2": "Fractions in fractions",
        "fraction_depth_3": "Fractions three deep or more",
        "root": "Roots",
        "large_operator": "Large operators",
        "sized_delimiter": "Sized delimiters",
        "matrix": "Matrices, cases, arrays",
        "several_lines": "Several lines",
        "text": "Words",
    }
)
"""The features of scoring.features in words, in the order shown."""

KINDS: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "exact": ("Same string", True),
        "same_image": ("Other string, same image", True),
        "spacing_only": ("Only spacing differs", False),
        "one_token": ("One token wrong", False),
        "several_tokens": ("Several tokens wrong", False),
        "no_image": ("Does not typeset", False),
        "empty": ("Nothing was read", False),
    }
)
"""The kinds of scoring.confusion in words, and whether the formula was read right."""

SHOWN = 12
"""Confused tokens of each kind on the page; metrics.json may list more."""


def breakdowns(metrics: Mapping[str, Any]) -> tuple[Breakdown, ...]:
    """The first score that is drawn by length, by feature and, where samples have groups, by source."""
    score = next(name for name in BY_LENGTH[0] if name in metrics)
    features = {label: metrics["by_feature"].get(name) for name, label in FEATURES.items()}
    found = [
        _breakdown("By what is in the formula", "A formula may have several features.", score, features),
        _breakdown("By source", "The largest groups of formulas.", score, metrics.get("by_group", {})),
    ]
    return tuple(one for one in found if one.parts)


def _breakdown(title: str, note: str, score: str, blocks: Mapping[str, Mapping[str, Any] | None]) -> Breakdown:
    parts = [
        Part(label, block["n"], block[score], (block["intervals"][score][0], block["intervals"][score][1]))
        for label, block in blocks.items()
        if block
    ]
    return Breakdown(title, note, LABELS[score][0], tuple(parts))


def errors(metrics: Mapping[str, Any]) -> Errors:
    """Kinds of predictions in the order of `KINDS`, and the most frequent edits."""
    found = metrics["errors"]
    edits = dict(found["edits"])
    kinds = [(found["kinds"].get(name), *words) for name, words in KINDS.items()]
    return Errors(
        kinds=tuple(Kind(label, samples, right) for samples, label, right in kinds if samples),
        of_spacing=edits.pop("of_spacing"),
        edits=tuple(edits.items()),
        replaced=tuple((read[0], read[1], read[2]) for read in found["replaced"][:SHOWN]),
        missing=tuple((token, count) for token, count in found["missing"][:SHOWN]),
        extra=tuple((token, count) for token, count in found["extra"][:SHOWN]),
    )
