"""Quality and speed of the normalizer on real formulas: python -m benchmarks.normalizer COMMAND --help

image    does the normalized form print the image of the raw one; what is refused
respell    do other spellings of a formula return to one string, beside the identity and any external normalizer
pairs      do two spellings that print alike, line by line in two files, meet in one string
stress     is every case accepted or refused with a reason, and how long does the slowest take
fuzz       does anything but a refusal come out of random and of mutated input
speed      formulas a second
"""

import json
import re
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
Dataset = Annotated[Path, typer.Argument(help="formulas in any format that the toolkit reads")]
Count = Annotated[int, typer.Option("-n", help="formulas, at even distances; 0 for all")]
Draw = Annotated[RasterizerName, typer.Option(help="rasterizer of the comparison")]
External = Annotated[
    str | None, typer.Option(help="shell command of another normalizer: lines in, lines out, blank where it fails")
]
NORMALIZER = Normalizer(NormalizerParams())
_SHOWN = 12
_SEEDS = Path(__file__).with_name("fuzz_seeds.txt")
"""Small formulas of every kind that the normalizer knows, one a line."""
_PIECE = re.compile(r"\\(?:[A-Za-z]+|.)\s*|[{}$&]|[^\\{}$&]+", re.DOTALL)


@app.command()
def image(dataset: Dataset, count: Count = 0, rasterizer: Draw = "ghostscript") -> None:
    """Render every formula as given and as normalized, at 200 dpi, and compare the ink."""
    tally, faults = AuditCounts(), []
    for finding in audit_formulas(load(dataset, count), NORMALIZER, _renderer(rasterizer)):
        tally.add(finding)
        if finding.is_fault and finding.outcome != "refused":
            faults.append({"outcome": finding.outcome, "rules": finding.rules, "raw": finding.raw})
    result = tally.summary() | {"rasterizer": rasterizer, "faults": faults[:_SHOWN]}
    save(f"normalizer-image-{_name(dataset)}", result)


@app.command()
def respell(dataset: Dataset, count: Count = 5000, rasterizer: Draw = "pdfium", external: External = None) -> None:
    """Respell normalized formulas, keep what prints the same image, and see what comes back."""
    originals = [latex for latex in map(_normalized, load(dataset, count)) if latex]
    spelled = [other_spelling(latex, seed) for seed, latex in enumerate(originals)]
    renderer = _renderer(rasterizer)
    drawn = zip(originals, spelled, renderer.render(originals), renderer.render(spelled), strict=True)
    pairs, unfaithful, unprintable = [], 0, 0
    for original, spelling, first, second in drawn:
        if first.pixels is None:
            unprintable += 1
        elif second.pixels is None or not same_ink(first.pixels, second.pixels):
            unfaithful += 1
        else:
            pairs.append((original, spelling))
    missed = [(original, spelling) for original, spelling in pairs if _normalized(spelling) != original]
    result: dict[str, object] = {
        "formulas": len(originals),
        "unprintable": unprintable,
        "respellings_of_another_image": unfaithful,
        "respellings": len(pairs),
        "returned": len(pairs) - len(missed),
        "rate": _rate(len(pairs) - len(missed), len(pairs)),
        "identity_rate": _rate(sum(a.split() == b.split() for a, b in pairs), len(pairs)),
        "faults": [{"formula": a, "came_back_as": _normalized(b)} for a, b in missed[:_SHOWN]],
    }
    if external:
        result["external_rate"] = _external_rate(external, pairs)
    save(f"normalizer-respell-{_name(dataset)}", result)


