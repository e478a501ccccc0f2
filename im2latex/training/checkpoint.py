"""Checkpoint: a trained model on disk, with all that is needed to use it and its provenance.

reads, writes  <folder>/model.safetensors   the weights
               <folder>/checkpoint.json     model parameters, vocabulary with its merges, image settings,
                                            shapes, dataset hash, recipe, counts, earlier training runs
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field
from safetensors.torch import save_file

from im2latex.config import Params, check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.engines.config import ConfigContent, InferenceConfig
from im2latex.errors import ArtifactError, ParamsError
from im2latex.io.atomic_write import atomic_write
from im2latex.models.model import ModelParams, Network
from im2latex.models.weights import load_network
from im2latex.types import Shape

MAX_FILE_BYTES = 50_000_000
"""Largest checkpoint.json that is read; one with 131,072 tokens has 10 MB."""


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A training whose weights initialized a later one: their SHA-256, its dataset and the samples it saw."""

    weights: str
    dataset_hash: str
    samples: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network in evaluation mode, its vocabulary and image settings, and its history.

    `shapes` are the buckets of its training; `recipe` its parameters as plain values; `counts` its steps, samples and
    sample budget; `images` the settings of its training images: dpi, downsample, padding_px (before downsampling);
    `started_from` the training runs before this one, oldest first.
    """

    network: Network
    model: ModelParams
    vocabulary: Vocabulary
    shapes: list[Shape]
    dataset_hash: str
    recipe: dict[str, Any]
    counts: dict[str, int]
    images: dict[str, int] = field(default_factory=dict)
    started_from: tuple[Ancestor, ...] = ()

    @property
    def config(self) -> InferenceConfig:
        """What prediction needs beside the network."""
        return InferenceConfig(self.vocabulary, self.shapes, self.images)

    @property
    def max_tokens(self) -> int:
        """Length of the longest formula in training, at which decoding stops."""
        return self.config.max_tokens


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write both files, each atomically; checkpoint.json last."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().cpu().contiguous() for name, weight in checkpoint.network.state_dict().items()}
    atomic_write(folder / "model.safetensors", lambda path: save_file(weights, path))
    known = checkpoint.vocabulary
    content = {
        "model": checkpoint.model.model_dump(mode="json"),
        "vocabulary": {"tokens": known.tokens, "counts": known.counts, "merges": known.merges},
        "images": checkpoint.images,
        "shapes": [asdict(shape) for shape in checkpoint.shapes],
        "dataset_hash": checkpoint.dataset_hash,
        "recipe": checkpoint.recipe,
        "counts": checkpoint.counts,
        "started_from": [asdict(ancestor) for ancestor in checkpoint.started_from],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    atomic_write(folder / "checkpoint.json", lambda path: path.write_text(text, encoding="utf-8"))


def read_recipe(folder: Path) -> dict[str, Any]:
    """The training parameters of a checkpoint as plain values; empty where there is no readable checkpoint."""
    try:
        recipe = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))["recipe"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(recipe) if isinstance(recipe, dict) else {}


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote, to the CPU; raises `ArtifactError` where it is missing or damaged."""
    path = folder / "checkpoint.json"
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ArtifactError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes, so it is no checkpoint")
        content = check(json.loads(path.read_text(encoding="utf-8")), _Content, str(path))
        config = content.inference_config()
        network = load_network(content.model, len(config.vocabulary), folder / "model.safetensors")
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(
            f"{folder}: {_missing(folder)}; name the folder of a trained model, or train one with `dvc repro train`"
        ) from None
    except (ArtifactError, ParamsError, OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{folder}: damaged checkpoint ({error}); run `dvc repro train`") from None
    return Checkpoint(
        network.eval(),
        content.model,
        config.vocabulary,
        config.shapes,
        content.dataset_hash,
        content.recipe,
        content.counts,
        content.images,
        tuple(Ancestor(one.weights, one.dataset_hash, one.samples) for one in content.started_from),
    )


def _missing(folder: Path) -> str:
    """What a folder lacks of a checkpoint."""
    if not folder.is_dir():
        return "is not a folder" if folder.exists() else "no such folder"
    absent = [name for name in ("checkpoint.json", "model.safetensors") if not (folder / name).is_file()]
    return f"this folder has no {' and no '.join(absent)}"


class _Ancestor(Params):
    """See `Ancestor`."""

    weights: str
    dataset_hash: str
    samples: int


class _Content(ConfigContent):
    """Content of checkpoint.json; keys that a later version adds are ignored."""

    model: ModelParams
    dataset_hash: str
    recipe: dict[str, Any]
    counts: dict[str, int]
    started_from: list[_Ancestor] = Field(default=[])
