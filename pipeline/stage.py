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
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Generic, TypeVar

import typer

from im2latex.config import Params, load_section
from im2latex.errors import FULL_DISK, Im2LatexError, is_full
from im2latex.io.manifest import write_manifest
from im2latex.ledger import Ledger
from pipeline.fingerprint import fingerprint
from pipeline.starter import end_with_dvc

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
    """Where part results and training state live: IM2LATEX_CACHE, else .cache; outside all DVC outputs.

    An experiment in a temporary folder uses the .cache of the project that it was started in, which DVC_ROOT names.
    """
    if named := os.environ.get("IM2LATEX_CACHE"):
        return Path(named)
    root = Path(os.environ.get("DVC_ROOT", "."))
    inside = Path.cwd() != root and Path.cwd().is_relative_to(root)
    return (root if inside else Path()) / ".cache"


def state_root() -> Path:
    """Where unfinished trainings live: IM2LATEX_STATE, a folder that outlasts this checkout, else the cache."""
    return Path(os.environ.get("IM2LATEX_STATE") or cache_root())


def run_stage(
    stage: str,
    kind: type[P],
    work: Callable[[Run[P]], None],
    packages: tuple[str, ...] = ("pyarrow",),
    check: Callable[[P], None] | None = None,
) -> None:
    """Run one stage and exit; the wheels in `packages` are named with their versions in the manifest.

    `check` may refuse the parameters before anything is touched.
    """
    started = time.monotonic()
    end_with_dvc()
    try:
        params = load_section(stage, kind)
        if check:
            check(params)
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
    """Add this run's cost to the untracked run.json; one that cannot be read is begun anew: no stage fails by it."""
    try:
        notes = json.loads(RUN.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        notes = {}
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own = {stage: {"seconds": round(seconds, 2), "peak_process_mb": round(peak / 1024)}}
    text = json.dumps((notes if isinstance(notes, dict) else {}) | own, indent=1)
    with suppress(OSError):
        RUN.write_text(text + "\n", encoding="utf-8")
