"""Building blocks shared by the transformer layers of encoders and decoders.

Multi-head attention, feed-forward, and sinusoidal positional encodings (Vaswani et al. 2017, arXiv 1706.03762).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention with several heads.

    Keys and values are computed by a method of their own, so that a decoder can cache them. `features` D is a multiple
    of `heads`.
    """

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, features)
        self.key_value = nn.Linear(features, 2 * features)
        self.output = nn.Linear(features, features)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values, each (B, heads, T, D / heads), of the attended sequence (B, T, D)."""
        keys, values = self.key_value(x).chunk(2, dim=-1)
        return self._split_heads(keys), self._split_heads(values)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, causal: bool = False) -> Tensor:
        """Attend from queries (B, T, D) and return (B, T, D); `causal` masks the keys after each query."""
        attended = F.scaled_dot_product_attention(self._split_heads(self.query(x)), keys, values, is_causal=causal)
        return self.output(attended.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def attention_weights(self, x: Tensor, keys: Tensor) -> Tensor:
        """Attention weights (B, heads, T, P) of queries (B, T, D) over keys (B, heads, P, D / heads)."""
        queries = self._split_heads(self.query(x))
        scores: Tensor = queries * queries.shape[-1] ** -0.5 @ keys.transpose(2, 3)
        return scores.softmax(dim=-1)

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Position-wise feed-forward network: two linear layers with a GELU between them."""

    def __init__(self, features: int, expansion: int) -> None:
        inner = expansion * features
        super().__init__(nn.Linear(features, inner), nn.GELU(), nn.Linear(inner, features))


def check_heads(features: int, heads: int) -> None:
    """Raise `ValueError` where `features` is no multiple of `heads`."""
    if features % heads:
        raise ValueError(f"features must be a multiple of heads ({features}, {heads})")


def zero_parameters(*modules: nn.Module) -> None:
    """Set all weights and biases of `modules` to zero, such as those of the last layer of a residual branch."""
    for module in modules:
        for parameter in module.parameters():
            nn.init.zeros_(parameter)


def sinusoidal_encoding(length: int, features: int, device: torch.device) -> Tensor:
    """Positional encoding (length, features) of Vaswani et al. 2017, section 3.5; `features` is even."""
    rates = torch.exp(torch.arange(0, features, 2, device=device) * (-math.log(10_000.0) / features))
    angles = torch.arange(length, device=device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def sinusoidal_encoding_2d(height: int, width: int, features: int, device: torch.device) -> Tensor:
    """Positional encoding (features, height, width): one half of the features encodes the row, one the column."""
    rows = sinusoidal_encoding(height, features // 2, device).T[:, :, None].expand(-1, height, width)
    columns = sinusoidal_encoding(width, features // 2, device).T[:, None, :].expand(-1, height, width)
    return torch.cat([rows, columns])
