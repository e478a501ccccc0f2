"""Engines beside each other: python -m benchmarks.engines FORMULAS --help

Renders formulas and predicts them one image at a time with ONNX Runtime and with PyTorch: processor seconds of
`im2latex predict` for one image, process start included, and of one warm image; equal predictions, and the formulas of
the others; how often the decoder confirmed its draft of 8 bits; the largest difference of log probabilities. The
engines take turns, on one thread, so that other load on the machine slows both.

writes  benchmarks/results/engines.json
"""

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.harness import cpu_seconds, load, save
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.engines.base import DecodingState, Engine, Memory
from im2latex.errors import ImageError
from im2latex.images.arrays import ImageParams, Pixels, encode_png, to_dataset_image
from im2latex.images.preprocess import preprocess
from im2latex.inference.predictor import Predictor
from im2latex.inference.predictor import load as load_predictor
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.types import EngineName, Prediction

ENGINES: tuple[EngineName, ...] = ("onnx", "torch")
_PROCESSES = 5
_COMPARED = 20
_SPARE = 1.7
"""Formulas for each image, since some cannot be rendered, and some are too large."""


def main(
    formulas: Annotated[Path, typer.Argument(help="formulas to render: .txt, .jsonl, .csv or .parquet")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="images")] = 1000,
) -> None:
    """Compare the engines on images of formulas."""
    predictors = {name: load_predictor(engine=name, device="cpu", threads=1) for name in ENGINES}
    images = _images(load(formulas), count, predictors["onnx"])
    decodings = _count_decodings(predictors["onnx"].engine)
    found: dict[str, list[Prediction]] = {name: [] for name in ENGINES}
    warm: dict[str, list[float]] = {name: [] for name in ENGINES}
    for image in [images[0], *images]:  # the first one twice: a warm-up
        for name, predictor in predictors.items():
            started = time.process_time()
            found[name].append(predictor.predict(image))
            warm[name].append(time.process_time() - started)
    pairs = list(zip(found["onnx"][1:], found["torch"][1:], strict=True))
    differing = [[one.latex, other.latex] for one, other in pairs if one.tokens != other.tokens]
    result: dict[str, object] = {
        "formulas": formulas.name,
        "images": len(images),
        "equal_predictions": 1 - len(differing) / len(pairs),
        "differing": differing,
        "drafts_confirmed": 1 - len(decodings) / len(found["onnx"]),
        "max_log_probability_difference": _max_difference(predictors, found["onnx"][1 : 1 + _COMPARED]),
    }
    for name in ENGINES:
        result[name] = {
            "process_cpu_seconds": _process_seconds(images[0], name),
            "warm_image_cpu_seconds_median": statistics.median(warm[name][1:]),
            "warm_image_cpu_seconds_mean": statistics.mean(warm[name][1:]),
        }
    save("engines", result)


def _images(formulas: list[str], count: int, predictor: Predictor) -> list[Pixels]:
    """`count` of the formulas that can be rendered and are not too large, evenly spaced, as images of the dataset."""
    chosen = formulas[:: max(1, int(len(formulas) / (_SPARE * count)))]
    with closing(TexRenderer(RenderParams(rasterizer="pdfium"))) as renderer:
        renderings = renderer.render(chosen)
    images = []
    for one in renderings:
        if one.pixels is not None:
            image = to_dataset_image(one.pixels, ImageParams())
            with suppress(ImageError):
                preprocess(image, predictor.input_spec)
                images.append(image)
    return [images[place] for place in np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)]


def _count_decodings(engine: Engine) -> list[int]:
    """A list that grows with every search of the engine by its decoder itself, and not by the draft alone."""
    calls: list[int] = []
    start = engine.start

    def counted(memory: Memory) -> DecodingState:
        calls.append(1)
        return start(memory)

    engine.start = counted  # type: ignore[method-assign]
    return calls


def _max_difference(predictors: dict[EngineName, Predictor], predictions: list[Prediction]) -> float:
    """The largest difference of the log probabilities of any entry at any place of predicted formulas."""
    largest = 0.0
    for prediction in predictions:
        assert prediction.image is not None, "rendered images can be read"
        tokens = np.array([[Vocabulary.bos, *predictors["onnx"].config.vocabulary.encode(prediction.tokens)]])
        scores = [one.engine.score(one.engine.encode(prediction.image[None]), tokens) for one in predictors.values()]
        largest = max(largest, float(np.abs(scores[0] - scores[1]).max()))
    return largest


def _process_seconds(image: Pixels, engine: EngineName) -> float:
    """Processor seconds of `im2latex predict` for one image, the least of a few runs; children included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.png"
        path.write_bytes(encode_png(image))
        command = [sys.executable, "-m", "im2latex", "predict", "--effort", "fast", "--engine", engine, str(path)]
        seconds = []
        for _ in range(_PROCESSES):
            before = cpu_seconds() - time.process_time()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds.append(cpu_seconds() - time.process_time() - before)
    return min(seconds)


if __name__ == "__main__":
    typer.run(main)
