"""Commands that check artifacts and tools: `im2latex inspect`, `verify` and `doctor`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from im2latex.cli.options import console, project_styles, renderer_params
from im2latex.errors import InputError, UsageError


def inspect(
    file: Annotated[Path, typer.Argument(help="a .parquet file of the project")],
    sample: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="formula_id of one sample, or its first characters")
    ] = None,
    rows: Annotated[int, typer.Option("-n", "--rows", min=0, help="first rows to show")] = 3,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="write the image of the sample to this file")] = None,
) -> None:
    """Show an artifact: columns and first rows, or one sample.

    A sample is shown with the values that other artifacts have of it.
    """
    from im2latex.reporting import inspect as artifacts

    page = console()
    artifact = artifacts.Artifact.open(file)
    columns = page.width if page.is_terminal else None
    if sample is None:
        if out:
            raise UsageError(f"-o {out}: writes the image of one sample; name it by its formula_id")
        page.print(artifacts.overview(artifact, artifact.first(rows), columns))
        return
    found = artifact.rows_of(sample)
    name = artifact.name_of(found[0])
    if out is None:
        page.print(artifacts.sample(artifact, found, artifacts.rows_in_other_artifacts(file, name), columns))
        return
    data = next((image for row in found if (image := artifacts.image(row))), None)
    if data is None:
        raise InputError(f"{file}: holds no image of {name}; data/render and data/bucket hold images")
    out.write_bytes(data)
    typer.echo(f"{out}: {len(data):,} bytes", err=True)


def verify() -> None:
    """Check the hash of every artifact against the manifests.

    Artifacts are the outputs of the stages, their ledgers, the raw dataset, and the released checkpoint. The exit
    code is 1 on any difference.
    """
    from im2latex.io.manifest import verify as check_artifacts

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
    """Check TeX, the sandbox, the rasterizers and the GPU.

    Prints version and self-test of each tool and, where it fails, how to install it.
    """
    from im2latex.rendering import doctor as examination

    if lock:
        lock.write_text(json.dumps(examination.tool_versions(renderer_params()), indent=1) + "\n", encoding="utf-8")
        typer.echo(f"{lock}: written")
        return
    if against:
        for difference in examination.version_mismatches(against, renderer_params()):
            typer.echo(difference, err=True)
        return
    from im2latex.rendering.styles import tex_render_params
    from im2latex.training.devices import describe_devices

    checks = examination.check_tools(renderer_params(), tex_render_params(project_styles()))
    for check in checks:
        typer.echo(examination.format_check(check))
    typer.echo(f"{'':8}{describe_devices()}")
    sys.exit(0 if all(check.works or not check.required for check in checks) else 1)
