"""The audit of the normalizer as the page shows it.

reads   <data>/audit/faults.parquet     formulas with both images
        <reports>/audit.json            counts
"""

from pathlib import Path
from typing import Any

from im2latex.io.json_files import read_json
from im2latex.io.parquet import read_table
from im2latex.reporting.breakdown_model import InlineImage
from im2latex.reporting.png import stored_image
from im2latex.reporting.report_model import Audit, Fault

_SHOWN = 12
"""Faults with images on the page; the table holds all."""


def read_audit(data: Path, reports: Path, density: float) -> Audit:
    """Counts, causes and the first faults; raises `ArtifactError` where the audit has not run."""
    summary = read_json(reports / "audit.json")
    rows = read_table(data / "audit" / "faults.parquet").slice(0, _SHOWN).to_pylist()
    return Audit(
        audited=summary["formulas"],
        printable=summary["same"] + summary["changed"] + summary["broken"] + summary["refused"],
        same=summary["same"],
        changed=summary["changed"],
        broken=summary["broken"],
        not_idempotent=summary["not_idempotent"],
        causes=tuple(summary["rules_of_changed"].items()),
        faults=tuple(_fault(row, density) for row in rows),
    )


def _fault(row: dict[str, Any], density: float) -> Fault:
    return Fault(
        row["outcome"],
        row["rules"],
        row["raw"],
        row["latex"] or "",
        _image(row["before"], density),
        _image(row["after"], density),
    )


def _image(image: dict[str, Any] | None, density: float) -> InlineImage | None:
    return stored_image(image["bytes"], density) if image else None
