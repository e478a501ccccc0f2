"""The whole model: an encoder and a decoder that agree on the width of the memory between them."""

import math
from typing import NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.config import Params
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.models.decoders import DecoderParams, State, build_decoder
from im2latex.models.encoders import EncoderParams, build_encoder


class ModelParams(Params):
    """Which encoder and which decoder, and their sizes."""

    encoder: EncoderParams = Field(description="image to memory")
    decoder: DecoderParams = Field(description="memory to tokens")
    ctc_head: bool = Field(True, description="the encoder predicts the tokens too, by CTC, as an auxiliary loss")

    @model_validator(mode="after")
    def _parts_agree(self) -> "ModelParams":
        conflict = self.decoder.conflict(self.encoder)
        if conflict is not None:
            raise ValueError(conflict)
        return self


class Output(NamedTuple):
    """What a network says of B images and their tokens.

    `logits` (B, T, V) are the decoder's, row t for what follows token t. `reading` (B, P, V) are the encoder's own,
    where it has learnt to spell. `attention` (B, T, P), where it was asked for, tells how much of each grid position
    went into each row; it sums to 1.
    """

    logits: Tensor
    reading: Tensor | None
    attention: Tensor | None


class Network(nn.Module):
    """Images in, scores of tokens out.

    B batch, H W pixels, P grid positions, D features, T tokens, V vocabulary. Images are uint8 (B, 1, H, W) with
    255 for paper, or floats on the same scale.
    """

    def __init__(self, params: ModelParams, vocabulary: int) -> None:
        super().__init__()
        self.encoder = build_encoder(params.encoder)
        self.decoder = build_decoder(params.decoder, vocabulary, params.encoder)
        self.reading = build_reading(self.encoder.features, vocabulary) if params.ctc_head else None

    def forward(
        self,
        images: Tensor,
        tokens: Tensor,
        replaced: Tensor | None = None,
        attention: bool = False,
        reading: bool = True,
    ) -> Output:
        """Score whole sequences (B, T) at once, as training needs it.

        Where `replaced` (B, T) is true, the decoder reads its own best token instead of the given one. Without
        `reading` the encoder's own is left out, which costs as much as a decoder layer.
        """
        memory = self.encode(images)
        logits, weights = self.decoder(memory, tokens, replaced, attention)
        return Output(logits, self.reading(memory) if reading and self.reading is not None else None, weights)

    def encode(self, images: Tensor) -> Tensor:
        """Images to the memory (B, P, D)."""
        memory: Tensor = self.encoder((255.0 - images) / 255.0)
        return memory

    def start(self, images: Tensor) -> State:
        """The decoder's state before the first token; its tensors have B first."""
        return self.decoder.start(self.encode(images))

    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        """One token (B,) further: logits (B, V) and the new state."""
        return self.decoder.step(state, tokens)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """The weights between hidden features: matrices and kernels, but neither embeddings nor the reading.

        Kernels over a single channel, which look at the image itself, are not among them either: neighbouring
        pixels are alike, so their gradient has few directions worth an equal step.
        """
        tables = [module.weight for module in self.modules() if isinstance(module, nn.Embedding)]
        tables += [] if self.reading is None else [self.reading.weight]
        outer = {id(weight) for weight in [*tables, *self.decoder.output_matrices()]}
        return [
            weight
            for weight in self.parameters()
            if weight.dim() > 1 and weight.shape[1] > 1 and id(weight) not in outer
        ]


def build_reading(features: int, vocabulary: int) -> nn.Linear:
    """The encoder's reading; at first nine of ten positions are blank.

    From an even start, some seeds settle on spelling a frequent token everywhere and never find the blank.
    """
    reading = nn.Linear(features, vocabulary)
    nn.init.zeros_(reading.bias)
    with torch.no_grad():
        reading.bias[Vocabulary.pad] = math.log(9 * (vocabulary - 1))
    return reading
