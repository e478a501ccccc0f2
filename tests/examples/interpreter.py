"""Runs the commands of an example in this process: the example is real, and so are the stages, TeX and the commands.

Stand-ins are DVC (the stages run one after another), make (of `make repro` only the stages), and the download of a
dataset. A shell line may hold a command, its redirection to a file, and `"$@"`; a notebook line may start with `!`.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from im2latex.cli import app
from im2latex.config import merge
from recipes.overrides import parse_assignment
from tests.pipeline.conftest import run
from tests.pipeline.test_graph import STAGES

_SHELL_ONLY = {"set", "cd", "export", "git", "bash", "pip"}
_REAL = {"mkdir", "cp", "cat", "tar"}


class Interpreter:
    """The current folder is a project; `extra` replaces `"$@"` of the example; `download` provides a dataset."""

    def __init__(self, extra: str = "", download: Callable[[str], None] | None = None) -> None:
        self.extra, self.download = extra, download
        self.done: list[str] = []
        """The first two words of every command that was run."""
        self._made: dict[str, str] = {}

    def script(self, path: Path) -> None:
        """Run every command of a shell script, in order."""
        for line in commands(path.read_text(encoding="utf-8")):
            self.line(line)

    def line(self, line: str) -> str:
        """Run one command; returns its output. Fails where the command does."""
        line = line.replace('"$@"', self.extra)
        if re.match(r"\w+=", line):
            return ""
        line, _, out = line.partition(" > ")
        words = shlex.split(line)
        self.done.append(" ".join(words[:2]))
        output = self._run(words)
        if out:
            Path(out).write_text(output, encoding="utf-8")
        return output

    def _run(self, words: list[str]) -> str:
        match words:
            case ["im2latex", "download", name] if self.download:
                self.download(name)
            case ["im2latex", "gate", *_]:
                pass  # needs the history of a project
            case ["im2latex", *arguments]:
                found = CliRunner().invoke(app, arguments, catch_exceptions=False)
                assert found.exit_code == 0, f"{words}: {found.output}"
                return found.output
            case ["dvc", "exp", "run", *arguments]:
                self._stages(arguments)
            case ["dvc", "repro", *targets]:
                self._stages(targets)
            case ["make", "repro"]:
                self._stages([])
            case ["dvc", "metrics", "diff", *_]:
                return Path("reports/metrics.json").read_text(encoding="utf-8")
            case ["make", "setup" | "test"]:
                pass
            case [name, *_] if name in _REAL:
                return subprocess.run(words, check=True, capture_output=True, text=True).stdout
            case [name, *_]:
                assert name in _SHELL_ONLY, f"{words}: no command that an example should need"
        return ""

    def _stages(self, arguments: list[str]) -> None:
        """Set what `-S` sets, then run all stages, or those up to the named one; as DVC does, none twice in vain."""
        words = iter(arguments)
        targets = []
        for word in words:
            if word == "-S":
                set_value(next(words))
            else:
                targets.append(word)
        names = list(STAGES)
        params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
        before = str(params["dataset"])
        for name in names[: names.index(targets[0]) + 1] if targets else names:
            before += str(params[name])
            if self._made.get(name) != before:
                run(name)
                self._made[name] = before


def commands(text: str) -> Iterator[str]:
    """The commands of a shell script, each in one line."""
    for line in text.replace("\\\n", " ").split("\n"):
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def set_value(text: str) -> None:
    """Change ./params.yaml as `-S` of DVC does, and refuse a key that is not there."""
    path = Path("params.yaml")
    values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    changes = parse_assignment(text)
    assert _known(values, changes), f"{text}: params.yaml has no such key"
    path.write_text(yaml.safe_dump(merge(values, changes)), encoding="utf-8")


def _known(values: Any, changes: Any) -> bool:
    """Whether every key of the changes is there already."""
    if not isinstance(changes, dict):
        return True
    return isinstance(values, dict) and all(key in values and _known(values[key], changes[key]) for key in changes)


def copied(root: Path, into: Path, *names: str) -> None:
    """Copy folders and files of the repository into a project."""
    for name in names:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, into / name)
        else:
            shutil.copy(source, into / name)
