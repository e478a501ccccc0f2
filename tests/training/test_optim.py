import pytest
import torch
from torch import nn

from im2latex.models.model import Network
from im2latex.training.batch_norm import update_batch_norm
from im2latex.training.optim import Muon, OptimizerParams, build_optimizers, orthogonalize
from im2latex.training.schedule import ScheduleParams, learning_rate_factor

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


def shares(**changes: object) -> list[float]:
    """At every tenth of 1,000 samples, after a warm-up of 100."""
    params = ScheduleParams.model_validate({"warmup_samples": 100, "decay": "linear", **changes})
    return [learning_rate_factor(params, seen, 1000) for seen in range(0, 1001, 10)]


@pytest.mark.parametrize("decay", ["linear", "cosine", "wsd"])
def test_the_rate_rises_then_falls_to_zero(decay: str) -> None:
    found = shares(decay=decay)
    peak = found.index(max(found))
    assert 8 <= peak <= 11
    assert found[0] == pytest.approx(0.01)
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert found[-1] == pytest.approx(0)


def test_a_short_budget_is_a_warm_up_cut_off() -> None:
    assert (
        learning_rate_factor(ScheduleParams.model_validate({"warmup_samples": 100, "decay": "linear"}), 5, 10) <= 0.06
    )


def test_wsd_is_stable_until_the_last_part() -> None:
    found = shares(decay="wsd", decay_share=0.4)
    assert set(found[10:60]) == {1.0}
    assert found[80] == pytest.approx(0.5)


def test_constant_stays() -> None:
    assert set(shares(decay="constant")[10:]) == {1.0}


def test_steps_drop_when_their_samples_were_seen() -> None:
    found = shares(decay="steps", drop_at_samples=[300, 500], drop_factor=0.1, drop_floor=0.02)
    assert found[29] == 1.0
    assert found[30] == found[49] == pytest.approx(0.1)
    assert found[50] == found[100] == 0.02


def test_plateau_follows_the_drops_down_to_the_floor() -> None:
    params = ScheduleParams.model_validate({"warmup_samples": 0, "decay": "plateau", "drop_floor": 0.1})
    assert [learning_rate_factor(params, 500, 1000, drops) for drops in (0, 1, 3, 4)] == [1.0, 0.5, 0.125, 0.1]


@pytest.mark.parametrize("left", [0, 30, 100])
def test_a_decay_in_samples_is_the_last_part_whatever_the_budget(left: int) -> None:
    params = ScheduleParams.model_validate({"warmup_samples": 0, "decay": "wsd", "decay_samples": 100})
    for total in (200, 1000, 54321):
        assert learning_rate_factor(params, total - left, total) == pytest.approx(left / 100)
        assert learning_rate_factor(params, total - 101, total) == 1.0


@pytest.mark.parametrize("decay", ["linear", "cosine", "wsd"])
def test_before_a_deadline_the_clock_decides(decay: str) -> None:
    params = ScheduleParams.model_validate({"warmup_samples": 10, "decay": decay})
    by_samples = [learning_rate_factor(params, seen, 1000) for seen in range(0, 1001, 10)]
    by_clock = [learning_rate_factor(params, seen, 10**15, budget_used=seen / 1000) for seen in range(0, 1001, 10)]
    assert by_clock == by_samples


def test_a_batch_weighs_as_much_as_the_images_in_it(network: Network) -> None:
    generator = torch.Generator().manual_seed(1)
    large, small = (
        torch.randint(0, 256, (size, 1, 16, 32), generator=generator, dtype=torch.uint8) for size in (12, 4)
    )
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    momentum, means = norm.momentum, []
    for batches in ([large], [small], [large, small]):
        update_batch_norm(network, batches)
        assert norm.running_mean is not None
        means.append(norm.running_mean.clone())
    assert not torch.allclose(means[0], means[1])
    torch.testing.assert_close(means[2], 0.75 * means[0] + 0.25 * means[1])
    assert norm.momentum == momentum
    assert not norm.training
