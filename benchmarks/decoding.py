"""Speed and quality of search methods, and the cost of reranking: python -m benchmarks.decoding --help

`search` reads a split with a checkpoint in several ways: seconds an image on one core, exact labels, and the shares
that parse and render. `rerank` draws what a beam search found and looks for the image that was read. Processor
seconds are those of the programs that were started too, so that they hold on a busy machine.
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

from benchmarks.harness import load, processor_seconds, save
from im2latex.config import load_section
from im2latex.dataset.buckets import BucketParams
from im2latex.decoding.beam import SearchParams, search
from im2latex.decoding.grammar_constraint import GrammarConstraint
from im2latex.decoding.greedy import Hypothesis
from im2latex.decoding.rerank import RenderReranker
from im2latex.errors import LatexError
from im2latex.images.arrays import ImageParams
from im2latex.inference.predict_split import PredictParams, predict_split
from im2latex.io.parquet import read_table, write_table
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.tokens import join
from im2latex.rendering.renderer import ParallelRenderer, RenderParams, TexRenderer
from im2latex.training.checkpoint import Checkpoint, load_checkpoint
from im2latex.training.collate import collate
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.sampler import bucket_batches
from im2latex.types import Split
from pipeline.project_renderer import RenderStageParams
from pipeline.rendered_shards import Label, write_rendered_shards

app = typer.Typer(add_completion=False)

WAYS = {
    "greedy": (SearchParams(beam=1), False),
    "greedy, constrained": (SearchParams(beam=1), True),
    "beam 5": (SearchParams(beam=5), False),
    "beam 5, constrained": (SearchParams(beam=5), True),
    "beam 5, wu": (SearchParams(beam=5, length_normalization="wu"), False),
    "beam 6 in 3 groups": (SearchParams(beam=6, num_beam_groups=3), False),
}


@app.command("search")
def compare_searches(checkpoint: Path, shards: Path, name: Split = "test") -> None:
    """Read a split in every way, and with two batch sizes."""
    torch.set_num_threads(1)
    loaded, samples = load_checkpoint(checkpoint), InMemoryDataset(shards, name)
    _read(loaded, samples, SearchParams(beam=1), None, 64, _shuffled(len(samples)))  # memory and caches
    renderer, normalizer = ParallelRenderer(TexRenderer()), Normalizer(NormalizerParams())
    started = time.process_time()
    grammar = GrammarConstraint(loaded.vocabulary)
    ways: dict[str, object] = {"tables of the constraint, seconds": round(time.process_time() - started, 2)}
    greedy = 0.0
    for way, (params, constrained) in WAYS.items():
        found, seconds = _read(loaded, samples, params, grammar if constrained else None, 64)
        few = _shuffled(len(samples))
        other, _ = _read(loaded, samples, params, grammar if constrained else None, 3, few)
        greedy = greedy or seconds
        texts = [join(loaded.vocabulary.decode(several[0].tokens)) for several in found]
        several = [[join(loaded.vocabulary.decode(one.tokens)) for one in row] for row in found]
        ways[way] = {
            "milliseconds an image": round(1000 * seconds / len(samples), 2),
            "times greedy": round(seconds / greedy, 2),
            "exact": _share(text == label for text, label in zip(texts, samples.latex, strict=True)),
            "exact in any place": _share(label in row for row, label in zip(several, samples.latex, strict=True)),
            "parse": _share(_parses(normalizer, text) for text in texts),
            "render": _share(one.pixels is not None for one in renderer.render(texts)),
            f"of {len(few)} images read otherwise in shuffled batches of 3": sum(
                [one.tokens for one in found[index]] != [one.tokens for one in again]
                for index, again in zip(few, other, strict=True)
            ),
        }
        print(way, ways[way], flush=True)
    save("decoding-search", {"images": len(samples), "split": name, **ways})


@app.command()
def rerank(checkpoint: Path, formulas: Path, count: int = 10_000, beam: int = 5, rasterizer: str = "pdfium") -> None:
    """Time the choice by image on all cores, from hypotheses and images in memory to their likeness.

    Draws the first formulas that the checkpoint could write, reads them with a beam, and keeps what was found in
    .cache/benchmarks, so that a second run only ranks.
    """
    loaded = load_checkpoint(checkpoint)
    chosen = list(islice(_writable(load(formulas), loaded), count))
    render = _made_as(loaded.images, rasterizer)
    weights = hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()
    key = hashlib.sha256(json.dumps([weights, chosen, beam, render.model_dump()]).encode()).hexdigest()
    folder = Path(".cache/benchmarks/rerank") / key
    found = folder / "hypotheses.parquet"
    if not found.is_file():
        labels = [Label(formula, formula) for formula in chosen]
        write_rendered_shards(labels, loaded.vocabulary, folder, "test", render, load_section("bucket", BucketParams))
        write_table(predict_split(checkpoint, folder, "test", PredictParams(beam=beam)).hypotheses, found)
    samples = InMemoryDataset(folder, "test")
    several: dict[str, list[str]] = {}
    for row in read_table(found, ["formula_id", "hypothesis"]).to_pylist():
        several.setdefault(row["formula_id"], []).append(row["hypothesis"])
    images = [samples.image(index).numpy() for index in range(len(samples))]
    texts = [several[name] for name in samples.ids]
    reranker = RenderReranker(ParallelRenderer(TexRenderer(render.renderer)), render.image)
    reranker.compare(images[:1], texts[:1])  # so that no timing holds the preamble and the start of processes
    load_before = round(os.getloadavg()[0], 1)
    wall, processor = time.monotonic(), processor_seconds()
    likenesses = reranker.compare(images, texts)
    spent = processor_seconds() - processor
    result: dict[str, object] = {
        "beam": beam,
        "rasterizer": rasterizer,
        "load before": load_before,
        "images": len(images),
        "hypotheses": sum(map(len, texts)),
        "distinct": len({one for row in texts for one in row}),
        "seconds": round(time.monotonic() - wall, 1),
        "processor seconds": round(spent, 1),
        "processor milliseconds an image": round(1000 * spent / len(images), 2),
        "the same image was among them": _share(any(one.same for one in row) for row in likenesses),
        "it was the search's first": _share(row[0].same for row in likenesses),
    }
    save("decoding-rerank", result)


def _made_as(images: dict[str, int], rasterizer: str) -> RenderStageParams:
    """How the training images of a checkpoint were made, where it says so."""
    dots = {"dpi": images["dpi"]} if images else {}
    sizes = {name: value for name, value in images.items() if name != "dpi"}
    renderer = RenderParams.model_validate({"rasterizer": rasterizer, **dots})
    return RenderStageParams(renderer=renderer, image=ImageParams.model_validate(sizes))


def _writable(formulas: list[str], loaded: Checkpoint) -> Iterator[str]:
    """Normal forms, each once, of those that are short enough and made of known tokens."""
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


def _read(
    loaded: Checkpoint,
    samples: InMemoryDataset,
    params: SearchParams,
    grammar: GrammarConstraint | None,
    most: int,
    chosen: list[int] | None = None,
) -> tuple[list[list[Hypothesis]], float]:
    """What is found in each sample, or in those chosen, and the processor seconds."""
    batches = PredictParams().batches.model_copy(update={"max_images": most})
    found: dict[int, list[Hypothesis]] = {}
    started = time.process_time()
    for indices in bucket_batches(samples, batches, indices=chosen):
        images = collate(samples, indices).images
        found |= dict(zip(indices, search(loaded.network, images, loaded.max_tokens, params, grammar), strict=True))
    return [
        found[index] for index in (range(len(samples)) if chosen is None else chosen)
    ], time.process_time() - started


def _shuffled(count: int) -> list[int]:
    """A few of the samples, in any order."""
    return random.Random(0).sample(range(count), min(count, 100))


def _share(verdicts: Iterable[bool]) -> float:
    answers = list(verdicts)
    return round(sum(answers) / len(answers), 4)


def _parses(normalizer: Normalizer, text: str) -> bool:
    try:
        normalizer.normalize(text)
    except LatexError:
        return False
    return True


if __name__ == "__main__":
    app()
