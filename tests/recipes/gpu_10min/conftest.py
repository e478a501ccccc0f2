"""Packed labels in the current folder, rendered without TeX."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from im2latex.dataset.buckets import save_shapes
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from pipeline.paths import ROOT
from recipes.gpu_10min import render
from recipes.gpu_10min.labels import Labels
from tests.fakes import FakeRenderer
from tests.toy_fixtures import LETTERS, values

__all__ = ["values"]
SHAPES = np.array([[28, 100, 32], [28, 200, 32]])


@pytest.fixture
def labels() -> Labels:
    """Forty words of one to eight letters; the last eight are held out, and one does not render."""
    vocabulary = Vocabulary([*SPECIALS, *LETTERS, r"\broken"])
    generator = np.random.default_rng(5)
    words = [list(generator.choice(list(LETTERS), size=1 + place % 8)) for place in range(39)] + [[r"\broken"]]
    tokens = [vocabulary.encode(word) for word in words]
    styles = np.tile(np.array([[0, 1]], dtype=np.uint8), (40, 1))
    return Labels.from_lists(tokens, styles, [place >= 32 for place in range(40)], vocabulary)


@pytest.fixture
def packed(tmp_path: Path, values: dict[str, object], labels: Labels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with packed labels, as in run.sh; rendering runs in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    monkeypatch.setattr(render, "create_renderer", lambda params: FakeRenderer())
    monkeypatch.setattr(render, "_NICENESS", 0)
    monkeypatch.setattr(render, "CHUNK", 7)
    labels.save(Path("data"))
    save_shapes(SHAPES, Path("data/buckets.json"))
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["render"]["styles"]["variants"] = [{"name": "larger", "size": "14pt"}]
    params["train"] = {**values, "validation_samples": 4, "budget": {"samples": 400, "deadline_seconds": 100}}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return tmp_path
