"""A training that starts from the weights of an earlier one, on another dataset or vocabulary.

reads  <start>/model.safetensors, <start>/checkpoint.json
       <start>/momentum.safetensors, where the earlier training left its momentum beside its weights

Rows of the vocabulary are matched by the text of their token or piece, so that ids may move; what the earlier
vocabulary did not know keeps the fresh weights that a training from nothing would have begun with.

The new model may have more layers than the earlier one. Layers that were added return their input until they are
trained, so that both models predict the same at first (Net2DeeperNet; Chen et al. 2016, arXiv 1511.05641, section 2.3).
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

PIN = 8
"""Fewest hexadecimal digits that name weights."""

_TRAINING_ONLY = ("dropout", "batch_norm_momentum")
"""Settings of a model that decide how it is trained, and not what its weights mean."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """The checkpoint that a training starts from, and the SHA-256 of its model.safetensors."""

    folder: Path
    weights: str
    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        """Folder and weights, as a parameter that names both."""
        return f"{self.folder}@{self.weights[:PIN]}"

    def in_words(self, vocabulary: Vocabulary) -> str:
        """What a training over `vocabulary` takes from it."""
        before, now = set(self.checkpoint.vocabulary.tokens), set(vocabulary.tokens)
        kept, new, gone = len(before & now), len(now - before), len(before - now)
        return f"from train.start={self.name}: {kept:,} tokens kept, {new:,} new, {gone:,} gone"

    @property
    def history(self) -> tuple[Ancestor, ...]:
        """The trainings behind the new one, oldest first."""
        earlier = self.checkpoint
        last = Ancestor(self.weights, earlier.dataset_hash, earlier.counts.get("samples", 0))
        return (*earlier.started_from, last)


def open_pretrained(start: str) -> Pretrained:
    """Read FOLDER, or FOLDER@HASH with at least the first eight digits of the weights' SHA-256.

    DVC sees the text of a parameter, not the files behind it: with the hash the text names the weights, and others
    are refused. Raises `ParamsError` where there is no checkpoint or another.
    """
    pinned = re.fullmatch(rf"(.+)@([0-9a-f]{{{PIN},64}})", start)
    folder = Path(pinned[1] if pinned else start)
    if not (folder / "checkpoint.json").is_file():
        raise ParamsError(
            f"train.start = {start}: holds no checkpoint.json; name the folder of a checkpoint, and not data/train, "
            "which is emptied before a training: copy it first"
        )
    checkpoint = load_checkpoint(folder)
    weights = sha256_of(folder / "model.safetensors")
    if pinned and not weights.startswith(pinned[2]):
        raise ParamsError(
            f"train.start = {start}: the weights there are {weights[:PIN]} now; bring back those it names, or write "
            f"{folder}@{weights[:PIN]}"
        )
    return Pretrained(folder, weights, checkpoint)


@torch.no_grad()
def load_pretrained(network: Network, params: ModelParams, vocabulary: Vocabulary, start: Pretrained) -> None:
    """Put the weights of `start` into a fresh network over `vocabulary`.

    Raises `ParamsError` naming the first setting in which the two models differ; rates of dropout and batch norms may,
    and so may a number of layers that is larger here.
    """
    earlier = start.checkpoint
    for key, there, here in _differences(earlier.model.model_dump(mode="json"), params.model_dump(mode="json")):
        if not _deeper(params, key, there, here):
            raise ParamsError(
                f"train.model.{key} = {here}: the checkpoint {start.folder} that train.start names has {there}; "
                "set it so, or start from another"
            )
    ids = {token: index for index, token in enumerate(earlier.vocabulary.tokens)}
    shared = [(index, ids[token]) for index, token in enumerate(vocabulary.tokens) if token in ids]
    new, old = (torch.tensor(column) for column in zip(*shared, strict=True))
    rows = token_dimensions(params)
    given = earlier.network.state_dict()
    added = _added_layers(network, given)
    for name, weight in network.state_dict().items():
        if name.startswith(added):
            continue
        if name not in given:
            raise ArtifactError(f"{start.folder}: has no weights {name}; it was made by other code, train it again")
        if name in rows:
            weight.index_copy_(rows[name], new, given[name].index_select(rows[name], old))
        else:
            weight.copy_(given[name])


def load_optimizer_state(
    network: Network, optimizers: Sequence[torch.optim.Optimizer], vocabulary: Vocabulary, start: Pretrained
) -> int:
    """Give the optimizers the momentum that lies beside the weights of `start`; returns how many weights had some.

    Nothing is taken where the ids of the vocabulary moved.
    """
    path = start.folder / OPTIMIZER_STATE
    if not path.is_file() or vocabulary.tokens != start.checkpoint.vocabulary.tokens:
        return 0
    try:
        saved = load_file(path)
        check_finite(saved, path)
        return restore_optimizer_state(network, optimizers, saved)
    except (SafetensorError, OSError) as error:
        raise ArtifactError(f"{path}: damaged ({error}); remove it, or bring it back") from None


def token_dimensions(params: ModelParams) -> dict[str, int]:
    """The weights that have a place for each entry of the vocabulary, and in which dimension.

    Found by building the model, without memory, for two sizes of vocabulary: so it holds for every family.
    """
    small, large = (shapes(params, size) for size in (10, 11))
    return {
        name: next(place for place, size in enumerate(shape) if size != large[name][place])
        for name, shape in small.items()
        if shape != large[name]
    }


def _deeper(params: ModelParams, key: str, there: Any, here: Any) -> bool:
    """Whether a setting that differs adds layers behind the earlier ones, which can return their input at first."""
    if key == "decoder.layers":
        return getattr(params.decoder, "norm", None) == "pre" and bool(here > there)
    if key == "encoder.layers":
        return isinstance(there, int) and bool(here > there)
    return key == "encoder.blocks" and here[:-1] == there[:-1] and here[-1] > there[-1]


def _added_layers(network: Network, given: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Set the layers that `given` has no weights of to identity; returns the prefixes of their names."""
    added = []
    for name, module in network.named_modules():
        reset = getattr(module, "reset_to_identity", None)
        if reset is not None and not any(weight.startswith(f"{name}.") for weight in given):
            reset()
            added.append(f"{name}.")
    return tuple(added)


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Key, value there and value here of each setting that decides the weights and differs."""
    for key in dict.fromkeys([*there, *here]):
        one, other = there.get(key), here.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{path}{key}.")
        elif one != other and not key.endswith(_TRAINING_ONLY):
            yield f"{path}{key}", one, other
