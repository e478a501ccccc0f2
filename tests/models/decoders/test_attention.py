import pytest
import torch

from im2latex.models.decoders.attention import (
    AdditiveParams,
    Attending,
    AttentionParams,
    GeneralParams,
    MlpParams,
    build_attending,
)

KINDS: list[AttentionParams] = [
    GeneralParams(name="general"),
    AdditiveParams(name="additive", features=7),
    MlpParams(name="mlp", hidden=(9, 5)),
]
MEMORY = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(2))
STATE = torch.randn(3, 8, generator=torch.Generator().manual_seed(3))


def built(params: AttentionParams) -> Attending:
    torch.manual_seed(0)
    return build_attending(params, state=8, width=4, positions=6)


@pytest.mark.parametrize("params", KINDS, ids=lambda params: str(params.name))
def test_weights_sum_to_one_and_depend_on_both_sides(params: AttentionParams) -> None:
    attending = built(params)
    weights = attending(STATE, attending.keys(MEMORY))
    assert weights.shape == (3, 6)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    assert not torch.allclose(weights, attending(STATE.flip(0), attending.keys(MEMORY)))
    assert not torch.allclose(weights, attending(STATE, attending.keys(MEMORY.flip(0))))


@pytest.mark.parametrize("params", KINDS[:2], ids=lambda params: str(params.name))
def test_a_shared_form_follows_the_positions_wherever_they_lie(params: AttentionParams) -> None:
    attending = built(params)
    weights, turned = (attending(STATE, attending.keys(memory)) for memory in (MEMORY, MEMORY.flip(1)))
    torch.testing.assert_close(turned, weights.flip(1))


def test_the_mlp_knows_positions_by_their_place() -> None:
    attending = built(KINDS[2])
    weights, turned = (attending(STATE, attending.keys(memory)) for memory in (MEMORY, MEMORY.flip(1)))
    assert not torch.allclose(turned, weights.flip(1))
