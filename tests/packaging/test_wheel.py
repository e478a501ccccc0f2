"""The wheel: the package im2latex, whole, and nothing else. Built without network by the backend that is installed."""

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path
from shutil import copytree

import pytest

from im2latex import __version__
from tests.packaging.distribution import EXTRAS, PROJECT, ROOT

pytest.importorskip("setuptools", minversion="77")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, since building leaves files beside the sources."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in ("im2latex", "pipeline"):
        copytree(ROOT / folder, source / folder)
    for name in ("pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]):
        (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-c", BUILD, out], cwd=source, check=True, capture_output=True)
    [path] = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {name.partition("/")[0] for name in wheel.namelist()} == {
        "im2latex",
        f"im2latex-{__version__}.dist-info",
    }


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    present = {
        path.relative_to(ROOT).as_posix()
        for path in Path(ROOT / "im2latex").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert present <= set(wheel.namelist())


def test_the_metadata_names_version_extras_and_command(wheel: zipfile.ZipFile) -> None:
    folder = f"im2latex-{__version__}.dist-info"
    about = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())
    assert about["Version"] == __version__
    assert about["License-Expression"] == "MIT"
    assert set(about.get_all("Provides-Extra", [])) == set(EXTRAS)
    assert "im2latex = im2latex.cli:main" in wheel.read(f"{folder}/entry_points.txt").decode()
