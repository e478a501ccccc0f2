"""Speed and quality of search methods, and the cost of reranking: python -m benchmarks.decoding --help

search   predict a split with several search methods: time per image on one core, exact match, parse and render rates
rerank   render the candidates of a beam search and select the one with the image of the input

CPU seconds include child processes, so they are reliable on a busy machine.
"""

import hashlib
import json
import os
import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import torch
import typer

from benchmarks.harness import cpu_seconds, load, save
from im2latex.config import load_section
from im2latex.dataset.buckets import BucketParams
from im2latex.decoding.beam import SearchParams, search
from im2latex.decoding.grammar_constraint import GrammarConstraint
from im2latex.decoding.greedy import Hypothesis
from im2latex.decoding.rerank import RenderReranker
from im2latex.engines.torch_engine import TorchEngine
from im2latex.errors import LatexError
from im2latex.images.arrays import ImageParams
from im2latex.inference.predict_split import PredictParams, predict_split
from im2latex.io.parquet import read_table, write_table
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.tokens import join
from im2latex.rendering.renderer import ParallelRenderer, RenderParams, TexRenderer
from im2latex.training.checkpoint import Checkpoint, load_checkpoint
from im2latex.training.collate import collate
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.sampler import bucket_batches
from im2latex.types import Split
from pipeline.project_renderer import RenderStageParams
from pipeline.rendered_shards import Label, write_rendered_shards

app = typer.Typer(add_completion=False)

METHODS = {
    "greedy": (SearchParams(beam=1), False),
    "greedy, constrained": (SearchParams(beam=1), True),
    "beam 5": (SearchParams(beam=5), False),
    "beam 5, constrained": (SearchParams(beam=5), True),
    "beam 5, GNMT length penalty": (SearchParams(beam=5, length_normalization="gnmt"), False),
    "beam 6 in 3 groups": (SearchParams(beam=6, num_beam_groups=3), False),
}


@app.command("search")
def compare_searches(checkpoint: Path, shards: Path, name: Split = "test") -> None:
    """Predict a split with every method, in two batch sizes."""
    torch.set_num_threads(1)
    loaded, samples = load_checkpoint(checkpoint), MemoryMappedDataset(shards, name)
    _search(loaded, samples, SearchParams(beam=1), None, 64, _sample(len(samples)))  # warm-up
    renderer, normalizer = ParallelRenderer(TexRenderer()), Normalizer(NormalizerParams())
    started = time.process_time()
    grammar = GrammarConstraint(loaded.vocabulary)
    result: dict[str, object] = {"grammar_seconds": round(time.process_time() - started, 2)}
    greedy = 0.0
    for method, (params, constrained) in METHODS.items():
        hypotheses, seconds = _search(loaded, samples, params, grammar if constrained else None, 64)
        sample = _sample(len(samples))
        in_small_batches, _ = _search(loaded, samples, params, grammar if constrained else None, 3, sample)
        greedy = greedy or seconds
        candidates = [[join(loaded.vocabulary.decode(one.tokens)) for one in row] for row in hypotheses]
        texts = [row[0] for row in candidates]
        result[method] = {
            "ms_per_image": round(1000 * seconds / len(samples), 2),
            "relative_to_greedy": round(seconds / greedy, 2),
            "exact": _share(text == label for text, label in zip(texts, samples.latex, strict=True)),
            "exact_in_any_candidate": _share(
                label in row for row, label in zip(candidates, samples.latex, strict=True)
            ),
            "parse": _share(_parses(normalizer, text) for text in texts),
            "render": _share(one.pixels is not None for one in renderer.render(texts)),
            "differing_in_batches_of_3": sum(
                [one.tokens for one in hypotheses[index]] != [one.tokens for one in row]
                for index, row in zip(sample, in_small_batches, strict=True)
            ),
        }
        print(method, result[method], flush=True)
    save("decoding-search", {"images": len(samples), "split": name, **result})


