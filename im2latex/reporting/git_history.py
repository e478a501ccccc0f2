"""Git history of recorded files: the commit of their current content, and the content before.

Both depend on the content and on the history alone, not on what else changed, so that the report of the same artifacts
has the same bytes before and after other commits.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from im2latex.errors import ToolError
from im2latex.sandbox.process import query_program

_MAX_COMMITS = 50


@dataclass(frozen=True)
class Commit:
    """A commit by its abbreviated hash, with its date, as in 2026-01-31."""

    name: str
    date: str

    def __str__(self) -> str:
        """Hash and date."""
        return f"{self.name} of {self.date}"


def commit_of(path: Path) -> Commit | None:
    """The commit that recorded the current content of a file; None where none did, or where the history is not here."""
    if not path.is_file() or _git(path.parent, "status", "--porcelain", "--", path.name) != "":
        return None
    return next((commit for commit in _commits(path)), None)


def previous_scores(path: Path) -> tuple[Commit, dict[str, Any]] | None:
    """The last committed content of a JSON file that differs from the current one, and its commit; None without one."""
    current = path.read_text(encoding="utf-8")
    for commit in _commits(path):
        text = _git(path.parent, "show", f"{commit.name}:./{path.name}")
        if text is None:
            return None
        if text.strip() != current.strip():
            try:
                content = json.loads(text)
            except ValueError:
                return None
            return (commit, content) if isinstance(content, dict) else None
    return None


def _commits(path: Path) -> Iterator[Commit]:
    """Commits that changed the file, newest first; none in a shallow clone, whose first commit is not the file's."""
    if _git(path.parent, "rev-parse", "--is-shallow-repository") != "false\n":
        return
    log = _git(
        path.parent, "log", f"-{_MAX_COMMITS}", "--abbrev=10", "--format=%h %cs", "--date=short", "--", path.name
    )
    for line in (log or "").splitlines():
        yield Commit(*line.split())


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of git in a folder; None where git, or a repository, is missing."""
    try:
        found = query_program("git", "-C", str(folder.absolute()), *arguments)
    except ToolError:
        return None
    return found.stdout.decode("utf-8", "replace") if found.ok else None
