"""Export of a network to ONNX graphs, which ONNX Runtime computes without PyTorch.

writes  <folder>/encoder.onnx   images to the keys and values of the cross-attention of every decoder layer
        <folder>/decoder.onnx   tokens to log probabilities, with a key-value cache: one step, or a whole sequence
        <folder>/draft.onnx     the same with quantized weights: faster, and less exact
        <folder>/model.safetensors, checkpoint.json, confidence.json   copies of the checkpoint's

The graphs hold no weights: they refer to those in model.safetensors beside them, and convert or quantize them when
they are loaded. So they depend only on the names, types and places of the weights: the header of that file.
"""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from im2latex.engines.onnx_sessions import (
    CHECKPOINT_FILES,
    DECODER,
    DRAFT,
    ENCODER,
    WEIGHTS,
    header_hash,
    weights_header,
)
from im2latex.errors import ArtifactError
from im2latex.io.atomic_write import atomic_write
from im2latex.models.decoders.transformer import DecoderLayer, TransformerDecoder
from im2latex.models.encoders.conv import ConvEncoder
from im2latex.models.model import Network
from im2latex.models.transformer_layers import sinusoidal_encoding

_OPSET = 17
_BLOCK = 32
"""Quantized weights that share a scale."""
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
    weights = folder / WEIGHTS
    _write(_traced(encoder, (images,), ["images"], cross, axes, weights), folder / ENCODER)
    inputs, outputs = ["tokens", "rows", *own, *cross], ["log_probabilities", "attention", *new]
    graph = _traced(decoder, (tokens, rows, *past, *memory), inputs, outputs, axes, weights)
    _write(graph, folder / DECODER)
    _quantize(graph)
    _write(graph, folder / DRAFT)