@app.command()
def rerank(checkpoint: Path, formulas: Path, count: int = 10_000, beam: int = 5, rasterizer: str = "pdfium") -> None:
    """Time the reranking on all cores, with hypotheses and images in memory.

    Renders the first formulas that fit the vocabulary and length of the checkpoint, predicts them with a beam, and
    caches the hypotheses in .cache/benchmarks for later runs.
    """
    loaded = load_checkpoint(checkpoint)
    chosen = list(islice(_encodable(load(formulas), loaded), count))
    render = _render_params(loaded.images, rasterizer)
    weights = hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()
    key = hashlib.sha256(json.dumps([weights, chosen, beam, render.model_dump()]).encode()).hexdigest()
    folder = Path(".cache/benchmarks/rerank") / key
    cached = folder / "hypotheses.parquet"
    if not cached.is_file():
        labels = [Label(formula, formula) for formula in chosen]
        write_rendered_shards(labels, loaded.vocabulary, folder, "test", render, load_section("bucket", BucketParams))
        write_table(predict_split(checkpoint, folder, "test", PredictParams(beam=beam)).hypotheses, cached)
    samples = MemoryMappedDataset(folder, "test")
    candidates: dict[str, list[str]] = {}
    for row in read_table(cached, ["formula_id", "hypothesis"]).to_pylist():
        candidates.setdefault(row["formula_id"], []).append(row["hypothesis"])
    images = [samples.array(index) for index in range(len(samples))]
    texts = [candidates[name] for name in samples.ids]
    reranker = RenderReranker(ParallelRenderer(TexRenderer(render.renderer)), render.image)
    reranker.compare(images[:1], texts[:1])  # warm-up: preamble and processes
    load_before = round(os.getloadavg()[0], 1)
    wall, cpu = time.monotonic(), cpu_seconds()
    matches = reranker.compare(images, texts)
    used = cpu_seconds() - cpu
    result: dict[str, object] = {
        "beam": beam,
        "rasterizer": rasterizer,
        "load_before": load_before,
        "images": len(images),
        "hypotheses": sum(map(len, texts)),
        "distinct": len({one for row in texts for one in row}),
        "seconds": round(time.monotonic() - wall, 1),
        "cpu_seconds": round(used, 1),
        "cpu_ms_per_image": round(1000 * used / len(images), 2),
        "same_image_in_any_candidate": _share(any(one.same for one in row) for row in matches),
        "same_image_in_first_candidate": _share(row[0].same for row in matches),
    }
    save("decoding-rerank", result)


def _render_params(images: dict[str, int], rasterizer: str) -> RenderStageParams:
    """Parameters of the training images of a checkpoint, with defaults for what it does not store."""
    dpi = {"dpi": images["dpi"]} if images else {}
    sizes = {name: value for name, value in images.items() if name != "dpi"}
    renderer = RenderParams.model_validate({"rasterizer": rasterizer, **dpi})
    return RenderStageParams(renderer=renderer, image=ImageParams.model_validate(sizes))


def _encodable(formulas: list[str], loaded: Checkpoint) -> Iterator[str]:
    """Distinct normalized formulas that are short enough and contain known tokens only."""
    normalizer, vocabulary = Normalizer(NormalizerParams()), loaded.vocabulary
    seen: set[str] = set()
    for formula in formulas:
        try:
            normal = normalizer.normalize(formula)
        except LatexError:
            continue
        ids = vocabulary.encode(normal.split())
        if normal not in seen and len(ids) < loaded.max_tokens and vocabulary.unk not in ids:
            seen.add(normal)
            yield normal


def _search(
    loaded: Checkpoint,
    samples: MemoryMappedDataset,
    params: SearchParams,
    grammar: GrammarConstraint | None,
    max_images: int,
    chosen: list[int] | None = None,
) -> tuple[list[list[Hypothesis]], float]:
    """Hypotheses of all samples, or of `chosen` ones, and the CPU seconds."""
    batches = PredictParams().batches.model_copy(update={"max_images": max_images})
    engine = TorchEngine(loaded.network)
    found: dict[int, list[Hypothesis]] = {}
    started = time.process_time()
    for indices in bucket_batches(samples, batches, indices=chosen):
        images = collate(samples, indices).images[:, 0].numpy()
        found |= dict(zip(indices, search(engine, images, loaded.max_tokens, params, grammar), strict=True))
    seconds = time.process_time() - started
    return [found[index] for index in (range(len(samples)) if chosen is None else chosen)], seconds


def _sample(count: int) -> list[int]:
    """Up to 100 random samples, in random order."""
    return random.Random(0).sample(range(count), min(count, 100))


def _share(values: Iterable[bool]) -> float:
    return round(sum(results := list(values)) / len(results), 4)


def _parses(normalizer: Normalizer, text: str) -> bool:
    try:
        normalizer.normalize(text)
    except LatexError:
        return False
    return True


if __name__ == "__main__":
    app()
