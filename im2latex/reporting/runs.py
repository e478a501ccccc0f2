"""Runs in one table: their scores, the samples they were trained on, and the parameters in which they differ.

reads  commits and DVC experiments of the project, or folders:
       a project, or any folder with metrics.json and params.yaml      scores of the test split; the last validation
                                                                       where the model is newer than they are
       a checkpoint                                                    the last validation, from log.jsonl

A run is a set of files: in a folder, or in a commit or experiment, where DVC has what it tracks in its cache or remote.
Both are read in the same way.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import yaml
from dvc.api import DVCFileSystem, exp_show
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import SCMError, resolve_rev
from dvc_data.index import DataIndexError
from rich.table import Table

from im2latex.errors import ArtifactError, Im2LatexError, InputError, UsageError
from im2latex.io.json_files import parse_json
from im2latex.metrics.registry import METRICS, RUN_COLUMNS, lower_is_better

ReadText = Callable[[str], str | None]
"""The text of a file by its path below a run's root; None where there is none."""

WORKSPACE = "workspace"
"""DVC's name of the current files."""

VALIDATION = "val_"
"""Prefix of the names of scores on the validation subset."""

RESOLVED_STAGES = ("bucket", "train")
"""Stages with presets: their manifests have the values that the presets stand for."""

_MISSING = object()


@dataclass(frozen=True)
class RunSummary:
    """One run. `n` counts the samples that were scored, `samples` those it was trained on, repeats included."""

    name: str
    n: int | None
    samples: int | None
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    params: dict[str, Any] = field(repr=False)

    def identity(self) -> str:
        """Equal for the same result of the same parameters."""
        return json.dumps([self.n, self.samples, self.scores, self.params], sort_keys=True, default=str)


def read_folder(folder: Path) -> RunSummary:
    """The run in a folder; raises `InputError` where there is none."""
    run = read_run(str(folder), FolderFiles(folder).text)
    if run is None:
        raise InputError(f"{folder}: has no run: neither metrics.json nor checkpoint.json")
    return run


def read_folders(folders: Sequence[Path], warn: Callable[[str], object]) -> list[RunSummary]:
    """The runs in folders; warns of one without a run or damaged, and raises that error where all are such."""
    found, faults = list[RunSummary](), list[Im2LatexError]()
    for folder in folders:
        try:
            found.append(read_folder(folder))
        except (InputError, ArtifactError) as error:
            faults.append(error)
    if not found:
        raise faults[0]
    for fault in faults:
        warn(f"im2latex: {fault}")
    return found


def read_project(commits: int) -> list[RunSummary]:
    """The runs of this project in its working tree, its last commits and the experiments made from them.

    Commits that changed neither a score nor a parameter are one run, under the name of the first of them.
    """
    try:
        rows = exp_show(num=commits)
        found = [run for row in rows if (run := _read_revision(row)) is not None]
    except (DvcException, SCMError) as error:
        raise ArtifactError(
            f"no runs here ({error}); go to the root of a project with commits, or name folders: im2latex runs A B"
        ) from None
    return list({run.identity(): run for run in found}.values())


def _read_revision(row: Mapping[str, Any]) -> RunSummary | None:
    """The run of one row of `exp_show`, of which only the names are used: it rounds numbers and drops intervals."""
    revision, experiment = row["rev"], row["Experiment"]
    if revision == WORKSPACE:
        return read_run(revision, FolderFiles(Path()).text)
    if row["State"] not in (None, "Success"):
        return None
    return read_run(f"{experiment} ({revision})" if experiment else revision, RevisionFiles(revision).text)


def read_run(name: str, read: ReadText) -> RunSummary | None:
    """Read a run from the files that exist; None where it has neither a checkpoint nor scores, and never had.

    Scores of stages that have not run since their inputs changed are those of another model, and are left out.
    """
    checkpoint = _json(read, "checkpoint.json") or _json(read, "data/train/checkpoint.json") or {}
    text = read("params.yaml")
    params = (yaml.safe_load(text) or {}) if text else _checkpoint_params(checkpoint)
    stale = stale_stages(read("dvc.lock"), params)
    not_evaluated = bool(stale & {"predict", "evaluate"})
    metrics = _json(read, "reports/metrics.json") or _json(read, "metrics.json")
    if metrics is None and checkpoint:
        metrics = _last_validation(read("log.jsonl"))
    elif metrics is not None and not_evaluated:
        metrics = {} if "train" in stale else _json(read, "reports/train/metrics.json") or {}
    scores = {key: value for key, value in (metrics or {}).items() if key in METRICS or key.startswith(VALIDATION)}
    if not scores and not not_evaluated and _json(read, "checkpoint.json") is None:
        return None
    manifests = {stage: {} if stage in stale else _manifest(read, stage) for stage in RESOLVED_STAGES}
    counts = checkpoint.get("counts") or manifests["train"].get("counts", {})
    intervals = {key: (low, high) for key, (low, high) in (metrics or {}).get("intervals", {}).items() if key in scores}
    resolved = {stage: manifest["params"] for stage, manifest in manifests.items() if manifest.get("params")}
    return RunSummary(
        name, (metrics or {}).get("n"), counts.get("samples"), scores, intervals, dict(_flat({**params, **resolved}))
    )


