import os
import signal
from pathlib import Path

import pytest
import torch

from im2latex.errors import ArtifactError
from im2latex.learning.network import ModelParams, Network
from im2latex.learning.state import TrainingState, stop_requests


@pytest.fixture
def state(network: Network, model: ModelParams) -> TrainingState:
    optimizer = torch.optim.AdamW(network.parameters())
    return TrainingState(network, Network(model, 10), [optimizer])


def test_saved_state_is_restored(state: TrainingState, tmp_path: Path) -> None:
    assert not state.resume(tmp_path, "run")
    state.step, state.seen, state.total = 3, 40, 100
    state.save(tmp_path, "run")
    kept = state.network.state_dict()["reading.weight"].clone()
    with torch.no_grad():
        state.network.get_parameter("reading.weight").zero_()
    state.step = 9
    assert state.resume(tmp_path, "run")
    assert (state.step, state.seen, state.total) == (3, 40, 100)
    assert torch.equal(state.network.state_dict()["reading.weight"], kept)


def test_damaged_and_foreign_states_are_refused(state: TrainingState, tmp_path: Path) -> None:
    state.save(tmp_path, "run")
    with pytest.raises(ArtifactError, match="other data or params"):
        state.resume(tmp_path, "another")
    (tmp_path / "state.pt").write_bytes(b"cut")
    with pytest.raises(ArtifactError, match="damaged"):
        state.resume(tmp_path, "run")


def test_a_signal_only_leaves_a_mark_and_handlers_return() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_requests() as request:
        assert request.received is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.received == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before
