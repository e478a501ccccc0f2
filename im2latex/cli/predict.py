"""`im2latex predict`: the LaTeX of images of formulas.

reads   images, a checkpoint folder
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from im2latex.errors import ImageError, UsageError
from im2latex.inference.effort import Effort

if TYPE_CHECKING:
    from im2latex.cli.image_sources import Source
    from im2latex.inference.predictor import Predictor
    from im2latex.types import Prediction

CHUNK_SIZE = 64
"""Images in memory at one time."""
SINGLE_THREAD_IMAGES = 4
"""Up to so many images are predicted by one thread, since threads wait for each other at every token."""
_REASONS = {
    "cut": "the formula is longer than the model writes; this is its beginning",
    "loop": "the model repeats itself; the formula is probably wrong",
    "unsure": "the formula is probably not quite right",
    "several_formulas": "the image shows several formulas; crop one",
    "text": "the image shows text; crop a formula",
    "no_formula": "the image probably shows no formula",
}
"""Warnings by the reason of a prediction."""


class _Options(TypedDict):
    """Options of `Predictor.predict`."""

    candidates: int
    beam: int | None
    grammar: bool
    effort: Effort


def predict(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE",
            help="images of one formula each: PNG, JPEG, WebP, ...; folders, patterns; - is standard input; "
            "all pages of FILE.pdf, or one: FILE.pdf#2",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="folder of a trained model; default: the released one")
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="print one JSON object per image: image, latex or null, confidence, candidates, ..."
        ),
    ] = False,
    candidates: Annotated[int, typer.Option("-n", "--candidates", min=1, help="candidates per image in the JSON")] = 1,
    beam: Annotated[
        int | None, typer.Option("--beam", min=1, help="beam width; default: the number of candidates")
    ] = None,
    grammar: Annotated[
        bool, typer.Option("--grammar/--no-grammar", help="restrict the search to formulas that parse")
    ] = True,
    effort: Annotated[
        Effort,
        typer.Option(
            "--effort",
            help="fast: the choice of the search; normal: where it is not sure, candidates are rendered with TeX and "
            "compared with the image; best: always, with more candidates and repairs",
        ),
    ] = "normal",
    page: Annotated[int | None, typer.Option("--page", min=1, help="page of each PDF to read; default: all")] = None,
    clipboard: Annotated[bool, typer.Option("--clipboard", help="read the image on the clipboard")] = False,
    device: Annotated[str, typer.Option("--device", help="device: auto, cpu or cuda")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="show no progress bar")] = False,
) -> None:
    """Predict the LaTeX of images of formulas, one line per image.

    Lines are in the order of the images. Where an image cannot be read, its line is blank and the exit code 1.
    """
    from tqdm import tqdm

    if not images and not clipboard:
        raise UsageError("predict: no input; pass images, - for standard input, or --clipboard")
    from im2latex.images.sandboxed_decoder import borrow_decoder

    with borrow_decoder() as decoder:
        decoder.start()  # while torch is loaded
    waiting = [*_sources(images or [], clipboard, page)]
    import torch

    from im2latex.inference.predictor import load

    if len(waiting) <= SINGLE_THREAD_IMAGES:
        torch.set_num_threads(1)
    predictor = load(checkpoint, device=device)
    if problem := predictor.unavailable_reason(effort):
        typer.echo(f"im2latex: {problem}; going on with --effort fast", err=True)
        effort = "fast"
    options: _Options = {"candidates": candidates, "beam": beam, "grammar": grammar, "effort": effort}
    failed = False
    with tqdm(total=len(waiting), desc="read", unit="image", disable=True if quiet else None, delay=2) as bar:
        remaining = iter(waiting)
        while sources := [*islice(remaining, CHUNK_SIZE)]:
            for source, prediction in zip(sources, _predict(predictor, sources, options), strict=True):
                failed = failed or prediction.error is not None
                if prediction.error is not None:
                    tqdm.write(f"im2latex: {source.name}: {prediction.error.detail}", sys.stderr)
                elif prediction.reason is not None:
                    warning = (
                        f"{prediction.reason}: {_REASONS[prediction.reason]} (confidence {prediction.confidence:.2f})"
                    )
                    tqdm.write(f"im2latex: {source.name}: {warning}", sys.stderr)
                tqdm.write(_as_json(source.name, prediction) if as_json else prediction.latex, sys.stdout)
                bar.update()
    sys.exit(1 if failed else 0)


def _sources(images: list[str], clipboard: bool, page: int | None) -> Iterator[Source]:
    from im2latex.cli.image_sources import Source, find_sources, from_clipboard

    if clipboard:
        yield Source("clipboard", from_clipboard)
    yield from find_sources(images, page)


def _predict(predictor: Predictor, sources: list[Source], options: _Options) -> list[Prediction]:
    """One prediction per source, with an error where the image cannot be loaded or used."""
    from im2latex.types import Prediction

    answers: list[Prediction | None] = []
    images = []
    for source in sources:
        try:
            images.append(source.load())
            answers.append(None)
        except ImageError as error:
            answers.append(Prediction(error=error))
    found = iter(predictor.predict(images, **options))
    return [answer or next(found) for answer in answers]


def _as_json(name: str, prediction: Prediction) -> str:
    error = prediction.error
    answer: dict[str, object] = {"image": name, "latex": None, "confidence": None, "tokens": None, "candidates": []}
    answer["seconds"] = None
    if error is None:
        several = [
            {"latex": one.latex, "confidence": round(one.confidence, 4), "reason": one.reason, "tokens": one.tokens}
            for one in prediction.candidates
        ]
        answer |= {"latex": prediction.latex, "confidence": round(prediction.confidence, 4)}
        answer |= {"tokens": prediction.tokens, "candidates": several, "seconds": round(prediction.seconds, 4)}
    answer |= {"reason": error.reason if error else prediction.reason, "detail": error and error.detail}
    answer |= {"boxes": prediction.boxes}
    return json.dumps(answer, ensure_ascii=False)
