"""Commands that look at what is here: verify the artifacts, doctor the tools."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from im2latex.cli.inputs import renderer_params


def verify() -> None:
    """Re-hash every artifact against the manifests; exit 1 on any difference."""
    from im2latex.dataset.manifest import verify as check_artifacts

    checked, faults = check_artifacts(Path("reports/manifest"))
    for fault in faults:
        typer.echo(fault)
    typer.echo(f"{checked:,} artifacts checked, {len(faults):,} faults")
    sys.exit(1 if faults else 0)


def doctor(
    lock: Annotated[
        Path | None, typer.Option("--lock", help="write the versions that decide bytes to this file")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="name every tool that differs from this file")
    ] = None,
) -> None:
    """Look for TeX, Ghostscript, ImageMagick, Poppler and a GPU: found, version, self-test, remedy."""
    from im2latex.rendering import doctor as examination

    if lock:
        lock.write_text(json.dumps(examination.versions(renderer_params()), indent=1) + "\n", encoding="utf-8")
        typer.echo(f"{lock}: written")
        return
    if against:
        for difference in examination.differences(against, renderer_params()):
            typer.echo(difference, err=True)
        return
    from im2latex.learning.devices import describe_devices

    findings = examination.examine(renderer_params())
    for finding in findings:
        typer.echo(examination.line(finding))
    typer.echo(f"{'':8}{describe_devices()}")
    sys.exit(0 if all(finding.works for finding in findings) else 1)
