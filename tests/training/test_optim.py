import pytest
import torch
from torch import nn

from im2latex.models.model import Network
from im2latex.training.optim import Muon, OptimizerParams, build_optimizers, orthogonalize

PARAMS = OptimizerParams(
    hidden="muon",
    hidden_learning_rate=0.02,
    others="adamw",
    learning_rate=0.001,
    momentum=0.9,
    betas=(0.9, 0.98),
    weight_decay=0.1,
    others_weight_decay=0.0,
)
CPU = torch.device("cpu")


def test_singular_values_are_drawn_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 16, 40), (3, 40, 16)):
        values = torch.linalg.svdvals(orthogonalize(torch.randn(shape)))
        assert values.min() > 0.5
        assert values.max() < 1.5


def test_every_weight_has_one_optimizer(network: Network) -> None:
    optimizers = build_optimizers(network, PARAMS, CPU)
    owned = [id(weight) for one in optimizers for group in one.param_groups for weight in group["params"]]
    assert sorted(owned) == sorted(id(weight) for weight in network.parameters())
    assert isinstance(optimizers[0], Muon)
    hidden = {id(weight) for weight in optimizers[0].param_groups[0]["params"]}
    assert id(network.get_parameter("ctc_head.weight")) not in hidden
    assert id(network.get_parameter("encoder.stages.0.weight")) not in hidden
    assert id(network.get_parameter("encoder.stages.3.weight")) in hidden
    assert not [weight for weight in network.parameters() if id(weight) in hidden and weight.dim() < 2]


def test_a_step_follows_the_gradient_whatever_its_size() -> None:
    steps = []
    for scale in (1.0, 100.0):
        kernel = nn.Parameter(torch.ones(4, 2, 3, 3))
        torch.manual_seed(0)
        kernel.grad = scale * torch.randn(4, 2, 3, 3)
        Muon([kernel], 0.1, 0.9, 0.0).step()
        steps.append(kernel.detach() - 1)
        assert (steps[-1] * kernel.grad).sum() < 0
    torch.testing.assert_close(steps[0], steps[1], atol=1e-4, rtol=0)


def test_decay_shrinks_what_has_no_gradient() -> None:
    kernel = nn.Parameter(torch.ones(4, 4))
    Muon([kernel], 0.1, 0.9, 0.5).step()
    torch.testing.assert_close(kernel.detach(), torch.full((4, 4), 0.95))


def test_each_optimizer_has_its_learning_rate(network: Network) -> None:
    changes = {"hidden_learning_rate": 0.25, "learning_rate": 0.125}
    hidden, others = build_optimizers(network, PARAMS.model_copy(update=changes), CPU)
    assert [group["lr"] for group in hidden.param_groups] == [0.25]
    assert [group["lr"] for group in others.param_groups] == [0.125]


def test_published_optimizers_are_those_of_pytorch(network: Network) -> None:
    changes = {"hidden": "adam", "others": "adam", "betas": (0.5, 0.9), "others_weight_decay": 0.2}
    for optimizer, decay in zip(
        build_optimizers(network, PARAMS.model_copy(update=changes), CPU), (0.1, 0.2), strict=True
    ):
        assert type(optimizer) is torch.optim.Adam
        assert optimizer.defaults["betas"] == (0.5, 0.9)
        assert optimizer.defaults["weight_decay"] == decay
    hidden, others = build_optimizers(network, PARAMS.model_copy(update={"hidden": "sgd", "others": "adamw"}), CPU)
    assert type(hidden) is torch.optim.SGD
    assert hidden.defaults["momentum"] == 0.9
    assert type(others) is torch.optim.AdamW
    assert [optimizer.param_groups[0]["peak"] for optimizer in (hidden, others)] == [0.02, 0.001]


@pytest.mark.parametrize("shape", [(3, 16, 40), (3, 40, 16), (1, 8, 8)])
def test_half_precision_draws_singular_values_near_one_too(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    found = orthogonalize(matrices, torch.bfloat16)
    assert found.dtype == torch.float32
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.4
    assert values.max() < 1.6
    exact = orthogonalize(matrices)
    assert (found - exact).norm() < 0.1 * exact.norm()


@pytest.mark.parametrize(
    ("given", "half", "wanted"),
    [
        ("auto", False, torch.float32),
        ("auto", True, torch.bfloat16),
        ("float32", True, torch.float32),
        ("bfloat16", False, torch.bfloat16),
    ],
)
def test_the_arithmetic_of_the_iteration(network: Network, given: str, half: bool, wanted: torch.dtype) -> None:
    params = PARAMS.model_copy(update={"orthogonalize_in": given})
    muon = build_optimizers(network, params, CPU, half)[0]
    assert isinstance(muon, Muon)
    assert muon.dtype == wanted
