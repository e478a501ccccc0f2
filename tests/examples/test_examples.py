"""Every example runs on few formulas, with the smallest model and a substitute for DVC."""

import io
import json
import runpy
import stat
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

import im2latex
from im2latex.config import merge
from im2latex.latex.grammar.generator import generate
from pipeline.paths import ROOT
from tests.examples.interpreter import Interpreter, copied, set_value
from tests.pipeline.conftest import TINY

EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.sh"))
SMALL = "-S train.budget.samples=48 -S train.validate_every_samples=48"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository's own parameters with the smallest model and the smallest audit, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    copied(ROOT, tmp_path, "examples", "custom", "dvc.yaml")
    (tmp_path / "data" / "raw").mkdir(parents=True)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params = merge(params, {name: TINY[name] for name in ("render", "bucket", "train")})
    params = merge(params, {"render": {"renderer": {"rasterizer": "pdfium"}}, "filter": {"max_width_px": 2000}})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return tmp_path


@pytest.fixture
def sample(project: Path) -> Path:
    """The project with an embedded dataset of its own, so few formulas that many tokens are in one split only."""
    (project / "data/raw/sample").mkdir()
    (project / "data/raw/sample/formulas.txt").write_text("\n".join(generate(60, 5)))
    set_value("filter.unknown_tokens=keep")
    return project


def written(path: str) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_can_be_started_and_stops_at_the_first_failure(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").split("\n")
    assert lines[0] == "#!/usr/bin/env bash"
    assert 'set -eu\ncd "$(dirname "$0")/.."\n' in "\n".join(lines)
    assert script.stat().st_mode & stat.S_IXUSR


def test_every_example_is_in_the_table() -> None:
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".sh", ".py", ".ipynb")}
    assert len(names) == 5
    assert all(f"({name})" in table for name in names)


@pytest.mark.needs_tex
def test_own_formulas(project: Path) -> None:
    shell = Interpreter(SMALL)
    shell.script(project / "examples" / "own_formulas.sh")
    vocabulary = written("data/tokenize/vocabulary.json")["tokens"]
    assert "\\hslash" in vocabulary
    assert written("data/raw/mine/vocabulary.json")["tokens"] == vocabulary
    assert written("reports/ledger/render.json")["reasons"] == {}
    assert written("reports/ledger/filter.json")["dropped"] == 0
    assert written("reports/metrics.json")["n"] == 4
    assert len(list(Path("data/raw/mine/images").glob("*.png"))) == 38


@pytest.mark.needs_tex
def test_rebuild_im2latex_100k(project: Path) -> None:
    def download(name: str) -> None:
        dataset = Path("data/raw") / name
        dataset.mkdir()
        formulas = list(generate(60, 5))
        (dataset / "im2latex_formulas.lst").write_text("\n".join(formulas) + "\n", encoding="latin-1")
        for split, places in (("train", range(44)), ("validate", range(44, 52)), ("test", range(52, 60))):
            rows = "".join(f"{place} image{place} basic\n" for place in places)
            (dataset / f"im2latex_{split}.lst").write_text(rows)

    shell = Interpreter(f"{SMALL} -S filter.unknown_tokens=keep", download)
    shell.script(project / "examples" / "rebuild_im2latex_100k.sh")
    assert written("reports/ledger/normalize.json")["seen"] == 60
    assert 0 < written("reports/metrics.json")["n"] <= 8


@pytest.mark.needs_tex
def test_ci_report(sample: Path) -> None:
    shell = Interpreter()
    shell.script(sample / "examples" / "ci_report.sh")
    assert [name for name in shell.done if name.startswith("make")] == ["make test", "make repro"]
    assert "bleu" in Path("scores.md").read_text()
    assert Path("reports/report.html").is_file()


def test_read_images(checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    predictor = im2latex.load(checkpoint, device="cpu")
    monkeypatch.setattr(im2latex, "load", lambda: predictor)
    monkeypatch.setattr(sys, "argv", ["read_images.py"])
    runpy.run_path(str(EXAMPLES / "read_images.py"))
    first, *read = capsys.readouterr().out.splitlines()
    assert first == f"{EXAMPLES / 'image.png'}: "
    assert 1 <= len(read) <= 3
    assert all(0 <= float(line.split()[0]) <= 1 for line in read)


@pytest.mark.needs_tex
def test_train_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook needs neither the repository nor a certain current folder; nothing is written there."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    notebook = nbformat.read(EXAMPLES / "train_in_a_notebook.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    names, printed = dict[str, Any](), io.StringIO()
    for cell in notebook.cells:
        assert cell.cell_type == "markdown" or not cell.outputs
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", []):
            small = cell.source.replace("samples=37000", "samples=48").replace("count = 2000", "count = 60")
            with redirect_stdout(printed):
                exec(compile(small, "notebook", "exec"), names)
    assert "reference:  " in printed.getvalue()
    assert names["checkpoint"].counts["samples"] >= 48
    assert (names["folder"] / "model.tar.gz").stat().st_size > 10_000
    assert not list(Path.cwd().iterdir())
