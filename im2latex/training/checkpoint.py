"""Checkpoint: a trained model on disk, with all that is needed to use it and its provenance.

reads, writes  <folder>/model.safetensors   the weights
               <folder>/checkpoint.json     model parameters, vocabulary with its merges, image settings,
                                            shapes, dataset hash, recipe, counts, earlier training runs
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, field_validator
from safetensors.torch import save_file

from im2latex.config import Params, check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError, ParamsError
from im2latex.io.atomic_write import atomic_write
from im2latex.models.model import ModelParams, Network
from im2latex.models.weights import load_network
from im2latex.training.dataset import Shape

MAX_FILE_BYTES = 50_000_000
"""Largest checkpoint.json that is read; one with 131,072 tokens has 10 MB."""
MAX_PIXELS = 4_000_000
"""Largest shape of a checkpoint, to which images are padded."""
MAX_TOKENS = 100_000


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
    def max_tokens(self) -> int:
        """Length of the longest formula in training, at which decoding stops."""
        return max(shape.tokens for shape in self.shapes)


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
        known = content.vocabulary
        vocabulary = Vocabulary(known.tokens, known.counts, known.merges)
        network = load_network(content.model, len(vocabulary), folder / "model.safetensors")
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(
            f"{folder}: {_missing(folder)}; name the folder of a trained model, or train one with `dvc repro train`"
        ) from None
    except (ArtifactError, ParamsError, OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{folder}: damaged checkpoint ({error}); run `dvc repro train`") from None
    return Checkpoint(
        network.eval(),
        content.model,
        vocabulary,
        [Shape(shape.height, shape.width, shape.tokens) for shape in content.shapes],
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


class _VocabularyContent(Params):
    """A vocabulary."""

    tokens: list[str]
    counts: dict[str, int] = Field(default={})
    merges: dict[str, str] | None = None


class _Shape(Params):
    """A bucket of the training."""

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    tokens: int = Field(ge=1, le=MAX_TOKENS)

    @field_validator("width")
    @classmethod
    def _has_at_most_max_pixels(cls, width: int, values: Any) -> int:
        if values.data.get("height", 1) * width > MAX_PIXELS:
            raise ValueError(f"a shape has at most {MAX_PIXELS:,} pixels")
        return width


class _Ancestor(Params):
    """See `Ancestor`."""

    weights: str
    dataset_hash: str
    samples: int


class _Content(Params):
    """Content of checkpoint.json; keys that a later version adds are ignored."""

    model_config = ConfigDict(extra="ignore")

    model: ModelParams
    vocabulary: _VocabularyContent
    images: dict[str, int] = Field(default={})
    shapes: list[_Shape] = Field(min_length=1)
    dataset_hash: str
    recipe: dict[str, Any]
    counts: dict[str, int]
    started_from: list[_Ancestor] = Field(default=[])

    @field_validator("images")
    @classmethod
    def _images_have_a_size(cls, images: dict[str, int]) -> dict[str, int]:
        for name, least, most in (("dpi", 10, 10_000), ("downsample", 1, 100), ("padding_px", 0, 1000)):
            if not least <= images.get(name, least) <= most:
                raise ValueError(f"{name} is between {least} and {most:,}")
        return images
