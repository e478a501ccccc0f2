"""Encoder-decoder model: images to scores of tokens.

Encoder and decoder agree on the width D of the memory between them. Shape letters: see `im2latex.models`.
"""

import math
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.config import Params
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.models.decoders import DecoderParams
from im2latex.models.decoders.base import State
from im2latex.models.encoders import EncoderParams


class GlorotInitParams(Params):
    """Glorot-uniform matrices and kernels, zero biases (Glorot and Bengio 2010); embeddings and norms as they are."""

    name: Literal["glorot"]

    def initialize(self, network: nn.Module) -> None:
        """Draw the weights anew."""
        for module in network.modules():
            if isinstance(module, nn.Embedding):
                continue
            for name, weight in module.named_parameters(recurse=False):
                if weight.dim() > 1:
                    nn.init.xavier_uniform_(weight)
                elif "bias" in name:
                    nn.init.zeros_(weight)


class UniformInitParams(Params):
    """All weights uniform in [-range, range], those of biases and norms included."""

    name: Literal["uniform"]
    range: float = Field(gt=0, description="largest absolute value")

    def initialize(self, network: nn.Module) -> None:
        """Draw the weights anew."""
        for weight in network.parameters():
            nn.init.uniform_(weight, -self.range, self.range)


class OuterUniformInitParams(Params):
    """Embeddings and the output layer uniform in [-range, range], its biases zero; the projection to the memory by He.

    As in kingyiusuen/image-to-latex: the 1x1 convolution is He-normal by its fan-out F (He et al. 2015, arXiv
    1502.01852, section 2.2), its biases have mean and deviation of F^-0.5, the mean below zero. Layers between keep
    theirs.
    """

    name: Literal["outer-uniform"]
    range: float = Field(gt=0, description="largest absolute value")

    def initialize(self, network: nn.Module) -> None:
        """Draw the weights anew."""
        for name, module in network.named_modules():
            if isinstance(module, nn.Embedding):
                nn.init.uniform_(module.weight, -self.range, self.range)
            elif name == "decoder.output" and isinstance(module, nn.Linear):
                nn.init.uniform_(module.weight, -self.range, self.range)
                nn.init.zeros_(module.bias)
            elif name == "encoder.project" and isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                bound = module.out_channels**-0.5
                nn.init.normal_(module.bias, -bound, bound)


InitializationParams = Annotated[
    GlorotInitParams | UniformInitParams | OuterUniformInitParams, Field(discriminator="name")
]
"""Parameters of any initialization, discriminated by `name`."""


class ModelParams(Params):
    """Encoder and decoder with their sizes."""

    encoder: EncoderParams = Field(description="image to memory")
    decoder: DecoderParams = Field(description="memory to tokens")
    ctc_head: bool = Field(True, description="predict tokens from the memory too, for an auxiliary CTC loss")
    initialization: InitializationParams | None = Field(
        None, description="distribution of the initial weights; null: that of each layer"
    )

    @model_validator(mode="after")
    def _encoder_fits_decoder(self) -> "ModelParams":
        conflict = self.decoder.conflict(self.encoder)
        if conflict is not None:
            raise ValueError(conflict)
        return self


class Output(NamedTuple):
    """Output of a network for B images and their tokens.

    `logits` (B, T, V) are the decoder's, row t for the token after token t. `ctc_logits` (B, P, V) are those of the
    CTC head, where there is one. `attention` (B, T, P) are the attention weights, where requested; they sum to 1.
    """

    logits: Tensor
    ctc_logits: Tensor | None
    attention: Tensor | None


class Network(nn.Module):
    """Encoder, decoder and CTC head.

    Images are uint8 (B, 1, H, W) with 255 for background, or floats on the same scale.
    """

    def __init__(self, params: ModelParams, vocabulary_size: int) -> None:
        super().__init__()
        self.encoder = params.encoder.build()
        self.decoder = params.decoder.build(vocabulary_size, params.encoder)
        if params.initialization is not None:
            params.initialization.initialize(self)
        self.ctc_head = build_ctc_head(self.encoder.out_features, vocabulary_size) if params.ctc_head else None

    def forward(
        self,
        images: Tensor,
        tokens: Tensor,
        sample_mask: Tensor | None = None,
        need_weights: bool = False,
        ctc: bool = True,
    ) -> Output:
        """Score whole sequences (B, T) at once, as training needs it.

        `sample_mask` and `need_weights` as in `Decoder.forward`. Without `ctc` the CTC head is left out, which costs
        as much as a decoder layer.
        """
        memory = self.encode(images)
        logits, weights = self.decoder(memory, tokens, sample_mask, need_weights)
        return Output(logits, self.ctc_head(memory) if ctc and self.ctc_head is not None else None, weights)

    def encode(self, images: Tensor) -> Tensor:
        """Encode images (B, 1, H, W) as a memory (B, P, D)."""
        memory: Tensor = self.encoder((255.0 - images) / 255.0)
        return memory

    def initial_state(self, images: Tensor) -> State:
        """The decoder's state before the first token; the first dimension of its tensors is B."""
        return self.decoder.initial_state(self.encode(images))

    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        """Consume one token (B,); returns the logits (B, V) of the next one and the new state."""
        return self.decoder.step(state, tokens)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """The weights between hidden features: matrices and convolution kernels, without embeddings and output layers.

        Kernels over a single channel, those of the image itself, are excluded too: neighbouring pixels are alike, so
        that their gradient has few directions that deserve an equal step.
        """
        tables = [module.weight for module in self.modules() if isinstance(module, nn.Embedding)]
        tables += [] if self.ctc_head is None else [self.ctc_head.weight]
        excluded = {id(weight) for weight in [*tables, *self.decoder.output_matrices()]}
        return [
            weight
            for weight in self.parameters()
            if weight.dim() > 1 and weight.shape[1] > 1 and id(weight) not in excluded
        ]


def build_ctc_head(features: int, vocabulary_size: int) -> nn.Linear:
    """The output layer of the encoder for the CTC loss; initially blank has a probability of 0.9.

    With equal initial probabilities, some seeds end up with a frequent token at every position and never learn the
    blank.
    """
    head = nn.Linear(features, vocabulary_size)
    nn.init.zeros_(head.bias)
    with torch.no_grad():
        head.bias[Vocabulary.pad] = math.log(9 * (vocabulary_size - 1))
    return head
