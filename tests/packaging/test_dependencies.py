"""What is declared, what is imported, and what an installation without extras can do."""

import json
import re
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from im2latex.cli import app
from im2latex.extras import distribution_of, extra_of, install_hint, normalized
from im2latex.inference.engine_choice import load_engine
from im2latex.io.manifest import RELEASED
from tests.packaging.distribution import BASE, EXTRAS, METADATA, ROOT, imported

OPTIONAL = {
    package: path
    for folder in ("im2latex", "pipeline")
    for path in sorted((ROOT / folder).rglob("*.py"))
    for package in imported(path)
    if distribution_of(package) not in BASE
}
"""Packages outside the base dependencies, each with a module that imports it."""
BLOCK = """
import sys
from importlib import metadata
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {packages!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
installed = metadata.distribution

def distribution(name):
    if name in {distributions!r}:
        raise metadata.PackageNotFoundError(name)
    return installed(name)

metadata.distribution = distribution
metadata.requires = lambda _: {metadata!r}
from im2latex.cli import main
main()
"""


def _outside_the_base() -> tuple[set[str], set[str]]:
    """Importable packages and distributions installed here that the base dependencies do not install."""
    base, pending = {"im2latex"}, sorted(BASE)
    while pending:
        name = pending.pop()
        if name in base:
            continue
        base.add(name)
        with suppress(metadata.PackageNotFoundError):
            found = [one for one in metadata.requires(name) or [] if "extra ==" not in one]
            pending += [normalized(re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0]) for one in found]
    owners = metadata.packages_distributions()
    packages = {package for package, names in owners.items() if base.isdisjoint(map(normalized, names))}
    return packages | OPTIONAL.keys(), {name for names in owners.values() for name in map(normalized, names)} - base


def _without_extras(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command line, where only the base dependencies can be imported and have metadata."""
    packages, distributions = _outside_the_base()
    code = BLOCK.format(packages=sorted(packages), distributions=sorted(distributions), metadata=METADATA)
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=folder)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extras of pyproject.toml, whatever is installed here."""
    monkeypatch.setattr(metadata, "requires", lambda _: METADATA)


@pytest.fixture
def graphs() -> None:
    """Those of the released model in the user's cache, as a wheel has them beside the weights."""
    load_engine(RELEASED, "onnx")


@pytest.mark.usefixtures("graphs")
def test_an_image_is_predicted_with_the_base_dependencies_alone() -> None:
    predicted = _without_extras("predict", "examples/image.png")
    assert predicted.returncode == 0, predicted.stderr
    assert predicted.stdout.startswith(r"x_{1,2} = \frac")


@pytest.mark.needs_tex
def test_doctor_needs_no_extra(tmp_path: Path) -> None:
    checked = _without_extras("doctor", folder=tmp_path)
    assert checked.stderr == ""
    assert checked.returncode == 0, checked.stdout
    assert "onnxruntime " in checked.stdout.splitlines()[-1]
    lines = {line[8:].split("  ")[0]: line for line in checked.stdout.splitlines()}
    assert "pdf2image" in lines["poppler"]
    assert "wand" in lines["imagemagick"]
    assert {lines[f"extra {extra}"][:8].strip() for extra in ("pipeline", "train", "serve")} == {"none"}
    assert all(f"im2latex[{extra}]" in lines[f"extra {extra}"] for extra in ("pipeline", "train", "serve"))


@pytest.mark.needs_tex
def test_doctor_names_every_tool_that_differs_from_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "tools.lock"
    assert CliRunner().invoke(app, ["doctor", "--lock", str(lock)]).exit_code == 0
    same = CliRunner().invoke(app, ["doctor", "--against", str(lock)])
    assert (same.exit_code, same.output) == (0, "")
    versions = json.loads(lock.read_text())
    lock.write_text(json.dumps(versions | {"ghostscript": "0.1"}))
    other = CliRunner().invoke(app, ["doctor", "--against", str(lock)])
    assert "ghostscript" in other.output
    assert "0.1" in other.output


def test_a_command_that_needs_an_extra_ends_with_one_sentence() -> None:
    refused = _without_extras("normalize", "examples/own_formulas/formulas.csv")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert len(refused.stderr.splitlines()) == 1
    assert "im2latex[pipeline]" in refused.stderr


@pytest.mark.parametrize("package", OPTIONAL)
def test_every_imported_package_is_a_dependency_of_some_extra(package: str) -> None:
    users = {extra for extra, distributions in EXTRAS.items() if distribution_of(package) in distributions}
    assert users - {"all", "dev"}, f"{OPTIONAL[package]} imports {package}, which no extra installs"


def test_what_the_project_is_built_on_is_declared_and_set_up() -> None:
    required = {"dvc", "snakemake", "pylatexenc", "pdf2image", "wand", "pandas", "pyarrow", "joblib", "torch"}
    assert required <= BASE | EXTRAS["pipeline"]
    assert required <= BASE | EXTRAS["dev"]
    assert EXTRAS["all"] >= EXTRAS["pipeline"] | EXTRAS["train"] | EXTRAS["serve"]


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    ("package", "extra"),
    [
        ("torch", "torch"),
        ("pyarrow", "pipeline"),
        ("lightning_fabric", "train"),
        ("fastapi", "serve"),
        ("dvc_data", "pipeline"),
    ],
)
def test_the_extra_of_a_package_is_the_first_that_installs_it(package: str, extra: str) -> None:
    assert extra_of(package) == extra
    hint = install_hint(ModuleNotFoundError(name=f"{package}.inner"))
    assert hint is not None
    assert f"'im2latex[{extra}]'" in hint


@pytest.mark.usefixtures("declared")
def test_modules_of_no_extra_get_no_hint() -> None:
    assert install_hint(ModuleNotFoundError(name="numpy")) is None
    assert install_hint(ModuleNotFoundError()) is None
