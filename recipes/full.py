"""Options of `dvc exp run` for a preset, with its data settings on a whole dataset: python -m recipes.full PRESET

    make full PRESET=wygiwys-paper      downloads im2latex-100k and runs them
    make small PRESET=wygiwys-small     runs the preset on the sample dataset, with the default data settings

They name dataset and preset, the resolution, filter, vocabulary and shapes that the preset has of the data stages, and
a budget in epochs where the preset has none. DVC writes options to params.yaml, where they stay: so each call also sets
what another preset may have left there, to the default; other values of these keys are lost.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from im2latex.config import merge
from im2latex.errors import ParamsError
from im2latex.models.presets import load_preset
from im2latex.training.config import BudgetParams

DATASET, SAMPLE = "im2latex-100k", "sample"
EPOCHS = 10
DEFAULTS: dict[str, dict[str, Any]] = {
    "render": {"image": {"downsample": 2}},
    "tokenize": {"vocabulary": {"min_frequency": "auto", "symbol_fallback": True}},
    "filter": {"max_tokens": 150, "max_width_px": 800, "max_height_px": 320},
    "bucket": {"preset": "fitted"},
}
"""Values of the data stages, as in params.yaml, of all keys that presets set."""


def options(preset: str, dataset: str = DATASET, epochs: int = EPOCHS) -> list[str]:
    """`KEY=VALUE` for each setting; raises `ParamsError` for an unknown preset.

    The sample dataset is made for the default data settings, and has the preset's budget or the default one.
    """
    budget: dict[str, Any] = dict.fromkeys(BudgetParams.model_fields)
    if "budget" not in load_preset(preset) and dataset != SAMPLE:
        budget["epochs"] = epochs
    settings: dict[str, Any] = {"dataset": dataset, "train": {"preset": preset, "budget": budget}}
    for section, defaults in DEFAULTS.items():
        settings[section] = merge(defaults, {} if dataset == SAMPLE else load_preset(preset, section))
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
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def main(
    preset: str,
    dataset: Annotated[str, typer.Option(help="folder of data/raw; sample: default data settings")] = DATASET,
    epochs: Annotated[int, typer.Option(help="budget of a preset that has none")] = EPOCHS,
) -> None:
    """Print the options, each after `-S`, on one line."""
    try:
        typer.echo(" ".join(f"-S {one}" for one in options(preset, dataset, epochs)))
    except ParamsError as error:
        typer.echo(f"im2latex: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    typer.run(main)
