"""Sections of the report from single artifacts: audit, vocabulary coverage, attention maps, robustness.

reads   <data>/audit/faults.parquet         formulas with both images; <reports>/audit.json has the counts
        <data>/tokenize/vocabulary.json     entries and their counts in the training split
        <data>/tokenize/labels.parquet      schemas.LABELS of all splits, before any filter
        <data>/predict/attention.parquet    schemas.ATTENTION
        <reports>/robustness.json           {"checkpoint": SHA-256 of model.safetensors, "conditions": [{"name", "n",
                                            "image_exact", "bleu", "of_clean"}, ...]}

The robustness benchmark takes long and is no stage. The repository has its file, empty until something is measured, so
that it can be a dependency of the report; a run without DVC may lack it. It names the checkpoint that was measured, and
is shown for no other.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.io.json_files import read_json
from im2latex.io.parquet import read_table
from im2latex.reporting.figures import stored_image
from im2latex.reporting.report_model import (
    AttentionMap,
    AuditFault,
    AuditSummary,
    InlineImage,
    RobustnessCondition,
    SplitCoverage,
    VocabularyCoverage,
)
from im2latex.types import SPLITS

_SHOWN = 12
"""Faults that are shown with images; faults.parquet has all."""


def read_audit(data: Path, reports: Path, density: float) -> AuditSummary:
    """Counts, causes and the first faults; raises `ArtifactError` where the audit has not run."""
    summary = read_json(reports / "audit.json")
    rows = read_table(data / "audit" / "faults.parquet").slice(0, _SHOWN).to_pylist()
    return AuditSummary(
        audited=summary["formulas"],
        printable=summary["same"] + summary["changed"] + summary["broken"] + summary["refused"],
        same=summary["same"],
        changed=summary["changed"],
        broken=summary["broken"],
        not_idempotent=summary["not_idempotent"],
        causes=tuple(summary["rules_of_changed"].items()),
        faults=tuple(_fault(row, density) for row in rows),
    )


def _fault(row: dict[str, Any], density: float) -> AuditFault:
    return AuditFault(
        row["outcome"],
        row["rules"],
        row["raw"],
        row["latex"] or "",
        _image(row["before"], density),
        _image(row["after"], density),
    )


def _image(image: dict[str, Any] | None, density: float) -> InlineImage | None:
    return stored_image(image["bytes"], density) if image else None


RARE_BELOW = (5, 10, 20, 50, 100)
"""Counts in the training split below which an entry may be called rare."""

_RAREST = 12


def read_coverage(folder: Path) -> VocabularyCoverage:
    """Unknown tokens by split and rare entries in training; raises `ArtifactError` where the stage has not run."""
    counts = Vocabulary.load(folder / "vocabulary.json").counts
    labels = read_table(folder / "labels.parquet", ["split", "tokens", "unknown"])
    sort_runs = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    return VocabularyCoverage(
        entries=len(counts),
        splits=tuple(
            _split_coverage(split, labels) for split in SPLITS if split in pc.unique(labels["split"]).to_pylist()
        ),
        seen_fewer=tuple((least, sum(count < least for count in counts.values())) for least in RARE_BELOW),
        rarest=tuple(sort_runs[:_RAREST]),
    )


def _split_coverage(split: str, labels: pa.Table) -> SplitCoverage:
    mine = labels.filter(pc.equal(labels["split"], split))
    unknown, length = mine["unknown"], pc.list_value_length(mine["tokens"])
    return SplitCoverage(split, mine.num_rows, _sum(pc.greater(unknown, 0)), _sum(length), _sum(unknown))


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)


def read_attention_maps(path: Path, density: float) -> tuple[AttentionMap, ...]:
    """The samples in the order in which they were drawn; none for a model without attention maps."""
    attention_maps = []
    for row in read_table(path).to_pylist():
        page = stored_image(row["page"]["bytes"], density)
        if page is not None:
            maps = np.array(row["maps"], np.float32).reshape(len(row["tokens"]), row["rows"], row["columns"])
            attention_maps.append(AttentionMap(row["formula_id"], page, tuple(row["tokens"]), maps))
    return tuple(attention_maps)


def read_robustness(path: Path, weights: str | None) -> tuple[RobustnessCondition, ...]:
    """The conditions measured with the weights of this SHA-256; none where another model was measured."""
    measured = read_json(path, "git checkout reports/robustness.json") if path.is_file() else {}
    if weights is None or measured.get("checkpoint") != weights:
        return ()
    return tuple(
        RobustnessCondition(one["name"], one["n"], one["image_exact"], one["bleu"], one["of_clean"])
        for one in measured["conditions"]
    )
