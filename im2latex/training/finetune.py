"""Fine-tuning: initial weights from the checkpoint of an earlier training, on another dataset or vocabulary.

reads  <init_from>/model.safetensors, <init_from>/checkpoint.json
       <init_from>/momentum.safetensors, where the earlier training saved the state of its optimizers

Rows of the vocabulary are matched by the text of their token, so that ids may differ; tokens that the earlier
vocabulary lacks have the random weights of a training run from scratch.

The new model may have more layers than the earlier one. Added layers are the identity at first, so that both models
predict the same (Net2DeeperNet; Chen et al. 2016, arXiv 1511.05641, section 2.3).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError, ParamsError
from im2latex.io.hashing import sha256_of
from im2latex.models.model import ModelParams, Network
from im2latex.models.weights import check_finite, shapes
from im2latex.training.checkpoint import Ancestor, Checkpoint, load_checkpoint
from im2latex.training.optim import OPTIMIZER_STATE, restore_optimizer_state

MIN_HASH_DIGITS = 8
"""Fewest hexadecimal digits that identify weights."""

_TRAINING_ONLY = ("dropout", "batch_norm_momentum")
"""Settings of a model that affect its training only, and not what its weights compute."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A checkpoint that weights are initialized from, and the SHA-256 of its model.safetensors."""

    folder: Path
    weights: str
    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        """Folder and hash, as `train.init_from` accepts them."""
        return f"{self.folder}@{self.weights[:MIN_HASH_DIGITS]}"

    def describe(self, vocabulary: Vocabulary) -> str:
        """Describe on one line how many tokens of `vocabulary` have weights in the checkpoint."""
        before, now = set(self.checkpoint.vocabulary.tokens), set(vocabulary.tokens)
        shared, new, removed = len(before & now), len(now - before), len(before - now)
        return f"train.init_from={self.name}: {shared:,} tokens shared, {new:,} new, {removed:,} removed"

    @property
    def history(self) -> tuple[Ancestor, ...]:
        """The training runs before the new one, oldest first."""
        earlier = self.checkpoint
        last = Ancestor(self.weights, earlier.dataset_hash, earlier.counts.get("samples", 0))
        return (*earlier.started_from, last)


def open_pretrained(init_from: str) -> Pretrained:
    """Read FOLDER, or FOLDER@HASH with at least the first eight digits of the SHA-256 of its weights.

    DVC compares the text of a parameter, not the files that it names: with a hash the text identifies the weights.
    Raises `ParamsError` where there is no checkpoint, or its weights have another hash.
    """
    name, digest = split_hash(init_from)
    folder = Path(name)
    if not (folder / "checkpoint.json").is_file():
        raise ParamsError(f"train.init_from = {init_from}: no checkpoint.json there; name the folder of a checkpoint")
    checkpoint = load_checkpoint(folder)
    weights = sha256_of(folder / "model.safetensors")
    if not weights.startswith(digest):
        raise ParamsError(
            f"train.init_from = {init_from}: the weights there have the hash {weights[:MIN_HASH_DIGITS]}; restore the "
            f"others, or write {folder}@{weights[:MIN_HASH_DIGITS]}"
        )
    return Pretrained(folder, weights, checkpoint)


def split_hash(init_from: str) -> tuple[str, str]:
    """The name of a checkpoint, and the first digits of the SHA-256 of its weights; none where there is no @HASH."""
    pinned = re.fullmatch(rf"(.+)@([0-9a-f]{{{MIN_HASH_DIGITS},64}})", init_from)
    return (pinned[1], pinned[2]) if pinned else (init_from, "")


