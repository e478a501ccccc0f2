"""Proof that normalizing kept the images: a sample rendered both ways and compared.

reads   data/normalize/part-NNNNN.parquet     raw and normalized formulas
writes  data/audit/faults.parquet             what was changed, broken or is not idempotent, with both images
        reports/audit.json                    counts, rates and causes
"""

import json
from itertools import chain

import pyarrow as pa

from im2latex.images.arrays import encode_png
from im2latex.io.parquet import part_paths, read_table, write_table
from im2latex.metrics.normalizer_audit import (
    FAULTS,
    AuditCounts,
    AuditedFormula,
    AuditParams,
    audit_formulas,
    sample_formulas,
)
from im2latex.rendering.renderer import Rendering
from im2latex.schemas import formula_id
from pipeline.paths import DATA, REPORTS
from pipeline.project import project_normalizer
from pipeline.project_renderer import project_renderer
from pipeline.stage import Stage, StageRun

SUMMARY = REPORTS / "audit.json"


def work(run: StageRun[AuditParams]) -> None:
    """Render, compare, count; a fault is kept with its images and stops nothing."""
    parts = (read_table(path, ["raw"])["raw"].to_pylist() for path in part_paths(DATA / "normalize"))
    formulas = chain.from_iterable(parts)
    chosen = sample_formulas(formulas, run.params.sample, run.params.seed)
    counts, faults = AuditCounts(), []
    run.ledger.add_seen(len(chosen))
    for audited in audit_formulas(chosen, project_normalizer(), project_renderer()):
        counts.add(audited)
        if audited.is_fault:
            faults.append(_row(audited))
            run.ledger.drop(formula_id(audited.raw), None, audited.outcome, " ".join(audited.rules))
        else:
            run.ledger.add_kept()
    write_table(pa.Table.from_pylist(faults, schema=FAULTS), run.out / "faults.parquet")
    SUMMARY.write_text(json.dumps(counts.summary(), indent=1) + "\n", encoding="utf-8")
    run.outputs.append(SUMMARY)


def _row(audited: AuditedFormula) -> dict[str, object]:
    return {
        "formula_id": formula_id(audited.raw),
        "outcome": audited.outcome if audited.idempotent else "not_idempotent",
        "rules": " ".join(audited.rules),
        "raw": audited.raw,
        "latex": audited.latex,
        "before": _image(audited.before),
        "after": _image(audited.after),
    }


def _image(rendering: Rendering) -> dict[str, bytes | None] | None:
    return None if rendering.pixels is None else {"bytes": encode_png(rendering.pixels), "path": None}


STAGE = Stage("audit", AuditParams, work, unit="formulas")

if __name__ == "__main__":
    STAGE.main()
