"""The site builds without a warning and loads nothing from the network."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate.committed import ROOT

pytest.importorskip("mkdocs", reason="the extra docs is not installed")


@pytest.mark.slow
def test_the_site_builds_and_is_self_contained(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = re.compile(r"""<(?:script|link|img)[^>]+(?:src|href)=["']?(https?://[^"' >]+)""")
    foreign = {url for page in tmp_path.rglob("*.html") for url in loaded.findall(page.read_text(encoding="utf-8"))}
    assert foreign == set()
