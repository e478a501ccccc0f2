import pytest

from im2latex.training.schedule import ScheduleParams, learning_rate_factor


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
