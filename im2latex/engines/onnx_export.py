"""Export of a network to two ONNX graphs, which ONNX Runtime computes without PyTorch.

writes  <folder>/encoder.onnx   images to the keys and values of the cross-attention of every decoder layer
        <folder>/decoder.onnx   tokens to log probabilities, with a key-value cache: one step, or a whole sequence
        <folder>/model.safetensors, checkpoint.json, confidence.json   copies of the checkpoint's

The graphs hold no weights: they refer to those in model.safetensors beside them, and convert half precision when they
are loaded. So they depend only on the names, types and places of the weights: the header of that file.
"""

import shutil
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from im2latex.engines.onnx_engine import CHECKPOINT_FILES, DECODER, ENCODER, WEIGHTS, header_hash, weights_header
from im2latex.errors import ArtifactError
from im2latex.io.atomic_write import atomic_write
from im2latex.models.decoders.transformer import DecoderLayer, TransformerDecoder
from im2latex.models.encoders.conv import ConvEncoder
from im2latex.models.model import Network
from im2latex.models.transformer_layers import MultiHeadAttention, sinusoidal_encoding

_OPSET = 17
_TYPES = {"F16": "FLOAT16", "F32": "FLOAT"}


def unsupported_reason(network: Network) -> str | None:
    """Why a network cannot be exported, None where it can."""
    if isinstance(network.encoder, ConvEncoder) and isinstance(network.decoder, TransformerDecoder):
        return None
    return "only models of the presets fast-* can be exported"


