"""The page of `dvc plots` that setup/plots_template.py prepares has Vega inside and loads nothing."""

import runpy
import subprocess
from pathlib import Path

import pytest

from docs.generate.committed import ROOT

pytest.importorskip("vl_convert", reason="the extra plots is not installed")


def test_a_page_of_plots_loads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["dvc", "init", "--quiet", "--no-scm"], check=True)
    runpy.run_path(str(ROOT / "setup" / "plots_template.py"), run_name="__main__")
    Path("loss.csv").write_text("step,loss\n1,2\n2,1\n", encoding="utf-8")
    subprocess.run(["dvc", "plots", "show", "--quiet", "loss.csv"], check=True)
    page = Path("dvc_plots/index.html").read_text(encoding="utf-8")
    assert "vegaEmbed('#" in page
    assert "window.vegaEmbed" in page
    assert '<script src="http' not in page
