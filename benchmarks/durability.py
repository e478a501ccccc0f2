"""Training interrupted by SIGKILL at random moments, compared byte by byte: python -m benchmarks.durability --help

Works in a temporary project with the code and params.yaml of this repository, a small dataset and model, git and dvc.
Half of the kills hit `dvc` alone; the orphaned stage must save its state and exit. The others hit dvc and the stage. A
third follow within two seconds of the last line of the stage, while DVC hashes and records the outputs.

The training is started by `dvc repro`, by `dvc exp run --temp`, or in DVC's queue: `--way temp`, `--way queue`. There
DVC removes the folder of an experiment that was killed, and what an experiment recorded is compared with `dvc repro`.

writes  benchmarks/results/durability.json, durability-temp.json, durability-queue.json
"""

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import psutil
import torch
import typer
import yaml

from benchmarks.harness import save
from im2latex.config import merge
from im2latex.latex.grammar.generator import generate
from pipeline.paths import ROOT

STAGES = ("normalize", "render", "tokenize", "filter", "bucket", "train")
FORMULAS = 40
CHANGES: dict[str, dict[str, Any]] = {
    "normalize": {"normalizer": {"macros": None, "rules": None, "replacements": None}},
    "render": {"image": {"downsample": 8}},
    "tokenize": {"vocabulary": {"min_frequency": 1}},
    "filter": {"unknown_tokens": "keep", "max_width_px": 2000, "max_tokens": 34},
    "train": {
        "model": {
            "encoder": {"channels": [4, 4, 8], "features": 16, "heads": 2},
            "decoder": {"features": 16, "heads": 2, "layers": 1},
        },
        "budget": {"samples": 240},
        "validate_every_samples": 100,
        "validation_samples": 2,
        "validation_examples": 2,
    },
    "trainer": {"save_every_minutes": 0.01},
}
ENDED = "train: "
"""Start of the last line of the stage, after which DVC records its outputs."""
END_SECONDS = 600
"""Most time that an orphaned stage may take to save and end; a busy machine needs minutes to import PyTorch."""
_DONE = re.compile(r"([\d,]+) samples done")


class Repro:
    """A process `dvc repro train` and its output; `ended` is set when the stage has printed its last line."""

    def __init__(self, project: Path) -> None:
        self.lines: list[str] = []
        self.ended = threading.Event()
        command = [sys.executable, "-m", "dvc", "repro", "train"]
        self.process = subprocess.Popen(
            command,
            cwd=project,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line)
                if line.startswith(ENDED) and " seen, " in line:
                    self.ended.set()
        self.ended.set()  # without training: DVC recorded the outputs before the last kill

    def kill(self, whole: bool) -> bool:
        """Kill dvc, and its children if `whole`; False if it had already ended."""
        try:
            processes = [psutil.Process(self.process.pid)]
            processes += processes[0].children(recursive=True) if whole else []
        except psutil.NoSuchProcess:
            return False
        alive = self.process.poll() is None
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        self.process.wait()
        self.join()
        return alive

    def join(self) -> None:
        """Wait until dvc and its stage, which may outlive it, have ended."""
        self._reader.join()

    def resumed_at(self) -> int | None:
        """Number of samples at which training resumed; None if it did not start."""
        found = _DONE.search("".join(self.lines))
        return int(found[1].replace(",", "")) if found else None


class Way(StrEnum):
    """How DVC starts the training."""

    REPRO = "repro"
    TEMP = "temp"
    QUEUE = "queue"


