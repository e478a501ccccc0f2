"""Loading of weights from a file, checked against the model's parameters before any memory is allocated.

reads  model.safetensors

The parameters of a model are a few numbers, even for a billion layers. So the network is first built without memory (on
the device `meta`), and only while it has no more weights than the header of the file lists.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode

from im2latex.errors import ArtifactError
from im2latex.models.model import ModelParams, Network

_DTYPES = ("F64", "F32", "F16", "BF16", "I64")
"""Number types of saved weights and buffers."""
_MAX_MODULES_PER_TENSOR = 20
"""Most modules and parameters that are built per tensor of a file; those of all presets are below 4."""


def load_network(params: ModelParams, vocabulary: int, path: Path) -> Network:
    """Build the network of `params` for `vocabulary` entries and load the weights of the file, on the CPU.

    Raises `ArtifactError` where the file is damaged or of another model, or a weight is not finite.
    """
    if not path.is_file():
        raise FileNotFoundError(2, "No such file", str(path))
    try:
        header = _header(path)
        with _bounded(_MAX_MODULES_PER_TENSOR * (len(header) + 1)):
            expected = shapes(params, vocabulary)
        if header != expected:
            raise ArtifactError(f"{path}: {_difference(header, expected)}; it is of another model than checkpoint.json")
        network = Network(params, vocabulary)
        network.load_state_dict(load_file(path))
    except _TooManyModulesError:
        raise ArtifactError(f"{path}: has {len(header):,} weights, the model of checkpoint.json has more") from None
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError, ArithmeticError, AssertionError) as error:
        reason = str(error).partition("\n")[0]  # torch adds a trace of its own
        raise ArtifactError(f"{path}: not the weights of checkpoint.json ({reason})") from None
    check_finite(network.state_dict(), path)
    return network


def shapes(params: ModelParams, vocabulary: int) -> dict[str, torch.Size]:
    """Name and shape of each weight of the network of `params`, without allocating memory."""
    with torch.device("meta"), _NoInit():
        return {name: weight.shape for name, weight in Network(params, vocabulary).state_dict().items()}


class _NoInit(TorchFunctionMode):
    """Context without initialization of weights: on `meta` there are none, and torch's first call takes seconds."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (Tensor.normal_, Tensor.uniform_) or getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def check_finite(weights: dict[str, Tensor], path: Path) -> None:
    """Raise `ArtifactError` naming the first of the weights, read from `path`, that is infinite or not a number."""
    for name, weight in weights.items():
        if not torch.isfinite(weight).all():
            raise ArtifactError(f"{path}: {name} holds numbers that are infinite or NaN; the file is damaged")


def _header(path: Path) -> dict[str, torch.Size]:
    """Name and shape of each tensor in a file."""
    with safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 not a mapping
        for name, one in slices.items():
            if one.get_dtype() not in _DTYPES:
                raise ArtifactError(f"{path}: {name} is of the type {one.get_dtype()}; known are {', '.join(_DTYPES)}")
        return {name: torch.Size(one.get_shape()) for name, one in slices.items()}


def _difference(header: dict[str, torch.Size], expected: dict[str, torch.Size]) -> str:
    """One sentence on the first weight in which two models differ."""
    name = min(header.items() ^ expected.items())[0]
    if name not in header or name not in expected:
        return f"{name} is {'unexpected' if name in header else 'missing'}"
    return f"{name} has the shape {list(header[name])}, expected {list(expected[name])}"


class _TooManyModulesError(Exception):
    """More modules and parameters were built than allowed."""


@contextmanager
def _bounded(most: int) -> Iterator[None]:
    """Context in which at most so many modules and parameters can be built."""
    built = 0

    def count(_module: nn.Module, _name: str, _part: object) -> None:
        nonlocal built
        built += 1
        if built > most:
            raise _TooManyModulesError

    hooks = [register_module_parameter_registration_hook(count), register_module_module_registration_hook(count)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
