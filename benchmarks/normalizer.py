"""Quality and speed of the normalizer on real formulas: python -m benchmarks.normalizer COMMAND --help

image      whether raw and normalized formulas render the same image; what is refused
respell    whether respelled formulas normalize to one string, compared with the identity and an external normalizer
pairs      whether lines of two files that render the same image normalize to one string
stress     outcomes and slowest case of renderers' test suites
fuzz       exceptions and unstable results for random and mutated input
speed      formulas per second, compared with an external normalizer
"""

import json
import re
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Annotated

import joblib
import typer

from benchmarks.harness import lines, load, save
from im2latex.errors import LatexError
from im2latex.images.compare import same_ink
from im2latex.latex.grammar.respell import respell as other_spelling
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.parser.signatures import COMMANDS, ENVIRONMENTS
from im2latex.latex.parser.symbols import known_symbols
from im2latex.metrics.normalizer_audit import AuditCounts, audit_formulas
from im2latex.rendering.rasterizers.registry import RasterizerName
from im2latex.rendering.renderer import ParallelRenderer, RenderParams, TexRenderer

app = typer.Typer(help=__doc__, pretty_exceptions_enable=False, rich_markup_mode=None)
Dataset = Annotated[Path, typer.Argument(help="formulas in any supported format")]
Count = Annotated[int, typer.Option("-n", help="number of formulas, evenly spaced; 0 for all")]
Draw = Annotated[RasterizerName, typer.Option(help="rasterizer of the comparison")]
External = Annotated[
    str | None,
    typer.Option(help="shell command of another normalizer: lines in, lines out, a blank line for a failure"),
]
NORMALIZER = Normalizer(NormalizerParams())
_MAX_EXAMPLES = 12
_SEEDS = Path(__file__).with_name("fuzz_seeds.txt")
"""Small formulas of every construct that the normalizer supports, one per line."""
_PIECE = re.compile(r"\\(?:[A-Za-z]+|.)\s*|[{}$&]|[^\\{}$&]+", re.DOTALL)


@app.command()
def image(dataset: Dataset, count: Count = 0, rasterizer: Draw = "ghostscript") -> None:
    """Render every formula raw and normalized, at 200 dpi, and compare the ink."""
    counts, faults = AuditCounts(), []
    for finding in audit_formulas(load(dataset, count), NORMALIZER, _renderer(rasterizer)):
        counts.add(finding)
        if finding.is_fault and finding.outcome != "refused":
            faults.append({"outcome": finding.outcome, "rules": finding.rules, "raw": finding.raw})
    result = counts.summary() | {"rasterizer": rasterizer, "faults": faults[:_MAX_EXAMPLES]}
    save(f"normalizer-image-{_name(dataset)}", result)


@app.command()
def respell(dataset: Dataset, count: Count = 5000, rasterizer: Draw = "pdfium", external: External = None) -> None:
    """Respell normalized formulas, keep those with the same image, and normalize them."""
    originals = [latex for latex in map(_normalized, load(dataset, count)) if latex]
    respelled = [other_spelling(latex, seed) for seed, latex in enumerate(originals)]
    renderer = _renderer(rasterizer)
    renderings = zip(originals, respelled, renderer.render(originals), renderer.render(respelled), strict=True)
    pairs, different, failed = [], 0, 0
    for original, spelling, first, second in renderings:
        if first.pixels is None:
            failed += 1
        elif second.pixels is None or not same_ink(first.pixels, second.pixels):
            different += 1
        else:
            pairs.append((original, spelling))
    missed = [(original, spelling) for original, spelling in pairs if _normalized(spelling) != original]
    result: dict[str, object] = {
        "formulas": len(originals),
        "failed": failed,
        "respellings_with_another_image": different,
        "respellings": len(pairs),
        "same_string": len(pairs) - len(missed),
        "rate": _rate(len(pairs) - len(missed), len(pairs)),
        "identity_rate": _rate(sum(a.split() == b.split() for a, b in pairs), len(pairs)),
        "faults": [{"formula": a, "normalized": _normalized(b)} for a, b in missed[:_MAX_EXAMPLES]],
    }
    if external:
        result["external_rate"] = _external_rate(external, pairs)
    save(f"normalizer-respell-{_name(dataset)}", result)


