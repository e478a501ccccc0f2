"""Multi-head attention, with the keys and values computed apart so that a search can keep them."""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Queries from one sequence, keys and values from the same or another."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, features)
        self.key_value = nn.Linear(features, 2 * features)
        self.output = nn.Linear(features, features)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is attended to, (B, T, D), as two tensors (B, heads, T, D / heads)."""
        keys, values = self.key_value(x).chunk(2, dim=-1)
        return self._split(keys), self._split(values)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, causal: bool = False) -> Tensor:
        """(B, T, D) queries to (B, T, D); `causal` hides from each query the keys after its own place."""
        mixed = F.scaled_dot_product_attention(self._split(self.query(x)), keys, values, is_causal=causal)
        return self.output(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def weights(self, x: Tensor, keys: Tensor) -> Tensor:
        """How much each query (B, T, D) takes of each key: (B, heads, T, P)."""
        queries = self._split(self.query(x))
        scores: Tensor = queries * queries.shape[-1] ** -0.5 @ keys.transpose(2, 3)
        return scores.softmax(dim=-1)

    def _split(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Two linear maps around a GELU, each position by itself."""

    def __init__(self, features: int, expansion: int) -> None:
        inner = expansion * features
        super().__init__(nn.Linear(features, inner), nn.GELU(), nn.Linear(inner, features))


def zero_parameters(*modules: nn.Module) -> None:
    """Set the weights and biases of `modules` to zero, as of the last map of a residual branch."""
    for module in modules:
        for parameter in module.parameters():
            nn.init.zeros_(parameter)
