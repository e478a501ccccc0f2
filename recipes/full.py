"""Options of `dvc exp run` for a preset on a whole dataset, as it was published: python -m recipes.full PRESET

    make full PRESET=wygiwys-paper      downloads im2latex-100k and runs them

They name dataset and preset, the resolution, filter, vocabulary and shapes that the preset has of the data stages, and
a budget in epochs where the preset has none.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from im2latex.models.presets import SECTIONS, load_preset

DATASET = "im2latex-100k"
EPOCHS = 10


def options(preset: str, dataset: str = DATASET, epochs: int = EPOCHS) -> list[str]:
    """`KEY=VALUE` for each setting; raises `ParamsError` for an unknown preset."""
    settings: dict[str, Any] = {"dataset": dataset, "train": {"preset": preset}}
    if "budget" not in load_preset(preset):
        settings["train"]["budget"] = {"epochs": epochs}
    settings |= {section: load_preset(preset, section) for section in SECTIONS if section != "predict"}
    return [f"{key}={_text(value)}" for key, value in _leaves(settings)]


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    """A value as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def main(
    preset: str,
    dataset: Annotated[str, typer.Option(help="folder of data/raw")] = DATASET,
    epochs: Annotated[int, typer.Option(help="budget of a preset that has none")] = EPOCHS,
) -> None:
    """Print the options, each after `-S`, on one line."""
    typer.echo(" ".join(f"-S {one}" for one in options(preset, dataset, epochs)))


if __name__ == "__main__":
    typer.run(main)
