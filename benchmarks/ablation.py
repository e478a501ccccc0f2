"""Share of the accuracy from data, model and training, at a small scale: python -m benchmarks.ablation --help

reads   DATA/NAME/bucket/, DATA/NAME/tokenize/vocabulary.json for each dataset, which recipes/README.md builds
writes  benchmarks/results/ablation.json after every run; a call that was stopped goes on with the next run

Each condition differs from `full` in one respect and trains on the same number of samples, with every seed. `full` is
fast-tiny on labels of at most 45 tokens with the sources, styles, augmentation and losses of the released model. Scores
are those of effort `fast` on rendered labels and on images of other programs, both of at most 45 tokens. What repair
adds is measured with the released model, by `benchmarks.effort`: a small one has no candidates that are right.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.effort import normalized_images, rendered_labels, sample
from benchmarks.harness import RESULTS, equal_pixels, save
from im2latex.config import check, load_yaml, merge
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.inference.inputs import ImageInput
from im2latex.inference.predictor import load
from im2latex.metrics.score_formulas import score
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.trainer import Trainer
from recipes.cpu.train import OVERRIDES

MAX_TOKENS = 45
SETTINGS: dict[str, Any] = {
    "preset": "fast-tiny",
    "init_from": None,
    "optimizer": {},
    "schedule": {},
    "ctc_weight": None,
    "batch_norm_samples": None,
    "batches": {"max_images": 16, "max_pixels": 400_000, "max_tokens": 1024},
    "ema_samples": 2000,
    "validation_samples": 50,
}
"""Settings of `full` that differ from those of a long training on a processor."""
CONDITIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "full": ("mixture", {}),
    "model: resnet-transformer-small": ("mixture", {"preset": "resnet-transformer-small"}),
    "training: AdamW": ("mixture", {"optimizer": {"hidden": "adamw", "hidden_learning_rate": 0.001}}),
    "data: one style": ("one-style", {}),
    "data: whole formulas only": ("whole-formulas", {}),
    "data: no augmentation": ("mixture", {"augmentation": {"contrast": 0, "brightness": 0, "noise": 0}}),
}
"""Dataset and settings of `train` that differ from `full`."""

Pairs = Sequence[tuple[str, ImageInput]]


def main(
    data: Annotated[Path, typer.Argument(help="folder with a folder for each dataset")],
    labels: Annotated[Path, typer.Option(help="normalized labels, one per line, rendered in the base style")],
    images: Annotated[Path, typer.Option(help="JSON Lines with image and latex, as in benchmarks.effort")],
    samples: Annotated[int, typer.Option(help="samples of each training")] = 12_000,
    seeds: Annotated[int, typer.Option(help="number of trainings of each condition")] = 3,
    count: Annotated[int, typer.Option("-n", "--count", help="number of labels, and of images")] = 150,
) -> None:
    """Train and score all conditions."""
    torch.set_num_threads(1)
    sets: dict[str, Pairs] = {
        "labels": rendered_labels(sample(_short(labels), count)),
        "images": sample(_short_images(images), count),
    }
    path = RESULTS / "ablation.json"
    runs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else []
    sizes = {"samples": samples, **{f"n_{name}": len(pairs) for name, pairs in sets.items()}}
    for name, (dataset, overrides) in CONDITIONS.items():
        for seed in range(seeds):
            if not any(run["condition"] == name and run["seed"] == seed for run in runs):
                budget = {"seed": seed, "budget": {"samples": samples}, "validate_every_samples": samples}
                runs.append(_run(name, data / dataset, overrides | budget, sets))
                save("ablation", {**sizes, "runs": runs})


def _short(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if len(line.split()) <= MAX_TOKENS]


def _short_images(path: Path) -> Pairs:
    items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        (label, image) for label, image in normalized_images(items, path.parent) if len(label.split()) <= MAX_TOKENS
    ]


def _run(name: str, data: Path, overrides: dict[str, Any], sets: dict[str, Pairs]) -> dict[str, Any]:
    """Results of one training."""
    started, parameters = time.process_time(), load_yaml(Path("params.yaml"))
    recipe = merge(parameters["train"], load_yaml(OVERRIDES)["train"]) | SETTINGS
    params = check(recipe | overrides, TrainParams, "params.yaml: train")
    vocabulary = Vocabulary.load(data / "tokenize" / "vocabulary.json")
    image_settings = {"dpi": parameters["render"]["renderer"]["dpi"], **parameters["render"]["image"]}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            params, data / "bucket", vocabulary, name, Path(folder) / "state", settings=TrainerParams(accelerator="cpu")
        )
        checkpoint = replace(trainer.fit(), images=image_settings)
        seconds = time.process_time() - started
        model = Path(folder) / "model"
        save_checkpoint(checkpoint, model)
        run = {"condition": name, "seed": params.seed, "train_cpu_seconds": round(seconds)}
        return run | _scores(model, sets)


def _scores(model: Path, sets: dict[str, Pairs]) -> dict[str, float]:
    predictor = load(model, engine="torch", threads=1)
    scores: dict[str, float] = {}
    for name, pairs in sets.items():
        references = [label for label, _ in pairs]
        predictions = predictor.predict([image for _, image in pairs])
        hypotheses = [" ".join(prediction.tokens) for prediction in predictions]
        scores[f"{name}_image_exact"] = round(float(np.mean(equal_pixels(references, hypotheses))), 4)
        scores[f"{name}_edit"] = round(score(references, hypotheses, tokenizer="whitespace")["edit"], 4)
    return scores


if __name__ == "__main__":
    typer.run(main)