def check_same_model(params: ModelParams, pretrained: Pretrained) -> None:
    """Raise `ParamsError` naming the first setting in which the model differs from that of the checkpoint.

    Where several differ, it names the preset of the checkpoint. Rates of dropout and batch norms may differ, and the
    new model may have more layers.
    """
    earlier = pretrained.checkpoint
    differences = _differences(earlier.model.model_dump(mode="json"), params.model_dump(mode="json"))
    refused = [(key, there, here) for key, there, here in differences if not _deeper(params, key, there, here)]
    if refused:
        key, there, here = refused[0]
        preset = earlier.recipe.get("preset")
        several = len(refused) > 1 and preset
        raise ParamsError(
            f"train.model.{key} = {here}: the checkpoint {pretrained.folder} of train.init_from has {there}"
            + (f", and {len(refused) - 1} other values differ; set train.preset = {preset}" if several else "")
            + (", the preset of the checkpoint" if several else "; set the same value")
            + ", or choose another checkpoint"
        )


@torch.no_grad()
def load_pretrained(network: Network, params: ModelParams, vocabulary: Vocabulary, pretrained: Pretrained) -> None:
    """Copy the weights of `pretrained` into a fresh network over `vocabulary`; raises as `check_same_model`."""
    check_same_model(params, pretrained)
    earlier = pretrained.checkpoint
    ids = {token: index for index, token in enumerate(earlier.vocabulary.tokens)}
    shared = [(index, ids[token]) for index, token in enumerate(vocabulary.tokens) if token in ids]
    new, old = (torch.tensor(column) for column in zip(*shared, strict=True))
    rows = token_dimensions(params)
    weights = earlier.network.state_dict()
    added = _added_layers(network, weights)
    for name, weight in network.state_dict().items():
        if name.startswith(added):
            continue
        if name not in weights:
            raise ArtifactError(f"{pretrained.folder}: has no weights {name}; it is of other code, train it again")
        if name in rows:
            weight.index_copy_(rows[name], new, weights[name].index_select(rows[name], old))
        else:
            weight.copy_(weights[name])


def load_optimizer_state(
    network: Network, optimizers: Sequence[torch.optim.Optimizer], vocabulary: Vocabulary, pretrained: Pretrained
) -> int:
    """Load the state of the optimizers that is beside the weights; returns the number of weights that had one.

    Nothing is loaded where the ids of the vocabulary differ.
    """
    path = pretrained.folder / OPTIMIZER_STATE
    if not path.is_file() or vocabulary.tokens != pretrained.checkpoint.vocabulary.tokens:
        return 0
    try:
        saved = load_file(path)
        check_finite(saved, path)
        return restore_optimizer_state(network, optimizers, saved)
    except (SafetensorError, OSError) as error:
        raise ArtifactError(f"{path}: damaged ({error}); restore it, or remove it") from None


def token_dimensions(params: ModelParams) -> dict[str, int]:
    """Names of the weights that have an index per token of the vocabulary, and the dimension of that index.

    Found by building the model on the meta device for two sizes of vocabulary, so that it holds for every family.
    """
    small, large = (shapes(params, size) for size in (10, 11))
    return {
        name: next(place for place, size in enumerate(shape) if size != large[name][place])
        for name, shape in small.items()
        if shape != large[name]
    }


def _deeper(params: ModelParams, key: str, there: Any, here: Any) -> bool:
    """Whether a setting that differs adds layers after the earlier ones, which can be the identity at first."""
    match key, there, here:  # of another family, a value may be missing, or of another kind
        case "decoder.layers", int(), int():
            return getattr(params.decoder, "norm", None) == "pre" and here > there
        case "encoder.layers", int(), int():
            return here > there
        case "encoder.blocks", [*before, int(last)], [*now, int(deepest)]:
            return now == before and deepest > last
    return False


def _added_layers(network: Network, weights: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Set layers without weights in `weights` to the identity; returns the prefixes of their names."""
    added = []
    for name, module in network.named_modules():
        reset = getattr(module, "reset_to_identity", None)
        if reset is not None and not any(weight.startswith(f"{name}.") for weight in weights):
            reset()
            added.append(f"{name}.")
    return tuple(added)


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Key, earlier and new value of each setting that differs and affects what the weights compute."""
    for key in dict.fromkeys([*there, *here]):
        one, other = there.get(key), here.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{path}{key}.")
        elif one != other and not key.endswith(_TRAINING_ONLY):
            yield f"{path}{key}", one, other