def stale_stages(lock: str | None, params: Mapping[str, Any]) -> set[str]:
    """Stages of a dvc.lock that have not run since an input or a parameter changed, as where an experiment stops early.

    A stage that needs an output of such a stage is one, too.
    """
    stages: dict[str, Any] = yaml.safe_load(lock)["stages"] if lock else {}
    made = {out["path"]: (name, out["md5"]) for name, stage in stages.items() for out in stage.get("outs", ())}
    found: set[str] = set()
    for _ in stages:  # until no other stage follows from those found
        for name, stage in stages.items():
            inputs = [(made[dep["path"]], dep["md5"]) for dep in stage.get("deps", ()) if dep["path"] in made]
            used = stage.get("params", {}).get("params.yaml", {})
            if any(maker in found or digest != md5 for (maker, digest), md5 in inputs) or any(
                _at(params, path) not in (value, _MISSING) for path, value in used.items()
            ):
                found.add(name)
    return found


def _at(values: Any, path: str) -> Any:
    """The value at a dotted path; `_MISSING` where there is none."""
    for key in path.split("."):
        if not isinstance(values, Mapping) or key not in values:
            return _MISSING
        values = values[key]
    return values


def _manifest(read: ReadText, stage: str) -> dict[str, Any]:
    return _json(read, f"reports/manifest/{stage}.json") or {}


def _json(read: ReadText, name: str) -> dict[str, Any] | None:
    text = read(name)
    return parse_json(text, name) if text else None


def _last_validation(log: str | None) -> dict[str, Any]:
    return parse_json(log.rstrip("\n").rpartition("\n")[2], "log.jsonl") if log else {}


