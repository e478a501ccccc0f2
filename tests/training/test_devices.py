"""The machine in words."""

import pytest
import torch

from im2latex.errors import ParamsError
from im2latex.training import devices
from im2latex.training.devices import describe_devices


def test_names_the_version_and_the_accelerators() -> None:
    words = describe_devices()
    assert words.startswith(f"torch {torch.__version__}, ")
    assert ("no GPU" in words) == (not torch.cuda.is_available())


Rates = dict[torch.dtype, float]
NATIVE: Rates = {torch.float32: 7e10, torch.bfloat16: 2e11}
EMULATED: Rates = {torch.float32: 8e10, torch.bfloat16: 9e8}
LITTLE: Rates = {torch.float32: 8e10, torch.bfloat16: 9e10}


@pytest.mark.parametrize(
    ("asked", "rates", "wanted"),
    [
        ("auto", NATIVE, "bf16-mixed"),
        ("auto", EMULATED, "32-true"),
        ("auto", LITTLE, "32-true"),
        ("bf16-mixed", NATIVE, "bf16-mixed"),
        ("bf16-mixed", LITTLE, "bf16-mixed"),
        ("32-true", NATIVE, "32-true"),
    ],
)
def test_a_processor_gets_what_it_is_fast_with(
    asked: devices.Precision, rates: Rates, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_matmul_flops", rates.__getitem__)
    assert devices.choose_precision(asked, "cpu") == wanted


def test_emulated_half_precision_is_refused_with_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_matmul_flops", EMULATED.__getitem__)
    with pytest.raises(ParamsError, match=r"0\.9 GFLOP/s in bfloat16 and at 80\.0 in float32"):
        devices.choose_precision("bf16-mixed", "cpu")


@pytest.mark.parametrize(
    ("bfloat", "half", "wanted"),
    [(30, 30, "bf16-mixed"), (0.5, 30, "16-mixed"), (1, 1.2, "32-true"), (20, 30, "bf16-mixed")],
    ids=["ampere", "t4", "old", "both"],
)
def test_a_gpu_gets_what_it_is_fast_with(
    bfloat: float, half: float, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {torch.float32: 8.0, torch.bfloat16: 8 * bfloat, torch.float16: 8 * half}
    monkeypatch.setattr(devices, "_on_gpu", lambda accelerator: True)
    monkeypatch.setattr(devices, "_matmul_flops", lambda dtype, device: rates[dtype])
    assert devices.choose_precision("auto", "auto") == wanted
    assert devices.choose_precision("16-mixed", "auto") == "16-mixed"


def test_float16_is_refused_on_a_processor() -> None:
    with pytest.raises(ParamsError, match="float16 is for GPUs"):
        devices.choose_precision("16-mixed", "cpu")


def test_this_processor_can_be_asked() -> None:
    assert devices.choose_precision("auto", "cpu") in ("32-true", "bf16-mixed")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_accelerator_is_one_sentence() -> None:
    with pytest.raises(ParamsError, match="^trainer.accelerator = gpu, trainer.devices = 1: "):
        devices.launch("gpu", 1, "32-true", unused_weights=False)


def test_processes_with_different_precisions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {"min": 0, "max": 1}
    monkeypatch.setattr(devices, "over_processes", lambda fabric, value, reduction: others[reduction])
    with pytest.raises(ParamsError, match="32-true is best for one process and bf16-mixed for another"):
        devices.launch("cpu", 1, "32-true", unused_weights=False)