def _write(model: Any, path: Path) -> None:
    atomic_write(path, lambda draft: draft.write_bytes(model.SerializeToString()))


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
    keys and values: their queries are the rows of one matrix. Hidden states are matrices (N T, D).
    """

    def __init__(self, network: Network, max_tokens: int) -> None:
        super().__init__()
        self.network = network
        self.features = _decoder(network).features
        self.heads = _layers(network)[0].self_attention.heads
        self.width = self.features // self.heads
        self.scale = self.width**-0.5
        self.positions = sinusoidal_encoding(max_tokens + 2, self.features, torch.device("cpu"))

    def forward(self, tokens: Tensor, rows: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        decoder, layers = _decoder(self.network), _layers(self.network)
        past, memory = caches[: 2 * len(layers)], caches[2 * len(layers) :]
        begin, count, images = past[0].shape[2], tokens.shape[1], memory[0].shape[0]
        end = begin + count
        is_later = torch.arange(end)[None] > (begin + torch.arange(count))[:, None]
        mask = torch.where(is_later, -torch.inf, 0.0)
        x = (decoder.embedding(tokens) * self.features**0.5 + self.positions[begin:end]).reshape(-1, self.features)
        new: list[Tensor] = []
        attention = x
        for layer, keys, values, memory_keys, memory_values in zip(
            layers, past[::2], past[1::2], memory[::2], memory[1::2], strict=True
        ):
            normed = layer._normalize(x, 0)
            queries = self._heads(layer.self_attention.query(normed), count)
            own = layer.self_attention.key_value(normed).split(self.features, dim=1)
            own_keys, own_values = (
                torch.cat([before[rows], self._heads(part, count)], 2)
                for before, part in zip((keys, values), own, strict=True)
            )
            new += [own_keys, own_values]
            scores = queries * self.scale @ own_keys.transpose(2, 3) + mask
            x = layer._add(x, layer.self_attention.output(self._flat(scores.softmax(-1) @ own_values)), 0)
            queries = layer.cross_attention.query(layer._normalize(x, 1)).view(images, -1, self.heads, self.width)
            weights = (queries.transpose(1, 2) @ memory_keys).softmax(-1)
            attention = weights.mean(dim=1)
            x = layer._add(x, layer.cross_attention.output(self._flat(weights @ memory_values)), 1)
            x = layer._add(x, layer.feed_forward(layer._normalize(x, 2)), 2)
        scores = decoder._score(x).log_softmax(-1)
        return scores.view(-1, count, scores.shape[1]), attention, *new

    def _heads(self, x: Tensor, count: int) -> Tensor:
        """Split (N T, D) into heads (N, heads, T, d)."""
        return x.view(-1, count, self.heads, self.width).transpose(1, 2)

    def _flat(self, x: Tensor) -> Tensor:
        """Join the heads (N, heads, T, d) to (N T, D)."""
        return x.transpose(1, 2).reshape(-1, self.features)


def _decoder(network: Network) -> TransformerDecoder:
    assert isinstance(network.decoder, TransformerDecoder), "checked by unsupported_reason"
    return network.decoder


def _layers(network: Network) -> list[DecoderLayer]:
    return _decoder(network)._decoder_layers


@contextmanager
def _matrix_inputs() -> Iterator[None]:
    """Context in which linear layers compute on matrices: they become products with the weights as they are stored.

    Those of inputs (B, P, D) are exported as products with transposed weights, which take time to load.
    """
    forward = nn.Linear.forward

    def on_matrix(self: nn.Linear, x: Tensor) -> Tensor:
        return forward(self, x) if x.dim() == 2 else forward(self, x.flatten(0, -2)).view(*x.shape[:-1], -1)

    nn.Linear.forward = on_matrix  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        nn.Linear.forward = forward  # type: ignore[method-assign]


def _traced(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    input_names: list[str],
    output_names: list[str],
    axes: dict[str, dict[int, str]],
    weights: Path,
) -> Any:
    """Trace a module; its graph refers to the weights in that file."""
    import onnx

    header, start = weights_header(weights)
    with TemporaryDirectory() as temporary, warnings.catch_warnings(), torch.inference_mode(), _matrix_inputs():
        warnings.simplefilter("ignore")  # the tracer warns of every shape that it traces
        torch.onnx.export(
            module,
            inputs,
            Path(temporary) / "graph.onnx",
            input_names=input_names,
            output_names=output_names,
            dynamic_axes={name: axes[name] for name in [*input_names, *output_names] if name in axes},
            opset_version=_OPSET,
            dynamo=False,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,  # it is in evaluation mode; batch norms stay nodes
        )
        model = onnx.load(Path(temporary) / "graph.onnx")
    casts = list(_refer_to_weights(model.graph.initializer, header, start))
    _set_nodes(model, [*casts, *model.graph.node])
    entry = model.metadata_props.add()
    entry.key, entry.value = "weights_header", header_hash(header)
    return model


def _set_nodes(model: Any, nodes: list[Any]) -> None:
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _quantize(model: Any) -> None:
    """Let the layers of a graph compute with weights of 8 bits, in blocks with a scale each, and with integer products.

    The graph quantizes the weights itself, so that it need not hold them.
    """
    from onnx import TensorProto, helper, numpy_helper

    domain = "com.microsoft"
    model.opset_import.append(helper.make_opsetid(domain, 1))
    shapes = {one.name.removesuffix(".half"): one.dims for one in model.graph.initializer}
    constants = {
        "blocks": np.array([0, -1, _BLOCK]),
        "scales": np.array([0, -1]),
        "unit": np.float32(1 / 127),
        "least": np.float32(1e-12),
        "zero": np.float32(128),
    }
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(one), name) for name, one in constants.items())
    nodes: list[Any] = []
    for node in model.graph.node:
        weight = node.input[1] if node.op_type == "Gemm" else ""
        if weight not in shapes or shapes[weight][1] % _BLOCK:
            nodes.append(node)
            continue
        kinds = ("blocks", "absolute", "largest", "unit", "step", "scale", "exact", "rounded", "level", "quantized")
        value = {kind: f"{node.name}.{kind}" for kind in kinds}
        for operator, operands, output, attributes in (
            ("Reshape", [weight, "blocks"], "blocks", {}),
            ("Abs", [value["blocks"]], "absolute", {}),
            ("ReduceMax", [value["absolute"]], "largest", {"axes": [2]}),
            ("Mul", [value["largest"], "unit"], "unit", {}),
            ("Max", [value["unit"], "least"], "step", {}),
            ("Reshape", [value["step"], "scales"], "scale", {}),
            ("Div", [value["blocks"], value["step"]], "exact", {}),
            ("Round", [value["exact"]], "rounded", {}),
            ("Add", [value["rounded"], "zero"], "level", {}),
            ("Cast", [value["level"]], "quantized", {"to": TensorProto.UINT8}),
        ):
            nodes.append(helper.make_node(operator, operands, [value[output]], **attributes))
        rows, columns = shapes[weight]
        inputs = [node.input[0], value["quantized"], value["scale"], "", "", *node.input[2:]]
        sizes = {"N": rows, "K": columns, "bits": 8, "block_size": _BLOCK, "accuracy_level": 4}
        nodes.append(helper.make_node("MatMulNBits", inputs, list(node.output), node.name, domain=domain, **sizes))
    _set_nodes(model, nodes)


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