def main(
    times: Annotated[int, typer.Option(help="number of kills")] = 30,
    seed: Annotated[int, typer.Option()] = 0,
    way: Annotated[Way, typer.Option(help="dvc repro, dvc exp run --temp, or the queue of experiments")] = Way.REPRO,
) -> None:
    """Kill and repeat until the training is recorded, and compare; restart until there are `times` kills."""
    rng = random.Random(seed)
    if way is not Way.REPRO:
        kill_experiments(way, times, rng)
        return
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        lock = prepare(project)
        seconds, expected = _finish(project)
        found: dict[str, int] = {"before_end": 0, "after_end": 0, "dvc_alone": 0}
        runs = differing = lost = 0
        while sum(found[name] for name in ("before_end", "after_end")) < times or runs == 0:
            _reset(project, lock)
            runs += 1
            recorded = False
            while not recorded and found["before_end"] + found["after_end"] < times:
                before = saved_samples(project)
                repro = Repro(project)
                at_end, whole = rng.random() < 1 / 3, rng.random() < 0.5
                if at_end:
                    repro.ended.wait(30 * seconds)
                    time.sleep(rng.uniform(0, 2))
                else:
                    time.sleep(rng.uniform(0, seconds))
                ended = repro.ended.is_set()
                recorded = not repro.kill(whole)
                resumed = repro.resumed_at()
                lost += resumed is not None and resumed != before
                if recorded:
                    break
                found["after_end" if ended else "before_end"] += 1
                found["dvc_alone"] += not whole
                print(found, f"resumed at {resumed}, saved before {before}, now {saved_samples(project)}", flush=True)
            if not recorded:
                before = saved_samples(project)
                repro = Repro(project)
                repro.process.wait()
                lost += repro.resumed_at() not in (None, before)
            content = _outputs(project)
            names = expected.keys() | content.keys()
            differing += sum(expected.get(name) != content.get(name) for name in names)
        save(
            "durability",
            {
                "kills": found["before_end"] + found["after_end"],
                **found,
                "runs": runs,
                "artifacts": len(expected),
                "differing": differing,
                "resumed_at_wrong_sample": lost,
                "seconds_per_run": round(seconds, 1),
            },
        )