def _checkpoint_params(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters in a checkpoint, named as in params.yaml."""
    return {"train": {**checkpoint.get("recipe", {}), "model": checkpoint.get("model", {})}}


def _flat(values: Mapping[str, Any], path: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


class RunFiles(Protocol):
    """Files by their paths below the root of a run."""

    def text(self, path: str) -> str | None:
        """A text file; None where there is none."""

    def open(self, path: str) -> BinaryIO | None:
        """A file opened for reading; None where there is none, or where DVC tracks it but cannot find its content."""

    def names(self, folder: str) -> list[str]:
        """Paths of the files in a folder, sorted; none where there is no such folder."""

    def remedy(self, stage: str) -> str:
        """Return a hint on how to get the missing files of a stage."""


class FolderFiles:
    """A run on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def text(self, path: str) -> str | None:
        """Read a text file; None where there is none."""
        file = self._root / path
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def open(self, path: str) -> BinaryIO | None:
        """Open a file; None where there is none."""
        file = self._root / path
        return file.open("rb") if file.is_file() else None

    def names(self, folder: str) -> list[str]:
        """Sorted paths of the files in a folder."""
        return sorted(file.relative_to(self._root).as_posix() for file in (self._root / folder).glob("*"))

    def remedy(self, stage: str) -> str:
        """Return a hint on how to get the missing files of a stage."""
        return f"`dvc repro {stage}` computes them"


class RevisionFiles:
    """A commit or an experiment; raises `UsageError` where the project here has none of this name."""

    def __init__(self, name: str) -> None:
        self._name = name
        try:
            # DVCFileSystem accepts an unknown revision, and is empty then.
            with Repo() as project:
                revision = resolve_rev(project.scm, name)
            self._files = DVCFileSystem(rev=revision)
        except (DvcException, SCMError) as error:
            raise UsageError(
                f"{name}: neither a folder, a file, nor a commit or experiment of the project here ({error})"
            ) from None

    def text(self, path: str) -> str | None:
        """Read a text file; None where there is none."""
        files = self._files
        content: str | None = files.read_text(path, encoding="utf-8") if files.isfile(path) else None
        return content

    def open(self, path: str) -> BinaryIO | None:
        """Open a file; None where there is none, or where DVC cannot find its content."""
        try:
            file: BinaryIO | None = self._files.open(path, "rb") if self._files.isfile(path) else None
        except (DvcException, DataIndexError, OSError):
            return None
        return file

    def names(self, folder: str) -> list[str]:
        """Sorted paths of the files in a folder."""
        try:
            return sorted(self._files.ls(folder, detail=False))
        except (DvcException, DataIndexError, OSError):
            return []

    def remedy(self, stage: str) -> str:
        """Return a hint on how to get the missing files of a stage."""
        return (
            f"DVC's cache and remote do not have them; `git checkout {self._name} && dvc repro {stage}` computes them"
        )


def open_run_files(name: str) -> RunFiles:
    """Open a folder, "workspace" for the current one, or a revision; raises `UsageError` where it is none of them."""
    folder = Path("." if name == WORKSPACE else name)
    return FolderFiles(folder) if folder.is_dir() else RevisionFiles(name)


def differing_params(runs: Sequence[RunSummary]) -> tuple[str, ...]:
    """Names of the parameters that have more than one value; a run that does not have one does not count."""
    names = dict.fromkeys(name for run in runs for name in run.params)
    values = {name: {json.dumps(run.params[name]) for run in runs if name in run.params} for name in names}
    return tuple(name for name in names if len(values[name]) > 1)


def sort_runs(runs: Sequence[RunSummary], metric: str) -> list[RunSummary]:
    """Best first by one score, runs without it last; raises `UsageError` where no run has it."""
    known = dict.fromkeys(name for run in runs for name in run.scores)
    if metric not in known:
        raise UsageError(f"--metric {metric}: no run has this score; there are {', '.join(known)}")
    sign = 1 if lower_is_better(metric) else -1
    return sorted(runs, key=lambda run: sign * run.scores[metric] if metric in run.scores else float("inf"))


def shown_scores(runs: Sequence[RunSummary], names: Sequence[str] = ()) -> tuple[str, ...]:
    """The scores to show: those named, else primary metrics, and validation values where a run has no others."""
    known = dict.fromkeys(name for run in runs for name in run.scores)
    primary = tuple(name for name in RUN_COLUMNS if name in known)
    all_tested = all(run.scores.keys() & set(primary) for run in runs)
    return tuple(names) or primary + tuple(name for name in known if name.startswith(VALIDATION) and not all_tested)


def as_json(runs: Sequence[RunSummary]) -> list[dict[str, Any]]:
    """All scores of each run, and its values of the parameters that differ."""
    names = differing_params(runs)
    return [
        {
            "name": run.name,
            "n": run.n,
            "samples": run.samples,
            "scores": run.scores,
            "intervals": run.intervals,
            "params": {name: run.params.get(name) for name in names},
        }
        for run in runs
    ]


def as_table(runs: Sequence[RunSummary], scores: Sequence[str]) -> Table:
    """One row a run: scores with their intervals, then the parameters that differ under the shortest clear name."""
    names = differing_params(runs)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    for title in ("n", "trained on", *scores):
        table.add_column(title, justify="right")
    for title in _short(names):
        table.add_column(title, overflow="fold")
    for run in runs:
        counts = [f"{count:,}" if count is not None else "" for count in (run.n, run.samples)]
        values = [format_value(run.params[name]) if name in run.params else "" for name in names]
        table.add_row(run.name, *counts, *(_score(run, name) for name in scores), *values)
    return table


def _score(run: RunSummary, name: str) -> str:
    if name not in run.scores:
        return ""
    value = f"{run.scores[name]:.3f}"
    return f"{value} ({'–'.join(f'{bound:.3f}' for bound in run.intervals[name])})" if name in run.intervals else value


def format_value(value: Any) -> str:
    """The value of a parameter in one line."""
    return value if isinstance(value, str) else json.dumps(value)


def _short(names: Sequence[str]) -> list[str]:
    """Each dotted name by two of its last parts, or as many as no other name ends with."""
    short = []
    for name in names:
        parts = name.split(".")
        ends = (".".join(parts[-count:]) for count in range(min(2, len(parts)), len(parts) + 1))
        short.append(next(end for end in ends if sum(f".{other}".endswith(f".{end}") for other in names) == 1))
    return short
