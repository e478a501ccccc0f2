import torch

from im2latex.models.decoders.recurrent import InitialState, InitialStateParams

MEMORY = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(2))


def states(source: str, memory: torch.Tensor, hidden: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(0)
    params = InitialStateParams.model_validate({"source": source, "hidden": hidden})
    made: list[torch.Tensor] = InitialState(params, [3, 5], width=4, positions=6)(memory)
    return made


def test_there_is_a_state_of_each_size() -> None:
    for source in ("zeros", "mean", "all"):
        assert [state.shape for state in states(source, MEMORY, hidden=2)] == [(2, 3), (2, 5)]
    assert all(not state.any() for state in states("zeros", MEMORY))


def test_the_mean_knows_no_order_and_all_does() -> None:
    turned = MEMORY.flip(1)
    torch.testing.assert_close(states("mean", turned), states("mean", MEMORY))
    assert not torch.allclose(states("all", turned)[0], states("all", MEMORY)[0])