@app.command()
def pairs(first: Path, second: Path, rasterizer: Draw = "pdfium", external: External = None) -> None:
    """Of the lines that print alike in both files, count those with one normalized form."""
    renderer = _renderer(rasterizer)
    given = list(zip(lines(first), lines(second), strict=False))
    drawn = zip(given, renderer.render([a for a, _ in given]), renderer.render([b for _, b in given]), strict=True)
    alike = [
        texts for texts, a, b in drawn if a.pixels is not None and b.pixels is not None and same_ink(a.pixels, b.pixels)
    ]
    missed = [(a, b) for a, b in alike if _normalized(a) is None or _normalized(a) != _normalized(b)]
    result: dict[str, object] = {
        "lines": len(given),
        "print_alike": len(alike),
        "one_string": len(alike) - len(missed),
        "rate": _rate(len(alike) - len(missed), len(alike)),
        "identity_rate": _rate(sum(a.split() == b.split() for a, b in alike), len(alike)),
        "faults": [{"first": _normalized(a), "second": _normalized(b)} for a, b in missed[:_SHOWN]],
    }
    if external:
        result["external_rate"] = _external_rate(external, alike)
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
    count: Annotated[int, typer.Option("-n", help="inputs of all kinds together")] = 200_000,
    seed: int = 0,
    seeds: Annotated[
        Path | None, typer.Option(help="JSON lines whose `input` is one more formula to grow from")
    ] = None,
) -> None:
    """Random bytes, random commands, real formulas with a few damages, and formulas grown from small seeds.

    Half of all inputs are grown: pieces of the seeds put together, put into one another, doubled, cut and swapped.
    """
    random = Random(seed)
    real = load(dataset)
    grown_from = [*lines(_SEEDS), *(_inputs(seeds) if seeds else [])]
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
        "mutated": (count // 6, lambda: _mutated(random.choice(real), words, random)),
        "grown": (count - count // 6 * 3, lambda: _grown(grown_from, words, random)),
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
def speed(dataset: Dataset, count: Count = 0) -> None:
    """Formulas a second on all cores, reading and starting processes not counted."""
    formulas = load(dataset, count)
    chunks = [formulas[start : start + 2000] for start in range(0, len(formulas), 2000)]
    with joblib.Parallel(n_jobs=-1) as pool:
        pool(joblib.delayed(_normalize_all)(chunk[:50]) for chunk in chunks[:4])
        started = time.perf_counter()
        pool(joblib.delayed(_normalize_all)(chunk) for chunk in chunks)
        seconds = time.perf_counter() - started
    save("normalizer-speed", {"formulas": len(formulas), "formulas_per_second": round(len(formulas) / seconds)})


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


def _mutated(formula: str, words: list[str], random: Random) -> str:
    for _ in range(random.randint(1, 4)):
        a, b = sorted(random.randrange(len(formula) + 1) for _ in range(2))
        piece = random.choice(["", formula[a:b] * 2, formula[a:b][::-1], random.choice(words)])
        formula = formula[:a] + piece + formula[b:]
    return formula


def _grown(seeds: list[str], words: list[str], random: Random) -> str:
    """A formula of pieces of the seeds, cut at spaces and braces; a piece may stand inside another one."""
    formula = random.choice(seeds)
    for _ in range(random.randrange(4)):
        other = random.choice(seeds)
        pieces = _PIECE.findall(random.choice(seeds))
        part = random.choice([other, "".join(random.sample(pieces, min(len(pieces), 6))), f"{{{other}}}"])
        place = random.choice([0, len(formula), *(match.end() for match in _PIECE.finditer(formula))])
        formula = formula[:place] + part + formula[place:]
    return _mutated(formula, words, random) if random.random() < 0.3 else formula


def _inputs(path: Path) -> list[str]:
    return [json.loads(line)["input"] for line in lines(path) if line]


def _external_rate(command: str, pairs: list[tuple[str, str]]) -> float:
    """Share of the pairs that another normalizer brings to one string; it is spared comments and line ends."""
    sides = (re.sub(r"(?<!\\)%[^\n]*\n", " ", side) for pair in pairs for side in pair)
    text = "".join(" ".join(side.split()) + "\n" for side in sides)
    answer = subprocess.run(command, shell=True, input=text, capture_output=True, text=True, check=True).stdout
    came = answer.split("\n")
    met = sum(a.split() == b.split() != [] for a, b in zip(came[0::2], came[1::2], strict=False))
    return _rate(met, len(pairs))


def _renderer(rasterizer: RasterizerName) -> ParallelRenderer:
    return ParallelRenderer(TexRenderer(RenderParams(rasterizer=rasterizer)))


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 5) if whole else 1.0


def _name(dataset: Path) -> str:
    return dataset.name.split(".")[0].replace("_", "-")


if __name__ == "__main__":
    app()
