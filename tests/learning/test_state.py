from pathlib import Path

import pytest
import torch

from im2latex.errors import ArtifactError
from im2latex.learning.network import ModelParams, Network
from im2latex.learning.state import TrainingState


@pytest.fixture
def state(network: Network, model: ModelParams) -> TrainingState:
    optimizer = torch.optim.AdamW(network.parameters())
    return TrainingState(network, Network(model, 10), [optimizer])


def test_saved_state_is_restored(state: TrainingState, tmp_path: Path) -> None:
    assert not state.resume(tmp_path, "run")
    state.step, state.seen, state.total = 3, 40, 100
    state.progress.note(1.5, 0, "best")
    state.watch.judge([[2.0, 1.0]], 0)
    state.keep_best()
    state.save(tmp_path, "run")
    kept = state.network.state_dict()["reading.weight"].clone()
    with torch.no_grad():
        state.network.get_parameter("reading.weight").zero_()
        state.average.get_parameter("reading.weight").zero_()
    state.step = 9
    state.progress.note(1.0, 0, "best")
    state.watch.judge([[2.0, 1.0]], 0)
    state.keep_best()
    assert state.resume(tmp_path, "run")
    assert (state.step, state.seen, state.total) == (3, 40, 100)
    assert torch.equal(state.network.state_dict()["reading.weight"], kept)
    assert state.progress.best == 1.5
    assert state.watch.logged == [1.0]
    assert state.best is not None
    assert state.best["reading.weight"].any()
    assert state.best_counts == {"steps": 3, "samples": 40, "sample_budget": 100}


def test_damaged_and_foreign_states_are_refused(state: TrainingState, tmp_path: Path) -> None:
    state.save(tmp_path, "run")
    with pytest.raises(ArtifactError, match="other data or params"):
        state.resume(tmp_path, "another")
    (tmp_path / "state.pt").write_bytes(b"cut")
    with pytest.raises(ArtifactError, match="damaged"):
        state.resume(tmp_path, "run")
