"""Packages of the operating system, the programs that they install, and the command that installs them.

reads  system_packages.txt, beside this file: a row per package of Debian, with its name in Homebrew
"""

import shutil
import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from im2latex.errors import ToolError


@dataclass(frozen=True)
class SystemPackage:
    """A row of `system_packages.txt`; `checks` say what shows that the package is installed, as KIND:NAME."""

    debian: str
    homebrew: str
    group: str
    checks: tuple[str, ...]


@cache
def system_packages() -> tuple[SystemPackage, ...]:
    """Every package of the system that the project uses."""
    lines = (files("im2latex.sandbox") / "system_packages.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return tuple(SystemPackage(debian, homebrew, group, tuple(checks)) for debian, homebrew, group, *checks in rows)


def packages_of(*programs: str) -> tuple[SystemPackage, ...]:
    """The packages that install the programs; none for a program that the table lacks."""
    checks = {f"program:{program}" for program in programs}
    return tuple(package for package in system_packages() if checks & {*package.checks})


def tex_packages() -> tuple[SystemPackage, ...]:
    """The packages of TeX Live that `make setup` installs."""
    return tuple(one for one in system_packages() if one.debian.startswith("texlive") and one.group == "setup")


def install_command(*packages: SystemPackage) -> str:
    """The shell command that installs packages on this system."""
    if sys.platform == "darwin":
        return f"brew install {' '.join(dict.fromkeys(package.homebrew for package in packages))}"
    return f"sudo apt-get install {' '.join(package.debian for package in packages)}"


def find_program(program: str) -> Path:
    """The path of a program; raises `ToolError` that names the package to install."""
    path = shutil.which(program)
    if path is None:
        packages = packages_of(program) or (SystemPackage(program, program, "", ()),)
        system = "" if sys.platform == "darwin" else "on Debian or Ubuntu: "
        raise ToolError(f"{program} is not installed; {system}{install_command(*packages)}")
    return Path(path)
