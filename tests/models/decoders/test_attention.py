import pytest
import torch

from im2latex.models.decoders.attention import (
    AdditiveAttentionParams,
    Attention,
    AttentionParams,
    FlattenedLinear,
    GeneralAttentionParams,
    MlpAttentionParams,
    build_attention,
)

KINDS: list[AttentionParams] = [
    GeneralAttentionParams(name="general"),
    AdditiveAttentionParams(name="additive", features=7),
    MlpAttentionParams(name="mlp", hidden=(9, 5)),
]
MEMORY = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(2))
STATE = torch.randn(3, 8, generator=torch.Generator().manual_seed(3))


def built(params: AttentionParams) -> Attention:
    torch.manual_seed(0)
    return build_attention(params, hidden=8, width=4, positions=6)


@pytest.mark.parametrize("params", KINDS, ids=lambda params: str(params.name))
def test_weights_sum_to_one_and_depend_on_both_sides(params: AttentionParams) -> None:
    attention = built(params)
    weights = attention(STATE, attention.keys(MEMORY))
    assert weights.shape == (3, 6)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    assert not torch.allclose(weights, attention(STATE.flip(0), attention.keys(MEMORY)))
    assert not torch.allclose(weights, attention(STATE, attention.keys(MEMORY.flip(0))))


@pytest.mark.parametrize("params", KINDS[:2], ids=lambda params: str(params.name))
def test_a_shared_form_follows_the_positions_wherever_they_lie(params: AttentionParams) -> None:
    attention = built(params)
    weights, turned = (attention(STATE, attention.keys(memory)) for memory in (MEMORY, MEMORY.flip(1)))
    torch.testing.assert_close(turned, weights.flip(1))


def test_the_mlp_attention_depends_on_the_position() -> None:
    attention = built(KINDS[2])
    weights, turned = (attention(STATE, attention.keys(memory)) for memory in (MEMORY, MEMORY.flip(1)))
    assert not torch.allclose(turned, weights.flip(1))


@pytest.mark.parametrize("masked", [False, True])
def test_masked_attention_gives_no_weight_to_padding(masked: bool) -> None:
    attention = built(MlpAttentionParams(name="mlp", hidden=(9, 5), mask_padding=masked))
    padded = MEMORY.clone()
    padded[0, 4:] = 0
    padded[1] = 0
    weights = attention(STATE, attention.keys(padded))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    assert bool((weights[0, 4:] == 0).all()) == masked
    assert bool((weights[0, :4] > 0).all())
    assert bool((weights[1:] > 0).all())


def test_an_equalized_layer_starts_the_same_and_changes_less() -> None:
    """Adam moves each weight by its rate at first; so the output moves by the factor of the features."""
    moved = {}
    for equalized in (False, True):
        torch.manual_seed(0)
        layer = FlattenedLinear(positions=6, width=4, outputs=5, equalized=equalized)
        before = layer(MEMORY)
        optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
        before.sum().backward()
        layer.bias.grad = None
        optimizer.step()
        moved[equalized] = before, layer(MEMORY) - before
    torch.testing.assert_close(moved[True][0], moved[False][0])
    torch.testing.assert_close(moved[True][1], moved[False][1] / 24**0.5, rtol=1e-3, atol=1e-6)
