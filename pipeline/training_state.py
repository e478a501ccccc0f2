"""State folders of training runs, which are stored until DVC has recorded the outputs.

reads, writes  <state>/train/<run>/outputs.json   of a finished training: code, budget, metrics, DVC's record before it
reads          dvc.lock

DVC deletes the outputs of a stage before it runs and records them after it has ended, so DVC and the disk can still
fail when the training is finished. Its state remains, and the next `dvc repro` writes the outputs from it.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from im2latex.errors import UsageError
from im2latex.training.run_folders import OUTPUTS, SNAPSHOTS, Print, clear, locked, remove_state
from im2latex.training.state import STATE
from pipeline.fingerprint import fingerprint
from pipeline.paths import REPORTS

METRICS = REPORTS / "train" / "metrics.json"
"""Recorded file that identifies a training run: losses and scores with all their digits."""
TRAINING = "im2latex.training.trainer"
"""Module whose import closure decides the weights."""


def prepare(folder: Path, budget: Mapping[str, Any], limit: int, say: Print, pretrained: Path | None = None) -> None:
    """Prepare a locked folder for a training run: remove states that must not be resumed, here and in its siblings.

    The sibling with the checkpoint `pretrained` stays: an interrupted run reads its initial weights again.

    A stopped training is resumed; snapshots without a state are of an earlier one. A finished one, of the same code,
    depends on its budget: with the same budget it trains anew where DVC has recorded it, since a new run was requested,
    and writes its outputs again where it has not. With another budget, which allows more than its samples (`limit`),
    the recorded one continues. Any other is the result of another experiment, which must not depend on this one, and is
    trained anew.
    """
    for draft in [path for path in folder.rglob(".*") if path.is_file()]:  # of a process that was killed while it wrote
        draft.unlink()
    entry = _recorded()
    for other in folder.parent.glob(f"*/{OUTPUTS}"):
        used = pretrained is not None and pretrained.resolve().is_relative_to(other.parent.resolve())
        if other.parent != folder and not used and _is_recorded(entry, _finished(other.parent)):
            with suppress(UsageError), locked(other.parent, say, 0):
                remove_state(other.parent)
    if not (folder / STATE).is_file():
        if (folder / SNAPSHOTS).is_dir():
            say(f"{folder}: training anew; its snapshots, of an earlier training, are removed")
        clear(folder)
    finished = _finished(folder)
    if not finished:
        return
    recorded, same_budget = _is_recorded(entry, finished), finished["budget"] == budget
    if finished["code"] != fingerprint(TRAINING):
        say(f"{folder}: finished by other training code; training anew")
        clear(folder)
    elif same_budget and not recorded:
        say(f"{folder}: finished, and not recorded by DVC; writing its outputs again (to train anew, remove it)")
    elif recorded and not same_budget and finished["samples"] < limit:
        (folder / OUTPUTS).unlink()
    else:
        clear(folder)


def mark_finished(folder: Path, budget: Mapping[str, Any], samples: int) -> None:
    """Save that the training in `folder` is finished, and what DVC will record of it."""
    digest = hashlib.md5(METRICS.read_bytes(), usedforsecurity=False).hexdigest()
    content = {
        "code": fingerprint(TRAINING),
        "budget": budget,
        "samples": samples,
        "metrics": digest,
        "before": _digest(_recorded()),
    }
    (folder / OUTPUTS).write_text(json.dumps(content) + "\n", encoding="utf-8")


def _finished(folder: Path) -> dict[str, Any]:
    """Return the content that `mark_finished` wrote; empty where it is missing or incomplete."""
    try:
        content: dict[str, Any] = json.loads((folder / OUTPUTS).read_text(encoding="utf-8"))
        return content if {"code", "budget", "samples", "metrics", "before"} <= content.keys() else {}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _recorded() -> dict[str, Any]:
    """Entry of the stage `train` in dvc.lock; empty where DVC has recorded none."""
    try:
        entry = yaml.safe_load(Path("dvc.lock").read_text(encoding="utf-8"))["stages"]["train"]
    except (FileNotFoundError, yaml.YAMLError, KeyError, TypeError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _is_recorded(entry: dict[str, Any], finished: dict[str, Any]) -> bool:
    """Whether DVC's entry has the outputs of the finished training, and is newer than the training.

    DVC leaves an entry as it is when nothing in it changes: a forced second run is not seen here.
    """
    recorded = {out.get("path"): out.get("md5") for out in entry.get("outs") or ()}
    return (
        bool(finished)
        and recorded.get(METRICS.as_posix()) == finished["metrics"]
        and _digest(entry) != finished["before"]
    )


def _digest(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
