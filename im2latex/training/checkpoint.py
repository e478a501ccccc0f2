"""A trained model on disk, with all that is needed to use it and to say where it came from.

reads, writes  <folder>/model.safetensors   the weights
               <folder>/checkpoint.json     model params, vocabulary with its synonyms, images and shapes it reads,
                                            dataset hash, recipe, counts, earlier trainings
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
from im2latex.training.collate import Shape

MOST_FILE_BYTES = 50_000_000
"""The largest checkpoint.json that is read; one with 131,072 pieces has 10 MB."""
MOST_PIXELS = 4_000_000
"""The largest shape that a model reads: images are put on pages of these shapes."""
MOST_TOKENS = 100_000


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A training whose weights a later one started from: their SHA-256, its data set and the samples it saw."""

    weights: str
    dataset_hash: str
    samples: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network in evaluation mode, what it reads and writes, and its history.

    `shapes` are those it was trained on; `recipe` the training params as plain values; `counts` the steps and
    samples it saw and the sample budget it was given; `images` the settings that made its training images: dpi,
    downsample, padding_px (before downsampling); `started_from` the trainings before this one, oldest first.
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
        """The longest formula it was trained on, and the length at which a search stops."""
        return max(shape.tokens for shape in self.shapes)


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write both files, each whole or not at all; checkpoint.json comes last."""
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
    """The training params of a checkpoint as plain values; empty where there is none, or none that can be read."""
    try:
        recipe = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))["recipe"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(recipe) if isinstance(recipe, dict) else {}


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote, onto the CPU; raises `ArtifactError` where it is missing or damaged.

    Checkpoints from before synonyms, images and ancestors were noted are read too.
    """
    path = folder / "checkpoint.json"
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise ArtifactError(f"{path}: has more than {MOST_FILE_BYTES:,} bytes, so it describes no checkpoint")
        content = check(json.loads(path.read_text(encoding="utf-8")), _Content, str(path))
        words = content.vocabulary
        vocabulary = Vocabulary(words.tokens, words.counts, words.merges)
        network = load_network(content.model, len(vocabulary), folder / "model.safetensors")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArtifactError(f"{error.filename or folder}: no checkpoint here; run `dvc repro train`") from None
    except (ArtifactError, ParamsError, OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{folder}: not a whole checkpoint ({error}); run `dvc repro train`") from None
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


class _Words(Params):
    """A vocabulary."""

    tokens: list[str]
    counts: dict[str, int] = Field({})
    merges: dict[str, str] | None = None


class _Shape(Params):
    """A shape that the model was trained on."""

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    tokens: int = Field(ge=1, le=MOST_TOKENS)

    @field_validator("width")
    @classmethod
    def _is_no_larger(cls, width: int, values: Any) -> int:
        if values.data.get("height", 1) * width > MOST_PIXELS:
            raise ValueError(f"a shape has at most {MOST_PIXELS:,} pixels")
        return width


class _Ancestor(Params):
    """See `Ancestor`."""

    weights: str
    dataset_hash: str
    samples: int


class _Content(Params):
    """What checkpoint.json holds; keys that a later version adds are passed over."""

    model_config = ConfigDict(extra="ignore")

    model: ModelParams
    vocabulary: _Words
    images: dict[str, int] = Field({})
    shapes: list[_Shape] = Field(min_length=1)
    dataset_hash: str
    recipe: dict[str, Any]
    counts: dict[str, int]
    started_from: list[_Ancestor] = Field([])

    @field_validator("images")
    @classmethod
    def _images_have_a_size(cls, images: dict[str, int]) -> dict[str, int]:
        for name, least, most in (("dpi", 10, 10_000), ("downsample", 1, 100), ("padding_px", 0, 1000)):
            if not least <= images.get(name, least) <= most:
                raise ValueError(f"{name} is between {least} and {most:,}")
        return images
