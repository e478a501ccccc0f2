"""Searches beside each other, and the price of choosing by picture: python -m benchmarks.decoding --help

`search` reads a split with a checkpoint in several ways: seconds a picture on one core, exact labels, and the shares
that parse and render. `rerank` draws what a beam search found and looks for the picture that was read. Times are
processor seconds, those of the programs that were started included, so that they hold on a busy machine too.
"""

import random
import resource
import time
from collections.abc import Iterable
from pathlib import Path

import torch
import typer

from benchmarks.corpus import save
from im2latex.errors import LatexError
from im2latex.imaging.raster import PictureParams
from im2latex.latex.normalize import Normalizer, NormalizerParams
from im2latex.latex.tokens import join
from im2latex.learning.batches import Samples, collate, plan
from im2latex.learning.beam import SearchParams
from im2latex.learning.checkpoint import Checkpoint, load_checkpoint
from im2latex.learning.constraints import Grammar
from im2latex.learning.predict import PredictParams, search
from im2latex.learning.search import Hypothesis
from im2latex.records import Split, read_table
from im2latex.rendering.engine import TexRenderer
from im2latex.rendering.pool import PooledRenderer
from im2latex.scoring.rerank import Redrawing

app = typer.Typer(add_completion=False)

WAYS = {
    "greedy": (SearchParams(beam=1), False),
    "greedy, constrained": (SearchParams(beam=1), True),
    "beam 5": (SearchParams(beam=5), False),
    "beam 5, constrained": (SearchParams(beam=5), True),
    "beam 5, wu": (SearchParams(beam=5, length_penalty="wu"), False),
    "beam 6 in 3 groups": (SearchParams(beam=6, groups=3), False),
}


@app.command("search")
def compare_searches(checkpoint: Path, shards: Path, name: Split = "test") -> None:
    """Read a split in every way, and with two batch sizes."""
    torch.set_num_threads(1)
    loaded, samples = load_checkpoint(checkpoint), Samples(shards, name)
    _read(loaded, samples, SearchParams(beam=1), None, 64, _shuffled(len(samples)))  # memory and caches
    renderer, normalizer = PooledRenderer(TexRenderer()), Normalizer(NormalizerParams())
    started = time.process_time()
    grammar = Grammar(loaded.vocabulary)
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
            "milliseconds a picture": round(1000 * seconds / len(samples), 2),
            "times greedy": round(seconds / greedy, 2),
            "exact": _share(text == label for text, label in zip(texts, samples.latex, strict=True)),
            "exact in any place": _share(label in row for row, label in zip(several, samples.latex, strict=True)),
            "parse": _share(_parses(normalizer, text) for text in texts),
            "render": _share(one.pixels is not None for one in renderer.render(texts)),
            f"of {len(few)} pictures read otherwise in shuffled batches of 3": sum(
                [one.tokens for one in found[index]] != [one.tokens for one in again]
                for index, again in zip(few, other, strict=True)
            ),
        }
        print(way, ways[way], flush=True)
    save("decoding-search", {"pictures": len(samples), "split": name, **ways})


@app.command()
def rerank(hypotheses: Path, shards: Path, name: Split = "test", count: int = 10_000) -> None:
    """Time the choice by picture, on one core, among what `im2latex evaluate --beam` wrote to .hypotheses.parquet."""
    samples = Samples(shards, name)
    several: dict[str, list[str]] = {}
    for row in read_table(hypotheses, ["formula_id", "hypothesis"]).to_pylist():
        several.setdefault(row["formula_id"], []).append(row["hypothesis"])
    chosen = range(min(count, len(samples)))
    pictures = [samples.picture(index).numpy() for index in chosen]
    texts = [several[samples.ids[index]] for index in chosen]
    renderer = TexRenderer()
    renderer.prepare()
    wall, processor = time.monotonic(), _processor_seconds()
    found = Redrawing(renderer, PictureParams()).compare(pictures, texts)
    spent = _processor_seconds() - processor
    result: dict[str, object] = {
        "pictures": len(pictures),
        "distinct hypotheses": len({one for row in texts for one in row}),
        "seconds": round(time.monotonic() - wall, 1),
        "processor seconds": round(spent, 2),
        "processor milliseconds a picture": round(1000 * spent / len(pictures), 2),
        "the same picture was among them": _share(any(one.same for one in row) for row in found),
        "it was the search's first": _share(row[0].same for row in found),
    }
    save("decoding-rerank", result)


def _read(
    loaded: Checkpoint,
    samples: Samples,
    params: SearchParams,
    grammar: Grammar | None,
    most: int,
    chosen: list[int] | None = None,
) -> tuple[list[list[Hypothesis]], float]:
    """What is found in each sample, or in those chosen, and the processor seconds."""
    batches = PredictParams().batches.model_copy(update={"max_pictures": most})
    found: dict[int, list[Hypothesis]] = {}
    started = time.process_time()
    for indices in plan(samples, batches, chosen=chosen):
        images = collate(samples, indices).images
        found |= dict(zip(indices, search(loaded, images, params, grammar), strict=True))
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


def _processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    app()
