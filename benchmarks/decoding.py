"""Searches beside each other, and the price of choosing by picture: python -m benchmarks.decoding --help

`search` reads a split with a checkpoint in several ways: seconds a picture on one core, exact labels, and the shares
that parse and render. `rerank` draws hypotheses for the pictures of many formulas: each formula and four that differ
from it in one token. Processor seconds count the programs that were started, so that they hold on a busy machine too.
"""

import random
import resource
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import torch
import typer
from tqdm import tqdm

from benchmarks.corpus import load, save
from im2latex.errors import LatexError
from im2latex.imaging.raster import PictureParams, Pixels, prepare
from im2latex.latex.normalize import Normalizer, NormalizerParams
from im2latex.latex.tokens import join, split
from im2latex.learning.batches import Samples, collate, plan
from im2latex.learning.beam import SearchParams
from im2latex.learning.checkpoint import Checkpoint, load_checkpoint
from im2latex.learning.constraints import Grammar
from im2latex.learning.predict import PredictParams, search
from im2latex.learning.search import Hypothesis
from im2latex.records import Split
from im2latex.rendering.engine import TexRenderer
from im2latex.rendering.pool import PooledRenderer
from im2latex.scoring.image import BATCH
from im2latex.scoring.rerank import Redrawing, choose

app = typer.Typer(add_completion=False)

WAYS = {
    "greedy": (SearchParams(beam=1), False),
    "greedy, constrained": (SearchParams(beam=1), True),
    "beam 5": (SearchParams(beam=5), False),
    "beam 5, constrained": (SearchParams(beam=5), True),
    "beam 5, wu": (SearchParams(beam=5, length_penalty="wu"), False),
    "beam 6 in 3 groups": (SearchParams(beam=6, groups=3), False),
}
MOST_TOKENS = 150
HYPOTHESES = 5


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
def rerank(
    file: Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")], count: int = 10_000
) -> None:
    """Time the choice among five hypotheses for each of `count` pictures, on all cores."""
    normalizer, generator = Normalizer(NormalizerParams()), random.Random(0)
    labels = [text for text in (_normalized(normalizer, raw) for raw in load(file, 2 * count)) if text]
    labels = [label for label in labels if len(split(label)) <= MOST_TOKENS][: count + count // 10]
    letters = sorted({token for label in labels for token in split(label)})
    renderer, picture = PooledRenderer(TexRenderer()), PictureParams()
    pictures: list[Pixels] = []
    hypotheses: list[list[str]] = []
    for start in tqdm(range(0, len(labels), BATCH), "pictures", disable=None):
        batch = labels[start : start + BATCH]
        for label, rendering in zip(batch, renderer.render(batch), strict=True):
            if rendering.pixels is not None and len(pictures) < count:
                pictures.append(prepare(rendering.pixels, picture.padding_px, picture.downsample))
                others = [_altered(label, letters, generator) for _ in range(HYPOTHESES - 1)]
                hypotheses.append([*others, label])
    wall, processor = time.monotonic(), _processor_seconds()
    found = Redrawing(renderer, picture, progress=True).compare(pictures, hypotheses)
    chosen = [choose(one) for one in found]
    save(
        "decoding-rerank",
        {
            "pictures": len(pictures),
            "distinct hypotheses": len({one for several in hypotheses for one in several}),
            "seconds": round(time.monotonic() - wall, 1),
            "processor seconds of this process and what it ended": round(_processor_seconds() - processor, 1),
            "the right picture is chosen": _share(row[place].same for row, place in zip(found, chosen, strict=True)),
        },
    )


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


def _normalized(normalizer: Normalizer, raw: str) -> str | None:
    try:
        return normalizer.normalize(raw)
    except LatexError:
        return None


def _parses(normalizer: Normalizer, text: str) -> bool:
    return _normalized(normalizer, text) is not None


def _altered(label: str, letters: list[str], generator: random.Random) -> str:
    tokens = split(label)
    tokens[generator.randrange(len(tokens))] = generator.choice(letters)
    return join(tokens)


def _processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    app()
