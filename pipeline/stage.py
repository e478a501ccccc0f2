"""The frame every stage hangs in: its parameters, its folder, its ledger, its manifest.

reads   params.yaml
writes  data/<stage>/                    emptied first
        reports/ledger/<stage>.json      what came in, what was kept, why the rest was dropped
        reports/manifest/<stage>.json    SHA-256, rows and schema of every artifact, written last
        reports/run.json                 seconds and memory; not tracked
"""

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Generic, TypeVar

import typer

from im2latex.dataset.manifest import write_manifest
from im2latex.errors import FULL_DISK, Im2LatexError, is_full
from im2latex.ledger import Ledger
from im2latex.params import Params, load_section
from pipeline.fingerprint import fingerprint

DATA = Path("data")
REPORTS = Path("reports")
RUN = REPORTS / "run.json"

P = TypeVar("P", bound=Params)


@dataclass
class Run(Generic[P]):
    """One run of one stage. `outputs` and `facts` go into the manifest; work may add to both."""

    stage: str
    params: P
    out: Path
    ledger: Ledger
    outputs: list[Path]
    facts: dict[str, object] = field(default_factory=dict)


def cache_root() -> Path:
    """Where part results and training state live: IM2LATEX_CACHE, else .cache; outside all DVC outputs."""
    return Path(os.environ.get("IM2LATEX_CACHE", ".cache"))


def state_root() -> Path:
    """Where unfinished trainings live: IM2LATEX_STATE, a folder that outlasts this checkout, else the cache."""
    return Path(os.environ.get("IM2LATEX_STATE") or cache_root())


def run_stage(
    stage: str, kind: type[P], work: Callable[[Run[P]], None], packages: tuple[str, ...] = ("pyarrow",)
) -> None:
    """Run one stage and exit; the wheels in `packages` are named with their versions in the manifest."""
    started = time.monotonic()
    try:
        params = load_section(stage, kind)
        out = DATA / stage
        shutil.rmtree(out, ignore_errors=True)
        run = Run(stage, params, out, Ledger(stage), [out])
        run.facts["params"] = params.model_dump(mode="json")
        run.facts["code"] = fingerprint(f"pipeline.{stage}")
        run.facts["versions"] = {name: version(name) for name in packages}
        work(run)
        ledger = REPORTS / "ledger" / f"{stage}.json"
        run.ledger.close(out / "rejects.parquet", ledger)
        write_manifest(REPORTS / "manifest" / f"{stage}.json", [*run.outputs, ledger], run.facts)
    except Im2LatexError as error:
        typer.echo(f"{stage}: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if not is_full(error):
            raise
        typer.echo(f"{stage}: {FULL_DISK}", err=True)
        sys.exit(1)
    seconds = time.monotonic() - started
    _note_run(stage, seconds)
    typer.echo(f"{run.ledger.line()} in {seconds:.1f} s")


def _note_run(stage: str, seconds: float) -> None:
    """Add this run's cost to the untracked run.json."""
    notes = json.loads(RUN.read_text(encoding="utf-8")) if RUN.is_file() else {}
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    notes[stage] = {"seconds": round(seconds, 2), "peak_process_mb": round(peak / 1024)}
    RUN.parent.mkdir(parents=True, exist_ok=True)
    RUN.write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")