@app.command()
def pairs(first: Path, second: Path, rasterizer: Draw = "pdfium", external: External = None) -> None:
    """Count the lines of both files that render the same image and normalize to one string."""
    renderer = _renderer(rasterizer)
    texts = list(zip(lines(first), lines(second), strict=False))
    rendered = zip(texts, renderer.render([a for a, _ in texts]), renderer.render([b for _, b in texts]), strict=True)
    same_image = [
        pair
        for pair, a, b in rendered
        if a.pixels is not None and b.pixels is not None and same_ink(a.pixels, b.pixels)
    ]
    missed = [(a, b) for a, b in same_image if _normalized(a) is None or _normalized(a) != _normalized(b)]
    result: dict[str, object] = {
        "lines": len(texts),
        "same_image": len(same_image),
        "same_string": len(same_image) - len(missed),
        "rate": _rate(len(same_image) - len(missed), len(same_image)),
        "identity_rate": _rate(sum(a.split() == b.split() for a, b in same_image), len(same_image)),
        "faults": [{"first": _normalized(a), "second": _normalized(b)} for a, b in missed[:_MAX_EXAMPLES]],
    }
    if external:
        result["external_rate"] = _external_rate(external, same_image)
    save("normalizer-pairs", result)


@app.command()
def stress(cases: Path) -> None:
    """Cases of renderers' test suites: JSON lines with `formula` and `expect`."""
    outcomes: dict[str, Counter[str]] = {}
    examples: dict[str, str] = {}
    slowest = 0.0
    for line in filter(None, lines(cases)):
        case = json.loads(line)
        started = time.perf_counter()
        reason = _reason(case["formula"])
        slowest = max(slowest, time.perf_counter() - started)
        outcomes.setdefault(case["expect"], Counter())[reason] += 1
        examples.setdefault(reason, case["formula"][:100])
    result = {expect: dict(counts.most_common()) for expect, counts in sorted(outcomes.items())}
    save("normalizer-stress", {**result, "slowest_seconds": round(slowest, 3), "examples": examples})


