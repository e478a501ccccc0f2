"""Archives for a machine without network access: wheels for its Python, and anonymous tar entries."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path

from pipeline.paths import ROOT

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def wheels(folder: Path, python: str, requirements: Path) -> None:
    """Download what the other machine lacks, for its Python."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    names = [line for line in requirements.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *platforms]
    command += ["--implementation", "cp", "--python-version", python, "--dest", str(folder)]
    subprocess.run([*command, *(f"{name}=={pins[name]}" for name in names)], check=True)


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry without names and numbers of this machine's users."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def size_of(folder: Path) -> int:
    """The bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
