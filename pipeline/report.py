"""The report as one HTML page, and its tables as Markdown.

reads   data/evaluate/, data/predict/attention.parquet, data/tokenize/, data/bucket/, data/train/log.jsonl
        data/audit/, reports/audit.json
        dvc.yaml                         the order of the stages
        reports/metrics.json, reports/evaluation.json, reports/robustness.json, reports/ledger/, reports/manifest/
writes  reports/report.html, reports/report.md
"""

from pathlib import Path

from im2latex.reporting import tables
from im2latex.reporting.build import ReportParams, collect, read_ledgers
from im2latex.reporting.html import write_page
from im2latex.reporting.provenance import reported_stages
from im2latex.reporting.tables import read_scores
from pipeline.paths import DATA, REPORTS
from pipeline.project_renderer import project_renderer
from pipeline.stage import Stage, StageRun

PAGE, SUMMARY = REPORTS / "report.html", REPORTS / "report.md"


def work(run: StageRun[ReportParams]) -> None:
    """Collect the artifacts of all stages and write the report as HTML and Markdown."""
    content = collect(DATA, REPORTS, Path("params.yaml"), run.params, project_renderer())
    write_page(content, PAGE)
    shown = [
        tables.scores_table(read_scores(REPORTS)),
        tables.breakdown_table(content.by_length, content.breakdowns),
        tables.errors_table(content.errors, content.samples),
        tables.robustness_table(content.robustness),
        tables.audit_table(content.audit),
        tables.ledger_table(read_ledgers(REPORTS / "ledger", reported_stages())),
        tables.padding_table(content.padding),
        tables.coverage_table(content.vocabulary),
        tables.provenance_table(content.provenance),
    ]
    SUMMARY.write_text("\n".join([f"# {run.params.title}\n", *filter(None, shown)]), encoding="utf-8")
    run.outputs += [PAGE, SUMMARY]
    run.ledger.add_seen(content.samples)
    run.ledger.add_kept(content.samples)


STAGE = Stage("report", ReportParams, work, ("jinja2", "pillow"), unit="predictions")

if __name__ == "__main__":
    STAGE.main()
