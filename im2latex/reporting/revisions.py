"""Read the files of a run from a folder, or from a commit or experiment of the project.

reads  a folder; or git, and what DVC tracks from its cache or, where that lacks it, from its remote
"""

from pathlib import Path
from typing import BinaryIO, Protocol

from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import SCMError, resolve_rev
from dvc_data.index import DataIndexError

from im2latex.errors import UsageError

WORKSPACE = "workspace"
"""DVC's name of the current files."""


class RunFiles(Protocol):
    """Files by their paths below the root of a run."""

    def text(self, path: str) -> str | None:
        """A text file; None where there is none."""

    def open(self, path: str) -> BinaryIO | None:
        """A file opened for reading; None where there is none, or where DVC tracks it but cannot find its content."""

    def names(self, folder: str) -> list[str]:
        """Paths of the files in a folder, sorted; none where there is no such folder."""

    def remedy(self, stage: str) -> str:
        """How to get missing files of a stage, in words."""


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
        """How to get missing files of a stage, in words."""
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
                f"{name}: neither a folder or file, nor a commit or experiment of the project here ({error})"
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
        """How to get missing files of a stage, in words."""
        return (
            f"DVC's cache and remote do not have them; `git checkout {self._name} && dvc repro {stage}` computes them"
        )


def open_run_files(name: str) -> RunFiles:
    """Open a folder, "workspace" for the current one, or a revision; raises `UsageError` where it is none of them."""
    folder = Path("." if name == WORKSPACE else name)
    return FolderFiles(folder) if folder.is_dir() else RevisionFiles(name)
