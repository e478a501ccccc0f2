"""PyTorch engine: networks of every family, on every device."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from im2latex.engines.base import DecodingState, Engine, LogProbabilities, Tokens, check_device_name
from im2latex.errors import UsageError
from im2latex.models.model import Network
from im2latex.types import GridGeometry


class TorchEngine(Engine):
    """A network as an `engines.base.Engine`, on the device that it is on."""

    def __init__(self, network: Network) -> None:
        self.network = network

    @property
    def description(self) -> str:
        return f"PyTorch {torch.__version__} on {self._device}"

    @property
    def draft(self) -> None:
        return None

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    @torch.inference_mode()
    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return self.network.encode(torch.as_tensor(images).to(self._device)[:, None])

    def start(self, memory: Tensor) -> "_TorchState":
        return _TorchState(self.network, memory)

    @torch.inference_mode()
    def score(self, memory: Tensor, tokens: Tokens) -> LogProbabilities:
        logits, _ = self._forward(memory, tokens, need_weights=False)
        return _array(logits.float().log_softmax(dim=-1))

    @torch.inference_mode()
    def attention(self, memory: Tensor, tokens: Tokens) -> NDArray[np.float32]:
        _, weights = self._forward(memory, tokens, need_weights=True)
        assert weights is not None, "requested"
        return _array(weights.float())

    def geometry(self, height: int, width: int) -> GridGeometry:
        return self.network.encoder.geometry(height, width)

    def _forward(self, memory: Tensor, tokens: Tokens, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        memory = memory.expand(len(tokens), -1, -1)
        result: tuple[Tensor, Tensor | None] = self.network.decoder(
            memory, torch.from_numpy(tokens).to(memory.device), need_weights=need_weights
        )
        return result


class _TorchState(DecodingState):
    """State of the decoder; the first dimension of its tensors is N."""

    @torch.inference_mode()
    def __init__(self, network: Network, memory: Tensor) -> None:
        self._network, self._device = network, memory.device
        # Matrix products copy operands that are not contiguous, at every step: attention took twice the time.
        self._state = [part.contiguous() for part in network.decoder.initial_state(memory)]
        self._is_unchanged = [False] * len(self._state)
        self._images = np.arange(len(memory))

    @torch.inference_mode()
    def step(self, tokens: Tokens) -> LogProbabilities:
        logits, new_state = self._network.step(self._state, torch.from_numpy(tokens).to(self._device))
        self._is_unchanged = [new is old for new, old in zip(new_state, self._state, strict=True)]
        self._state = new_state
        return _array(logits.float().log_softmax(dim=-1))

    @torch.inference_mode()
    def select(self, rows: Tokens) -> None:
        """Tensors that a step returns unchanged depend on the image alone: the largest part, copied only if needed."""
        images, index = self._images[rows], torch.from_numpy(rows).to(self._device)
        same = np.array_equal(images, self._images)
        self._state = [
            part if same and is_unchanged else part[index]
            for part, is_unchanged in zip(self._state, self._is_unchanged, strict=True)
        ]
        self._images = images


def _array(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.cpu().numpy()
    return array


def choose_device(name: str) -> torch.device:
    """Return the device of that name; `auto` is the first GPU, or the CPU where there is none.

    Raises `UsageError` for a name that torch does not know, and for a device that is not there.
    """
    check_device_name(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"{name}: PyTorch finds no GPU here; use cpu or auto")
    if name == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"{name}: PyTorch cannot use Metal here; use cpu or auto")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        raise UsageError(f"{name}: PyTorch finds {count} GPUs here, the last is cuda:{count - 1}")
    return device
