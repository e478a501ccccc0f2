"""A trained model on disk, with all that is needed to use it and to say where it came from.

reads, writes  <folder>/model.safetensors   the weights
               <folder>/checkpoint.json     model params, vocabulary with its synonyms, pictures and shapes it reads,
                                            dataset hash, recipe, counts, earlier trainings
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.learning.batches import Shape
from im2latex.learning.files import replace
from im2latex.learning.network import ModelParams, Network
from im2latex.params import check


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
    samples it saw and the sample budget it was given; `pictures` the settings that made its training pictures: dpi,
    downsample, padding_px (before downsampling); `started_from` the trainings before this one, oldest first.
    """

    network: Network
    model: ModelParams
    vocabulary: Vocabulary
    shapes: list[Shape]
    dataset_hash: str
    recipe: dict[str, Any]
    counts: dict[str, int]
    pictures: dict[str, int] = field(default_factory=dict)
    started_from: tuple[Ancestor, ...] = ()

    @property
    def max_tokens(self) -> int:
        """The longest formula it was trained on, and the length at which a search stops."""
        return max(shape.tokens for shape in self.shapes)


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write both files, each whole or not at all; checkpoint.json comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().cpu().contiguous() for name, weight in checkpoint.network.state_dict().items()}
    replace(folder / "model.safetensors", lambda path: save_file(weights, path))
    known = checkpoint.vocabulary
    content = {
        "model": checkpoint.model.model_dump(mode="json"),
        "vocabulary": {"tokens": known.tokens, "counts": known.counts, "merges": known.merges},
        "pictures": checkpoint.pictures,
        "shapes": [asdict(shape) for shape in checkpoint.shapes],
        "dataset_hash": checkpoint.dataset_hash,
        "recipe": checkpoint.recipe,
        "counts": checkpoint.counts,
        "started_from": [asdict(ancestor) for ancestor in checkpoint.started_from],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace(folder / "checkpoint.json", lambda path: path.write_text(text, encoding="utf-8"))


def read_recipe(folder: Path) -> dict[str, Any]:
    """The training params of a checkpoint as plain values; empty where there is none, or none that can be read."""
    try:
        recipe = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))["recipe"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(recipe) if isinstance(recipe, dict) else {}


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote, onto the CPU; raises `ArtifactError` where it is missing or damaged.

    Checkpoints from before synonyms, pictures and ancestors were noted are read too.
    """
    path = folder / "checkpoint.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        model = check(content["model"], ModelParams, f"{path}: model")
        words = content["vocabulary"]
        vocabulary = Vocabulary(words["tokens"], words["counts"], words.get("merges"))
        network = Network(model, len(vocabulary))
        network.load_state_dict(load_file(folder / "model.safetensors"))
        shapes = [Shape(**shape) for shape in content["shapes"]]
        history = content["dataset_hash"], content["recipe"], content["counts"], content.get("pictures", {})
        ancestors = tuple(Ancestor(**ancestor) for ancestor in content.get("started_from", ()))
    except FileNotFoundError as error:
        raise ArtifactError(f"{error.filename or folder}: no checkpoint here; run `dvc repro train`") from None
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"{folder}: not a whole checkpoint ({error}); run `dvc repro train`") from None
    return Checkpoint(network.eval(), model, vocabulary, shapes, *history, ancestors)