@app.command()
def fuzz(
    dataset: Dataset,
    count: Annotated[int, typer.Option("-n", help="number of inputs of all kinds")] = 200_000,
    seed: int = 0,
    seeds: Annotated[Path | None, typer.Option(help="JSON lines with an `input` formula each, as more seeds")] = None,
) -> None:
    """Random bytes, random commands, mutated real formulas, and formulas generated from small seeds.

    Half of the inputs are generated: pieces of the seeds are concatenated, nested, doubled, cut and swapped.
    """
    random = Random(seed)
    real = load(dataset)
    seed_formulas = [*lines(_SEEDS), *(_inputs(seeds) if seeds else [])]
    words = [
        *sorted(COMMANDS),
        *sorted(known_symbols()),
        *"{}[]()^_'&~$%# 1ax",
        "\\left",
        "\\right",
        "\\\\",
        "2pt",
        "é",
        "\n",
    ]
    words += [f"\\{end}{{{name}}}" for name in ENVIRONMENTS for end in ("begin", "end")]
    makers: dict[str, tuple[int, Callable[[], str]]] = {
        "bytes": (count // 6, lambda: bytes(random.choices(range(256), k=random.randrange(200))).decode("latin-1")),
        "commands": (count // 6, lambda: "".join(random.choices(words, k=random.randrange(60)))),
        "mutated": (count // 6, lambda: _mutate(random.choice(real), words, random)),
        "grown": (count - count // 6 * 3, lambda: _combine(seed_formulas, words, random)),
    }
    result: dict[str, object] = {}
    for kind, (inputs, make) in makers.items():
        accepted, slowest, unstable = 0, (0.0, ""), []
        for _ in range(inputs):
            source = make()
            started = time.perf_counter()
            latex = _normalized(source)
            slowest = max(slowest, (time.perf_counter() - started, source))
            if latex is not None:
                accepted += 1
                if _normalized(latex) != latex:
                    unstable.append(source)
        result[kind] = {
            "inputs": inputs,
            "accepted": accepted,
            "not_idempotent": len(unstable),
            "slowest_seconds": round(slowest[0], 4),
            "examples": unstable[:3],
        }
    save("normalizer-fuzz", {"seed": seed, "exceptions": 0, **result})


@app.command()
def speed(dataset: Dataset, count: Count = 0, external: External = None) -> None:
    """Formulas per second on all cores, without loading and the start of processes; and per second of CPU time."""
    formulas = load(dataset, count)
    chunks = [formulas[start : start + 2000] for start in range(0, len(formulas), 2000)]
    with joblib.Parallel(n_jobs=-1) as pool:
        pool(joblib.delayed(_normalize_all)(chunk[:50]) for chunk in chunks[:4])
        started = time.perf_counter()
        pool(joblib.delayed(_normalize_all)(chunk) for chunk in chunks)
        seconds = time.perf_counter() - started
    started = time.process_time()
    _normalize_all(formulas)
    result: dict[str, object] = {
        "formulas": len(formulas),
        "formulas_per_second": round(len(formulas) / seconds),
        "formulas_per_cpu_second": round(len(formulas) / (time.process_time() - started)),
    }
    if external:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _run_external(external, formulas)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        result["external_formulas_per_cpu_second"] = round(len(formulas) / used)
    save("normalizer-speed", result)


def _normalize_all(formulas: list[str]) -> int:
    return sum(_normalized(formula) is not None for formula in formulas)


def _normalized(formula: str) -> str | None:
    try:
        return NORMALIZER.normalize(formula)
    except LatexError:
        return None


def _reason(formula: str) -> str:
    try:
        NORMALIZER.normalize(formula)
    except LatexError as error:
        return error.reason
    return "accepted"


def _mutate(formula: str, words: list[str], random: Random) -> str:
    for _ in range(random.randint(1, 4)):
        start, end = sorted(random.randrange(len(formula) + 1) for _ in range(2))
        piece = random.choice(["", formula[start:end] * 2, formula[start:end][::-1], random.choice(words)])
        formula = formula[:start] + piece + formula[end:]
    return formula


def _combine(seeds: list[str], words: list[str], random: Random) -> str:
    """Combine pieces of the seeds, which are cut at spaces and braces; pieces may be nested."""
    formula = random.choice(seeds)
    for _ in range(random.randrange(4)):
        other = random.choice(seeds)
        pieces = _PIECE.findall(random.choice(seeds))
        part = random.choice([other, "".join(random.sample(pieces, min(len(pieces), 6))), f"{{{other}}}"])
        place = random.choice([0, len(formula), *(match.end() for match in _PIECE.finditer(formula))])
        formula = formula[:place] + part + formula[place:]
    return _mutate(formula, words, random) if random.random() < 0.3 else formula


def _run_external(command: str, formulas: list[str]) -> list[str]:
    """The lines of another normalizer for formulas without comments and newlines."""
    plain = (re.sub(r"(?<!\\)%[^\n]*\n", " ", formula) for formula in formulas)
    text = "".join(" ".join(formula.split()) + "\n" for formula in plain)
    done = subprocess.run(command, shell=True, input=text, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")


def _inputs(path: Path) -> list[str]:
    return [json.loads(line)["input"] for line in lines(path) if line]


def _external_rate(command: str, pairs: list[tuple[str, str]]) -> float:
    """Share of the pairs that another normalizer maps to one string."""
    results = _run_external(command, [formula for pair in pairs for formula in pair])
    equal = sum(a.split() == b.split() != [] for a, b in zip(results[0::2], results[1::2], strict=False))
    return _rate(equal, len(pairs))


def _renderer(rasterizer: RasterizerName) -> ParallelRenderer:
    return ParallelRenderer(TexRenderer(RenderParams(rasterizer=rasterizer)))


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 5) if whole else 1.0


def _name(dataset: Path) -> str:
    return dataset.name.split(".")[0].replace("_", "-")


if __name__ == "__main__":
    app()
