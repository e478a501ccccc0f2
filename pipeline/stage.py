"""Frame of a DVC stage: parameters, output folder, ledger, manifest and command line.

reads   params.yaml                      the section of the stage
        reports/code/<stage>.txt         the fingerprint that DVC recorded; a stage with other code is refused
writes  data/<stage>/                    emptied first
        reports/ledger/<stage>.json      what came in, what was kept, why the rest was dropped
        reports/manifest/<stage>.json    SHA-256, rows and schema of every artifact, written last
        reports/run.json                 seconds and memory; not tracked
"""

import hashlib
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Generic, TypeVar

from im2latex.config import Params, describe_keys, load_section
from im2latex.errors import FULL_DISK, ArtifactError, Im2LatexError, UsageError, is_full
from im2latex.io.manifest import write_manifest
from im2latex.ledger import Ledger
from pipeline.dvc_watchdog import end_with_dvc
from pipeline.fingerprint import changed_names, stage_lines
from pipeline.paths import CODE, DATA, REPORTS

RUN = REPORTS / "run.json"
P = TypeVar("P", bound=Params)


@dataclass
class StageRun(Generic[P]):
    """One run of one stage. `outputs` and `facts` go into the manifest; the work may add to both."""

    stage: str
    params: P
    out: Path
    ledger: Ledger
    outputs: list[Path]
    facts: dict[str, object] = field(default_factory=dict)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for files that no other stage reads; it is removed, after a kill by the next run."""
        folder = self.out / ".scratch"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


@dataclass(frozen=True)
class Stage(Generic[P]):
    """A stage of dvc.yaml, which `python -m pipeline.NAME` runs, and a notebook by `run`.

    `packages` are named with their versions in the manifest; the ledger counts `unit`; `options` are arguments of the
    command line and their help; `settings` are further sections of params.yaml, which decide no result; `check` may
    refuse the parameters before anything is touched.
    """

    name: str
    params: type[P]
    work: Callable[[StageRun[P]], None]
    packages: tuple[str, ...] = ("pyarrow",)
    unit: str = "samples"
    options: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, type[Params]] = field(default_factory=dict)
    check: Callable[[P], None] | None = None

    def run(self, root: Path | str = ".", params: P | None = None) -> Ledger:
        """Run the stage in the project at `root`, with `params` or those of its params.yaml; returns the ledger.

        Raises `Im2LatexError`. While it runs, `root` is the current folder of the process.
        """
        with chdir(root):
            return self._run(params or load_section(self.name, self.params))

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run the stage in the current folder from the command line; exits with 1 or 2 and one sentence if it fails."""
        started = time.monotonic()
        end_with_dvc()
        try:
            if self._is_help(sys.argv[1:] if arguments is None else arguments):
                print(self.help())  # noqa: T201
                return
            ledger = self.run()
        except Im2LatexError as error:
            _exit(self.name, str(error), error.exit_code)
        except OSError as error:
            if not is_full(error):
                raise
            _exit(self.name, FULL_DISK, 1)
        seconds = time.monotonic() - started
        _note_run(self.name, seconds)
        print(f"{ledger.summary_line(self.unit)} in {seconds:.1f} s")  # noqa: T201
        for hint in ledger.hints():
            print(f"{self.name}: {hint}")  # noqa: T201

    def help(self) -> str:
        """Usage, options, and the keys of the section in params.yaml: type, default, description."""
        head = " ".join(["usage: python -m", f"pipeline.{self.name}", *(f"[{name}]" for name in self.options)])
        options = [f"  {name}  {text}" for name, text in self.options.items()]
        sections: dict[str, type[Params]] = {self.name: self.params, **self.settings}
        keys = [line for name, kind in sections.items() for line in describe_keys(kind, name)]
        return "\n".join([head, *options, "", "Keys of params.yaml, or `dvc exp run -S KEY=VALUE`:", *keys])

    def _is_help(self, arguments: Sequence[str]) -> bool:
        """Whether help is asked for; raises `UsageError` for an argument that is unknown."""
        if unknown := [one for one in arguments if one not in (*self.options, "-h", "--help")]:
            known = ", ".join(["--help", *self.options])
            raise UsageError(
                f"unknown argument {unknown[0]}; known are {known}; parameters are set in params.yaml, "
                f"or by `dvc exp run -S {self.name}.KEY=VALUE`"
            )
        return any(one in ("-h", "--help") for one in arguments)

    def _run(self, params: P) -> Ledger:
        code = stage_lines(self.name)
        refuse_stale(self.name, code)
        if self.check:
            self.check(params)
        out = DATA / self.name
        shutil.rmtree(out, ignore_errors=True)
        run = StageRun(self.name, params, out, Ledger(self.name, out / "rejects.parquet"), [out])
        run.facts["params"] = params.model_dump(mode="json")
        run.facts["code"] = hashlib.sha256("\n".join(code).encode()).hexdigest()
        run.facts["versions"] = {name: version(name) for name in self.packages}
        self.work(run)
        ledger = REPORTS / "ledger" / f"{self.name}.json"
        run.ledger.write(ledger)
        write_manifest(REPORTS / "manifest" / f"{self.name}.json", [*run.outputs, ledger], run.facts)
        return run.ledger


def refuse_stale(stage: str, lines: Sequence[str]) -> None:
    """Raise `ArtifactError` where the code is another than the one that DVC would record for the outputs."""
    path = CODE / f"{stage}.txt"
    if path.is_file() and (changed := changed_names(path.read_text(encoding="utf-8").splitlines(), lines)):
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ArtifactError(
            f"{', '.join(changed[:3])}{more} changed since the stage `code` ran; run `dvc repro {stage}`, "
            "or `dvc repro -s code` first"
        )


def _exit(stage: str, sentence: str, code: int) -> None:
    print(f"{stage}: {sentence}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def _note_run(stage: str, seconds: float) -> None:
    """Add this run's cost to the untracked run.json; a damaged one is replaced: no stage fails by it."""
    try:
        notes = json.loads(RUN.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        notes = {}
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own = {stage: {"seconds": round(seconds, 2), "peak_process_mb": round(peak / 1024)}}
    text = json.dumps((notes if isinstance(notes, dict) else {}) | own, indent=1)
    with suppress(OSError):
        RUN.write_text(text + "\n", encoding="utf-8")
