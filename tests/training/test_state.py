from pathlib import Path

import pytest
import torch

from im2latex.errors import ArtifactError
from im2latex.models.model import ModelParams, Network
from im2latex.training.state import TrainingState, read_state


@pytest.fixture
def state(network: Network, model: ModelParams) -> TrainingState:
    optimizer = torch.optim.AdamW(network.parameters())
    return TrainingState(network, Network(model, 10), [optimizer])


def test_saved_state_is_restored(state: TrainingState, tmp_path: Path) -> None:
    assert not state.resume(tmp_path, "run")
    state.step, state.seen, state.total = 3, 40, 100
    state.early_stopping.update(1.5, 0, "best")
    state.loss_monitor.check([[2.0, 1.0]], 0)
    state.store_best()
    state.save(tmp_path, "run")
    kept = state.network.state_dict()["ctc_head.weight"].clone()
    with torch.no_grad():
        state.network.get_parameter("ctc_head.weight").zero_()
        state.average.get_parameter("ctc_head.weight").zero_()
    state.step = 9
    state.early_stopping.update(1.0, 0, "best")
    state.loss_monitor.check([[2.0, 1.0]], 0)
    state.store_best()
    assert state.resume(tmp_path, "run")
    assert (state.step, state.seen, state.total) == (3, 40, 100)
    assert torch.equal(state.network.state_dict()["ctc_head.weight"], kept)
    assert state.early_stopping.best == 1.5
    assert state.loss_monitor.losses == [1.0]
    assert state.best is not None
    assert state.best["ctc_head.weight"].any()
    assert state.best_counts == {"steps": 3, "samples": 40, "sample_budget": 100}


def test_damaged_and_foreign_states_are_refused(state: TrainingState, tmp_path: Path) -> None:
    state.save(tmp_path, "run")
    with pytest.raises(ArtifactError, match="other data or params"):
        state.resume(tmp_path, "another")
    for content in (b"cut", b""):
        (tmp_path / "state.pt").write_bytes(content)
        with pytest.raises(ArtifactError, match="damaged, .*remove .* and train again"):
            state.resume(tmp_path, "run")


def test_any_damage_is_noticed(state: TrainingState, tmp_path: Path) -> None:
    """Also in weights, in their names, in the padding between them, and in the checksum."""
    state.save(tmp_path, "run")
    path = tmp_path / "state.pt"
    whole = path.read_bytes()
    for place in [*range(0, len(whole), 997), *range(len(whole) - 60, len(whole))]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ArtifactError, match="damaged"):
            read_state(path)
    for content in (whole[:-1], whole + b"x", whole[: len(whole) // 2], whole[40:]):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match="damaged"):
            read_state(path)


def test_a_state_from_before_checksums_is_read(state: TrainingState, tmp_path: Path) -> None:
    state.save(tmp_path, "run")
    path = tmp_path / "state.pt"
    older = path.read_bytes()[:-32]
    path.write_bytes(older)
    assert read_state(path)["identity"] == "run"
    place = older.index(b"PK\x03\x04", 4) - 1  # the last byte of a record
    path.write_bytes(older[: place - 100] + bytes([older[place - 100] ^ 1]) + older[place - 99 :])
    with pytest.raises(ArtifactError, match="damaged"):
        read_state(path)


def test_the_earlier_state_takes_the_place_of_a_damaged_one(
    state: TrainingState, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for state.seen in (10, 20, 30):
        state.save(tmp_path, "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state-earlier.pt", "state.pt"]
    assert state.resume(tmp_path, "run")
    assert state.seen == 30
    (tmp_path / "state.pt").write_bytes(b"cut")
    assert state.resume(tmp_path, "run")
    assert state.seen == 20
    assert "resuming from state-earlier.pt, after 20 samples" in capsys.readouterr().err
    with pytest.raises(ArtifactError, match="other data or params"):
        state.resume(tmp_path, "another")
    (tmp_path / "state-earlier.pt").write_bytes(b"cut")
    with pytest.raises(ArtifactError, match="damaged"):
        state.resume(tmp_path, "run")
    (tmp_path / "state.pt").unlink()
    assert not state.resume(tmp_path, "run"), "who removes the state begins anew"
    state.save(tmp_path, "run")
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]
