"""What is declared, what is imported, and what an installation without extras can do."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from im2latex.extras import distribution_of, extra_of, install_hint
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

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
metadata.requires = lambda _: {metadata!r}
from im2latex.cli import main
main()
"""


def _without_extras(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command line, where only the base dependencies can be imported."""
    code = BLOCK.format(packages=sorted(OPTIONAL), metadata=METADATA)
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=folder)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extras of pyproject.toml, whatever is installed here."""
    monkeypatch.setattr(metadata, "requires", lambda _: METADATA)


def test_an_image_is_predicted_with_the_base_dependencies_alone() -> None:
    predicted = _without_extras("predict", "examples/image.png")
    assert predicted.returncode == 0, predicted.stderr
    assert predicted.stdout.startswith(r"x _ { 1 , 2 } = \frac")


@pytest.mark.needs_tex
def test_doctor_needs_no_extra(tmp_path: Path) -> None:
    checked = _without_extras("doctor", folder=tmp_path)
    assert checked.stderr == ""
    assert checked.returncode == 0, checked.stdout
    assert "torch " in checked.stdout.splitlines()[-1]


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
    [("pyarrow", "pipeline"), ("lightning_fabric", "train"), ("fastapi", "serve"), ("dvc_data", "pipeline")],
)
def test_the_extra_of_a_package_is_the_first_that_installs_it(package: str, extra: str) -> None:
    assert extra_of(package) == extra
    hint = install_hint(ModuleNotFoundError(name=f"{package}.inner"))
    assert hint is not None
    assert f"'im2latex[{extra}]'" in hint


@pytest.mark.usefixtures("declared")
def test_modules_of_no_extra_get_no_hint() -> None:
    assert install_hint(ModuleNotFoundError(name="torch")) is None
    assert install_hint(ModuleNotFoundError()) is None