def kill_experiments(way: Way, times: int, rng: random.Random) -> None:
    """Kill experiments until there are `times` kills; compare what the others recorded with `dvc repro`."""
    found = dict.fromkeys(("kills", "dvc_alone", "in_training", "experiments", "differing", "lost_samples"), 0)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        lock = prepare(project)
        for command in (["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "data"]):
            subprocess.run(["git", *command], cwd=project, check=True)
        seconds, _ = _finish(project)
        expected = _recorded(project / "dvc.lock")
        while found["kills"] < times:
            _reset(project, lock)
            recorded = False
            while not recorded:
                before = saved_samples(project)
                _start_experiment(way, project)
                whole = rng.random() < 0.5
                due = time.monotonic() + rng.uniform(0.3, 1.5) * seconds
                while found["kills"] < times and time.monotonic() < due and not _experiments(project):
                    time.sleep(0.2)
                while found["kills"] >= times and _members(project) and not _experiments(project):
                    time.sleep(0.5)
                recorded = bool(_experiments(project))
                if not recorded:
                    training = _kill_members(project, whole)
                    found["kills"] += 1
                    found["dvc_alone"] += not whole
                    found["in_training"] += training
                found["lost_samples"] += saved_samples(project) < before
                print(found, f"saved before {before}, now {saved_samples(project)}", flush=True)
            for name in _experiments(project):
                found["experiments"] += 1
                (project / "experiment.lock").write_bytes(_git(project, "show", f"{name}:dvc.lock"))
                found["differing"] += _recorded(project / "experiment.lock") != expected
                (project / "experiment.lock").unlink()
                _git(project, "update-ref", "-d", name)
            _kill_members(project, whole=True)
    save(f"durability-{way}", {**found, "seconds_of_repro": round(seconds, 1)})


def _start_experiment(way: Way, project: Path) -> None:
    dvc = [sys.executable, "-m", "dvc"]
    commands = [["exp", "run", "--temp", "train"]]
    if way is Way.QUEUE:
        commands = [["exp", "run", "--queue", "train"], ["queue", "start"]]
    for command in commands:
        process = subprocess.Popen(
            [*dvc, *command],
            cwd=project,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if way is Way.QUEUE:
            process.wait()


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": "", "PATH": path}


def _members(project: Path) -> list[psutil.Process]:
    """The processes in the folder of the project: dvc, its workers, and stages."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(project) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _kill_members(project: Path, whole: bool) -> bool:
    """Kill dvc, and its stages if `whole`; wait until all have ended. Returns whether a training was among them."""
    members = _members(project)
    stages = []
    for one in members:
        with suppress(psutil.Error):
            stages += [one] if any(word.startswith("pipeline.") for word in one.cmdline()) else []
    for one in members:
        if whole or one not in stages:
            with suppress(psutil.Error):
                one.kill()
    limit = time.monotonic() + END_SECONDS
    while left := _members(project):
        if time.monotonic() > limit:
            raise SystemExit(f"still running: {left}")
        time.sleep(0.1)
    return bool(stages)


def _experiments(project: Path) -> list[str]:
    """The references of the experiments that DVC has collected."""
    names = _git(project, "for-each-ref", "--format=%(refname)", "refs/exps").decode().split()
    return [name for name in names if re.fullmatch(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/.+", name)]


def _git(project: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=project, check=True, stdout=subprocess.PIPE).stdout


def _recorded(lock: Path) -> dict[str, str]:
    """Checksums of the outputs of the training that a dvc.lock records, by path."""
    outputs = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]["train"]["outs"]
    return {out["path"]: out["md5"] for out in outputs}


def write_project(project: Path, stages: Sequence[str], changes: dict[str, Any], formulas: int) -> None:
    """Write code, changed parameters, these stages and the code stage, and a small dataset."""
    for name in ("im2latex", "pipeline", "custom"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tools.lock", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, project)
    known = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {name: known[name] for name in ["code", *stages]}}))
    params = merge(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")), changes)
    sections = ["dataset", *stages, *(["trainer"] if "train" in stages else [])]
    (project / "params.yaml").write_text(yaml.safe_dump({name: params[name] for name in sections}))
    dataset = project / "data" / "raw" / params["dataset"]
    dataset.mkdir(parents=True)
    (dataset / "formulas.txt").write_text("\n".join(generate(formulas, 5)))


def prepare(project: Path) -> bytes:
    """Create a project with recorded data stages; returns its dvc.lock."""
    write_project(project, STAGES, CHANGES, FORMULAS)
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "repro", "bucket"]):
        program = [sys.executable, "-m", "dvc"] if command[0] == "dvc" else ["git"]
        subprocess.run([*program, *command[1:]], cwd=project, check=True)
    return (project / "dvc.lock").read_bytes()


def _finish(project: Path) -> tuple[float, dict[str, str]]:
    """Train without a kill; returns the seconds and the checksums of the outputs."""
    started = time.monotonic()
    repro = Repro(project)
    if repro.process.wait() != 0:
        raise SystemExit("".join(repro.lines))
    return time.monotonic() - started, _outputs(project)


def _outputs(project: Path) -> dict[str, str]:
    """SHA-256 of all outputs of the stage, and of dvc.lock."""
    files = [*(project / "data/train").rglob("*"), *(project / "reports/train").rglob("*")]
    files += [project / "reports/manifest/train.json", project / "reports/ledger/train.json", project / "dvc.lock"]
    present = [file for file in files if file.is_file()]
    return {str(file.relative_to(project)): hashlib.sha256(file.read_bytes()).hexdigest() for file in present}


def _reset(project: Path, lock: bytes) -> None:
    """Remove the outputs and state of the training, and its entries in DVC."""
    (project / "dvc.lock").write_bytes(lock)
    for name in ("data/train", "reports/train", ".cache/train", ".dvc/cache/runs"):
        shutil.rmtree(project / name, ignore_errors=True)
    for name in ("reports/manifest/train.json", "reports/ledger/train.json"):
        (project / name).unlink(missing_ok=True)


def saved_samples(project: Path) -> int:
    """Number of samples in the saved state; 0 without one."""
    states = list((project / ".cache/train").glob("*/state.pt"))
    return int(torch.load(states[0], weights_only=True)["seen"]) if states else 0


if __name__ == "__main__":
    typer.run(main)