def export_network(network: Network, max_tokens: int, checkpoint: Path, folder: Path) -> None:
    """Write the graphs of a network, and copies of the files of its checkpoint.

    Raises `ArtifactError` where the network cannot be exported.
    """
    if reason := unsupported_reason(network):
        raise ArtifactError(f"{checkpoint}: {reason}; --engine torch predicts with it")
    folder.mkdir(parents=True, exist_ok=True)
    for name in CHECKPOINT_FILES:
        source = checkpoint / name
        if source.is_file() and source.resolve() != (folder / name).resolve():
            atomic_write(folder / name, partial(shutil.copyfile, source))
    images = torch.zeros((2, 64, 96), dtype=torch.uint8)
    encoder, decoder = _Encoder(network).eval(), _Decoder(network, max_tokens).eval()
    features = decoder.features
    with torch.inference_mode():
        memory = encoder(images)
        tokens, rows = torch.zeros((4, 2), dtype=torch.long), torch.arange(4)
        past = [part.new_zeros((4, part.shape[1], 3, features // part.shape[1])) for part in memory]
    layers = range(len(memory) // 2)
    own = [f"past_{kind}_{layer}" for layer in layers for kind in ("key", "value")]
    cross = [f"memory_{kind}_{layer}" for layer in layers for kind in ("key", "value")]
    new = [name.replace("past", "new") for name in own]
    axes: dict[str, dict[int, str]] = {"images": {0: "B", 1: "H", 2: "W"}, "tokens": {0: "N", 1: "T"}, "rows": {0: "N"}}
    axes |= {name: {0: "M", 2: "L"} for name in own} | {name: {0: "N", 2: "S"} for name in new}
    axes |= {name: {0: "R", 3 if "key" in name else 2: "P"} for name in cross}
    _write(encoder, (images,), ["images"], cross, axes, folder / ENCODER)
    outputs = ["log_probabilities", "attention", *new]
    _write(decoder, (tokens, rows, *past, *memory), ["tokens", "rows", *own, *cross], outputs, axes, folder / DECODER)


class _Encoder(nn.Module):
    """Images (B, H, W) to keys (B, heads, d, P), which are scaled, and values (B, heads, P, d) of each layer."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> list[Tensor]:
        memory = self.network.encode(images[:, None])
        found: list[Tensor] = []
        for layer in _layers(self.network):
            keys, values = layer.cross_attention_cache(memory)
            found += [keys.transpose(2, 3) * keys.shape[-1] ** -0.5, values]
        return found


class _Decoder(nn.Module):
    """One pass of the decoder over T tokens of N formulas of R images, N a multiple of R.

    The caches `past` are those of M formulas, of which `rows` (N,) are continued. The formulas of an image share its
    keys and values: their queries are the rows of one matrix.
    """

    def __init__(self, network: Network, max_tokens: int) -> None:
        super().__init__()
        self.network = network
        self.features = _decoder(network).features
        self.positions = sinusoidal_encoding(max_tokens + 2, self.features, torch.device("cpu"))

    def forward(self, tokens: Tensor, rows: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        decoder, layers = _decoder(self.network), _layers(self.network)
        past, memory = caches[: 2 * len(layers)], caches[2 * len(layers) :]
        begin, count = past[0].shape[2], tokens.shape[1]
        end = begin + count
        x = decoder.embedding(tokens) * self.features**0.5 + self.positions[begin:end]
        is_later = torch.arange(end)[None] > (begin + torch.arange(count))[:, None]
        mask = torch.where(is_later, -torch.inf, 0.0)
        new: list[Tensor] = []
        attention = x
        for layer, keys, values, memory_keys, memory_values in zip(
            layers, past[::2], past[1::2], memory[::2], memory[1::2], strict=True
        ):
            normed = layer._normalize(x, 0)
            own_keys, own_values = layer.self_attention.keys_values(normed)
            own_keys, own_values = torch.cat([keys[rows], own_keys], 2), torch.cat([values[rows], own_values], 2)
            new += [own_keys, own_values]
            scores = _queries(layer.self_attention, normed, scaled=True) @ own_keys.transpose(2, 3)
            x = layer._add(x, _output(layer.self_attention, (scores + mask).softmax(-1) @ own_values), 0)
            together = layer._normalize(x, 1).reshape(memory_keys.shape[0], -1, self.features)
            weights = (_queries(layer.cross_attention, together, scaled=False) @ memory_keys).softmax(-1)
            attention = weights.mean(dim=1)
            x = layer._add(x, _output(layer.cross_attention, weights @ memory_values).view_as(x), 1)
            x = layer._add(x, layer.feed_forward(layer._normalize(x, 2)), 2)
        return decoder._score(x).log_softmax(-1), attention, *new


def _decoder(network: Network) -> TransformerDecoder:
    assert isinstance(network.decoder, TransformerDecoder), "checked by unsupported_reason"
    return network.decoder


def _layers(network: Network) -> list[DecoderLayer]:
    return _decoder(network)._decoder_layers


def _queries(attention: MultiHeadAttention, x: Tensor, scaled: bool) -> Tensor:
    queries = attention._split_heads(attention.query(x))
    return queries * queries.shape[-1] ** -0.5 if scaled else queries


def _output(attention: MultiHeadAttention, values: Tensor) -> Tensor:
    result: Tensor = attention.output(values.transpose(1, 2).flatten(2))
    return result


def _write(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    input_names: list[str],
    output_names: list[str],
    axes: dict[str, dict[int, str]],
    path: Path,
) -> None:
    """Trace a module, and write its graph with references to the weights beside it."""
    import onnx

    header, start = weights_header(path.parent / WEIGHTS)
    with TemporaryDirectory() as temporary, warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer warns of every shape that it traces
        torch.onnx.export(
            module,
            inputs,
            Path(temporary) / path.name,
            input_names=input_names,
            output_names=output_names,
            dynamic_axes={name: axes[name] for name in [*input_names, *output_names] if name in axes},
            opset_version=_OPSET,
            dynamo=False,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,  # it is in evaluation mode; batch norms stay nodes
        )
        model = onnx.load(Path(temporary) / path.name)
    casts = list(_refer_to_weights(model.graph.initializer, header, start))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    entry = model.metadata_props.add()
    entry.key, entry.value = "weights_header", header_hash(header)
    atomic_write(path, lambda draft: draft.write_bytes(model.SerializeToString()))


def _refer_to_weights(initializers: Any, header: dict[str, Any], start: int) -> Iterator[Any]:
    """Replace the values of weights by their place in the file; yields the nodes that convert half precision."""
    from onnx import TensorProto, helper

    for tensor in initializers:
        name = tensor.name.removeprefix("network.")
        if name not in header or header[name]["dtype"] not in _TYPES:
            continue
        entry: dict[str, Any] = header[name]
        first, last = entry["data_offsets"]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.data_type = getattr(TensorProto, _TYPES[entry["dtype"]])
        for key, value in (("location", WEIGHTS), ("offset", start + first), ("length", last - first)):
            item = tensor.external_data.add()
            item.key, item.value = key, str(value)
        if entry["dtype"] == "F16":
            full, tensor.name = tensor.name, f"{tensor.name}.half"
            yield helper.make_node("Cast", [tensor.name], [full], to=TensorProto.FLOAT)
