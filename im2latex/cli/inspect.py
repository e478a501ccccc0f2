"""Commands that show and check a project: `inspect`, `params`, `snapshots`, `verify` and `doctor`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from im2latex.cli.options import console, project_styles, renderer_params
from im2latex.errors import InputError, UsageError

if TYPE_CHECKING:
    from im2latex.config import Params
    from im2latex.training.run_folders import RunFolder

PARAMS_FILE = Path("params.yaml")


def inspect(
    file: Annotated[Path, typer.Argument(help="a .parquet file of the project")],
    sample: Annotated[
        str | None, typer.Argument(metavar="ID", help="formula_id of one sample, or its first characters")
    ] = None,
    rows: Annotated[int, typer.Option("-n", "--rows", min=0, help="first rows to show")] = 3,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="write the image of the sample to this file")] = None,
) -> None:
    """Show an artifact: columns and first rows, or one sample.

    A sample is shown with the values that other artifacts have of it.

    Examples:
        im2latex inspect data/bucket/test-00000.parquet
        im2latex inspect data/predict/predictions.parquet 3f2a -o image.png

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

    Examples:
        im2latex verify

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
    """Check TeX, rasterizers, sandbox, packages and GPU.

    Prints version and self-test of each tool and, where it fails, how to install it.

    Examples:
        im2latex doctor
        im2latex doctor --against tools.lock

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
    from importlib import metadata
    from importlib.util import find_spec

    from im2latex.rendering.styles import tex_render_params

    checks = examination.check_tools(renderer_params(), tex_render_params(project_styles()))
    checks += examination.check_extras()
    for check in checks:
        typer.echo(examination.format_check(check))
    typer.echo(f"{'':8}onnxruntime {metadata.version('onnxruntime')}")
    if find_spec("torch") is not None:
        from im2latex.training.devices import describe_devices

        typer.echo(f"{'':8}{describe_devices()}")
    sys.exit(0 if all(check.works or not check.required for check in checks) else 1)


class Setting(NamedTuple):
    """A value and where it comes from: "params.yaml", "preset NAME" or "default"."""

    value: Any
    origin: str


def params(
    preset: Annotated[
        str | None, typer.Argument(metavar="PRESET", help="show the training settings with this preset")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print an object: key to value and origin")] = False,
) -> None:
    """Show all settings with their origin.

    The origin of a setting is params.yaml, the preset, or the default.

    Examples:
        im2latex params
        im2latex params i2l-strips-paper --json

    """
    from im2latex.config import load_yaml

    settings = resolve(load_yaml(PARAMS_FILE) if PARAMS_FILE.is_file() else {}, preset)
    if as_json:
        typer.echo(json.dumps({key: one._asdict() for key, one in settings.items()}, indent=1, ensure_ascii=False))
        return
    width = max(map(len, settings))
    values = {key: json.dumps(one.value, ensure_ascii=False) for key, one in settings.items()}
    column = min(40, max(map(len, values.values())))
    for key, one in settings.items():
        typer.echo(f"{key:<{width}}  {values[key]:<{column}}  {one.origin}")


def snapshots(
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="NAME", help="remove a snapshot, or a run with its state")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print an object for each run")] = False,
) -> None:
    """List training runs and their snapshots; remove some.

    `im2latex evaluate` and train.init_from take the names RUN/SAMPLES, RUN/last and RUN/best. The key
    trainer.keep_snapshots says how many validations leave a snapshot.

    Examples:
        im2latex snapshots
        im2latex snapshots --remove fast-tiny-0123456789ab/5000

    """
    from im2latex.training import run_folders

    for name in remove or ():
        typer.echo(f"removed {', '.join(run_folders.remove(name))}")
    if remove:
        return
    runs = run_folders.list_runs()
    if as_json:
        typer.echo(json.dumps([_run_fields(run) for run in runs], indent=1, ensure_ascii=False))
        return
    if not runs:
        typer.echo("no training run has a state or snapshots here")
    for run in runs:
        typer.echo(f"{run.name}: {run.status}")
        for one in run.checkpoints:
            scores = "  ".join(f"{name} {one.metrics[name]:.4g}" for name in one.metrics if name.startswith("val_"))
            typer.echo(f"  {one.name}  {one.samples:,} samples  {one.megabytes:,.1f} MB  {scores}".rstrip())


def _run_fields(run: RunFolder) -> dict[str, object]:
    checkpoints = [
        {"name": one.name, "folder": str(one.folder), "samples": one.samples, "metrics": dict(one.metrics)}
        for one in run.checkpoints
    ]
    return {"name": run.name, "status": run.status, "folder": str(run.folder), "checkpoints": checkpoints}


def resolve(content: Mapping[str, Any], preset: str | None = None) -> dict[str, Setting]:
    """The settings by dotted key, for the content of params.yaml; raises `ParamsError` for a value that is wrong."""
    from im2latex.config import check, check_keys, check_sections
    from im2latex.inference.predict_split import PredictParams
    from im2latex.io.stage_names import GRAPH, read_stage_names
    from im2latex.models.presets import load_preset

    if preset:
        content = {**content, "train": {**(content.get("train") or {}), "preset": preset}}
    name = _at(content, "train.preset")
    from_preset = {section: load_preset(name, section) for section in ("train", "predict")} if name else {}
    stages = read_stage_names() if Path(GRAPH).is_file() else []  # a section of a team's own stage is shown as it is
    known = dict.fromkeys(["dataset", *(name.partition(".")[0] for name in _sections()), *stages])
    check_sections(content, PARAMS_FILE, known)
    settings = {
        key: Setting(value, PARAMS_FILE.name) for key, value in _leaves(content, _sections()) if value is not None
    }
    for section, kind in _sections().items():
        values = _at(content, section) or {}
        check_keys(values, kind, f"{PARAMS_FILE}: {section}")
        checked = check(values, kind, f"{PARAMS_FILE}: {section}")
        resolved = (checked.for_preset(name) if isinstance(checked, PredictParams) else checked).model_dump(mode="json")
        for key, value in _leaves(resolved, (), f"{section}."):
            in_file, in_preset = _at(content, key), _at(from_preset, key)
            origin = (
                PARAMS_FILE.name if in_file is not None else f"preset {name}" if in_preset is not None else "default"
            )
            settings[key] = Setting(value, origin)
    if preset:
        settings["train.preset"] = Setting(preset, "command line")
    return settings


def _sections() -> dict[str, type[Params]]:
    """The parameter class of each section of params.yaml."""
    from im2latex.dataset.buckets import BucketParams
    from im2latex.dataset.filters import FilterParams
    from im2latex.dataset.splits import SplitParams
    from im2latex.dataset.vocabulary import VocabularyParams
    from im2latex.images.arrays import ImageParams
    from im2latex.inference.predict_split import PredictParams
    from im2latex.latex.normalizer import NormalizerParams
    from im2latex.metrics.normalizer_audit import AuditParams
    from im2latex.metrics.summary import EvaluateParams
    from im2latex.rendering.renderer import RenderParams
    from im2latex.rendering.styles import StylesParams
    from im2latex.reporting.build import ReportParams
    from im2latex.training.config import TrainerParams, TrainParams

    return {
        "normalize.normalizer": NormalizerParams,
        "normalize.split": SplitParams,
        "audit": AuditParams,
        "render.renderer": RenderParams,
        "render.image": ImageParams,
        "render.styles": StylesParams,
        "tokenize.vocabulary": VocabularyParams,
        "filter": FilterParams,
        "bucket": BucketParams,
        "train": TrainParams,
        "trainer": TrainerParams,
        "predict": PredictParams,
        "evaluate": EvaluateParams,
        "report": ReportParams,
    }


def _leaves(values: Mapping[str, Any], without: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values, except for the sections in `without`."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        if path in without:
            continue
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, without, f"{path}.")
        else:
            yield path, value


def _at(values: Any, path: str) -> Any:
    """The value at a dotted key; None where there is none."""
    for step in path.split("."):
        values = values.get(step) if isinstance(values, Mapping) else None
    return values
