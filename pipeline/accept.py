"""Record a stage whose code changed in words only, without running it.

DVC hashes bytes: a reworded docstring in a shared room would retrain the model. `make accept STAGE=train` compares
the fingerprint of the code with the one in the stage's manifest and, where they are equal, tells DVC to take the
outputs as they are. Where what the code does has changed it refuses.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from dvc.exceptions import DvcException
from dvc.repo import Repo

from im2latex.config import load_yaml
from im2latex.errors import ArtifactError, Im2LatexError, UsageError
from im2latex.io.manifest import read_manifest
from pipeline.fingerprint import fingerprint
from pipeline.stage import REPORTS


def accept(stage: str) -> None:
    """Run `dvc commit` for the stage, or raise why not."""
    stages = load_yaml(Path("dvc.yaml"))["stages"]
    if stage not in stages:
        raise UsageError(f"'{stage}' is no stage; the stages are {', '.join(stages)}: make accept STAGE=train")
    recorded = read_manifest(REPORTS / "manifest" / f"{stage}.json")["code"]
    if recorded != fingerprint(f"pipeline.{stage}"):
        raise ArtifactError(f"what the code of {stage} does has changed since it ran; run `dvc repro {stage}`")
    try:
        with Repo() as repo:
            repo.commit(stage, force=True)
    except DvcException as error:
        raise ArtifactError(f"{stage}: DVC refuses ({error}); run `dvc repro {stage}`") from None


def main(stage: Annotated[str, typer.Argument(help="a stage of dvc.yaml")]) -> None:
    """Record STAGE whose code changed in words only, without running it."""
    try:
        accept(stage)
    except Im2LatexError as error:
        typer.echo(f"accept: {error}", err=True)
        sys.exit(error.exit_code)
    typer.echo(f"{stage}: recorded as it is")


if __name__ == "__main__":
    typer.run(main)
