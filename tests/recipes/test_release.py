from pathlib import Path

import pytest
import torch

from im2latex.errors import ArtifactError
from im2latex.io.hashing import read_sums, sha256_of
from im2latex.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from recipes import release
from tests.inference.test_predictor import fresh
from tests.toy_fixtures import shards, vocabulary

__all__ = ["shards", "vocabulary"]


@pytest.fixture
def trained(tmp_path: Path) -> Checkpoint:
    save_checkpoint(fresh(), tmp_path / "trained")
    return load_checkpoint(tmp_path / "trained")


def test_half_precision_predicts_the_same(trained: Checkpoint, tmp_path: Path, shards: Path) -> None:
    out = tmp_path / "released"
    out.mkdir()
    (out / "README.md").write_text("the model card")
    release.main(tmp_path / "trained", shards, out, 10)
    files = ["checkpoint.json", "model.safetensors"]
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "SHA256SUMS", *files]
    assert read_sums(out / "SHA256SUMS") == {name: sha256_of(out / name) for name in files}
    whole, half = (folder / "model.safetensors" for folder in (tmp_path / "trained", out))
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    found = load_checkpoint(out)
    assert (found.vocabulary.tokens, found.shapes) == (trained.vocabulary.tokens, trained.shapes)
    for name, weight in found.network.state_dict().items():
        torch.testing.assert_close(weight, trained.network.state_dict()[name], rtol=1e-3, atol=1e-6)


def test_batch_norm_statistics_may_exceed_half_precision(trained: Checkpoint, tmp_path: Path, shards: Path) -> None:
    variance = trained.network.state_dict()["encoder.stages.1.running_var"].fill_(1e6)
    save_checkpoint(trained, tmp_path / "trained")
    release.main(tmp_path / "trained", shards, tmp_path / "released", 10)
    found = load_checkpoint(tmp_path / "released").network.state_dict()["encoder.stages.1.running_var"]
    assert torch.equal(found, variance)


def test_a_large_checkpoint_is_not_released(
    trained: Checkpoint, tmp_path: Path, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "MAX_BYTES", 1000)
    with pytest.raises(ArtifactError, match="MB in half precision"):
        release.main(tmp_path / "trained", shards, tmp_path / "released", 10)
    assert not (tmp_path / "released").exists()


def test_a_checkpoint_with_other_predictions_is_not_released(
    trained: Checkpoint, tmp_path: Path, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights too large for half precision become infinite."""
    monkeypatch.setattr(release, "compare", lambda full, half: (0.5, 0.0))
    with pytest.raises(ArtifactError, match="predictions stay equal"):
        release.main(tmp_path / "trained", shards, tmp_path / "released", 10)
    with torch.no_grad():
        next(trained.network.encoder.parameters()).fill_(1e6)
    save_checkpoint(trained, tmp_path / "trained")
    with pytest.raises(ArtifactError, match="infinite or NaN"):
        release.main(tmp_path / "trained", shards, tmp_path / "released", 10)
    assert not (tmp_path / "released").exists()
