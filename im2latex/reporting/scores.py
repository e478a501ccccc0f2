"""Names of scores in words, and metrics.json as rows for people: the HTML page and the Markdown tables share them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from im2latex.reporting.breakdown_model import Part
from im2latex.reporting.report_model import ByLength, Score

LABELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "image_exact": ("Same image", "typeset at 200 dpi, every pixel of ink is equal"),
        "exact": ("Same string", "all tokens equal"),
        "bleu": ("BLEU-4", "corpus BLEU over tokens, no smoothing"),
        "edit": ("Edit similarity", "1 − token edits / longer length"),
        "token_error_rate": ("Token error rate", "token edits / reference length"),
        "cer": ("Character error rate", "character edits / reference length"),
        "image_edit": ("Column edit similarity", "1 − pixel-column edits / larger width"),
        "image_match": ("Tolerant match", "the published rule; forgives extra ink"),
        "image_match_nospace": ("Tolerant match, no spaces", "the same, blank columns removed"),
        "cdm": ("CDM", "matched glyph boxes, F1"),
        "cdm_exact": ("CDM exact", "all glyph boxes matched"),
        "cdm_strict": ("CDM strict", "the same, in place and size to half a pixel at 200 dpi"),
        "compiles": ("Typesets", "the prediction is valid LaTeX"),
    }
)
"""Label and meaning of each score, in the order shown."""

LOWER_IS_BETTER = frozenset({"token_error_rate", "cer"})

CONTROLS: Mapping[str, str] = MappingProxyType(
    {
        "blank": "Blank image",
        "most_frequent": "Most frequent",
        "empty": "Empty",
        "one_changed": "One token changed",
    }
)
"""What the model is compared with, in the order shown."""

BY_LENGTH = (("image_exact", "exact"), ("edit",))
"""Scores that are drawn by length: of each group the first that was computed."""


def controls(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The blocks of the controls that were scored, by their names in metrics.json."""
    blocks = {**metrics.get("baselines", {})}
    if "blank" in metrics:
        blocks["blank"] = metrics["blank"]
    return {name: blocks[name] for name in CONTROLS if name in blocks}


def scores(metrics: Mapping[str, Any]) -> tuple[Score, ...]:
    """One row a score, in the order of `LABELS`."""
    blocks = controls(metrics).values()
    rows = []
    for name, (label, meaning) in LABELS.items():
        if name in metrics:
            interval = metrics.get("intervals", {}).get(name)
            beside = tuple(block.get(name) for block in blocks)
            bounds = (interval[0], interval[1]) if interval else None
            rows.append(Score(name, label, meaning, name in LOWER_IS_BETTER, metrics[name], bounds, beside))
    return tuple(rows)


def by_length(metrics: Mapping[str, Any]) -> tuple[ByLength, ...]:
    """Scores over classes of reference length."""
    classes: Mapping[str, Any] = metrics["by_length"]
    found = [[name for name in group if name in metrics][:1] for group in BY_LENGTH]
    return tuple(
        ByLength(
            LABELS[name][0],
            tuple(
                Part(length, block["n"], block[name], tuple(block["intervals"][name]))
                for length, block in classes.items()
            ),
        )
        for group in found
        for name in group
    )
