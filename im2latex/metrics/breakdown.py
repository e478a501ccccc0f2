r"""Breakdowns of a test set: by formula length and features, by kind of error, and by confused tokens.

Strings in, names and counts out. A formula has any number of features: `fraction_depth_2` is a fraction in a fraction,
a binomial counts as a fraction, and `plain` is a formula with none of the other features. Errors are found by aligning
tokens by their edit distance, by one of the shortest alignments. `write_plots` writes the summary of a test set as the
tables that `dvc plots show` and `dvc plots diff` draw.

writes  <folder>/by_length.tsv    per class of length: the scores, and the interval of one of them
        <folder>/by_feature.tsv   per feature: the same
        <folder>/kinds.tsv        per kind of prediction: the number of predictions
        <folder>/edits.tsv        per kind of token edit: the number of edits
        <folder>/confusions.tsv   per pair of tokens: how often the second was predicted for the first
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from im2latex.latex.parser.signatures import COMMANDS, ENVIRONMENTS, FONT_SWITCHES, SPACE_COMMANDS, SPACES
from im2latex.latex.rules.atoms import ACCENTS
from im2latex.latex.tokens import split

DEEPEST = 3
"""Fractions nested deeper than this count as this deep."""

BARS = "image_exact"
"""The metric that the bars show; `low` and `high` are the ends of its interval."""

CONFUSIONS = 20
"""Most bars of a chart."""

_BEGIN = "\\begin{"
_FRACTIONS = frozenset(
    ("\\frac", "\\dfrac", "\\tfrac", "\\cfrac", "\\binom", "\\dbinom", "\\tbinom", "\\genfrac", "\\nicefrac")
)
_TABLES = frozenset(name for name in ENVIRONMENTS if "matrix" in name or "cases" in name) | {"array", "subarray"}
_FONTS = frozenset(name for name in COMMANDS if name.startswith("\\math") and COMMANDS[name] == "m") - frozenset(
    f"\\math{kind}" for kind in ("ord", "op", "bin", "rel", "open", "close", "punct", "inner", "clap", "llap", "rlap")
) - ACCENTS | frozenset(("\\boldsymbol", "\\bm", "\\pmb", *FONT_SWITCHES))
_TEXT = tuple(f"{name}{{" for name, kinds in COMMANDS.items() if kinds == "t")
_SIZED = frozenset(("\\left", "\\middle")) | frozenset(name for name, kinds in COMMANDS.items() if kinds == "d")
_OPERATORS = frozenset(
    split(r"\sum \prod \coprod \int \oint \iint \iiint \bigcup \bigcap \bigoplus \bigotimes \bigvee \bigwedge")
)


def _environment(token: str) -> str | None:
    return token[len(_BEGIN) :].partition("}")[0] if token.startswith(_BEGIN) else None


_FEATURES: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "matrix": lambda token: _environment(token) in _TABLES,
        "several_lines": lambda token: token.startswith(_BEGIN) and _environment(token) not in _TABLES,
        "accent": lambda token: token in ACCENTS,
        "font": lambda token: token in _FONTS,
        "text": lambda token: token.startswith(_TEXT) or token + "{" in _TEXT,
        "root": lambda token: token == "\\sqrt",
        "large_operator": lambda token: token in _OPERATORS,
        "sized_delimiter": lambda token: token in _SIZED,
        "script": lambda token: token in ("^", "_"),
    }
)

PLAIN = "plain"
FEATURES = (*(f"fraction_depth_{depth}" for depth in range(1, DEEPEST + 1)), *_FEATURES, PLAIN)
"""All names, in the order in which they are listed."""


def features(formula: str) -> frozenset[str]:
    """The features of a normalized formula, tokens separated by whitespace."""
    tokens = split(formula)
    distinct = set(tokens)
    found = {name for name, has in _FEATURES.items() if any(map(has, distinct))}
    if depth := fraction_depth(tokens):
        found.add(f"fraction_depth_{min(depth, DEEPEST)}")
    return frozenset(found or {PLAIN})


def fraction_depth(tokens: Sequence[str]) -> int:
    """The deepest nesting of fractions; 0 without any. Accepts unbalanced braces."""
    deepest = depth = 0
    awaited = [0]  # arguments of fractions still to come, for each open brace
    arguments: list[bool] = []  # whether each open brace is such an argument
    for token in tokens:
        is_argument = awaited[-1] > 0 and token != "}"
        if is_argument:
            awaited[-1] -= 1
        if token in _FRACTIONS:
            awaited[-1] += 2
            deepest = max(deepest, depth + 1)
        elif token == "{":
            arguments.append(is_argument)
            awaited.append(0)
            depth += is_argument
        elif token == "}" and arguments:
            depth -= arguments.pop()
            awaited.pop()
    return deepest


def length_classes(lengths: NDArray[np.float64], edges: Sequence[int]) -> dict[str, NDArray[np.bool_]]:
    """Masks of the rows in each class of length: up to and including each edge, and above the last."""
    bounds = (-1, *edges)
    names = [f"{low + 1}-{high}" for low, high in pairwise(bounds)] + [f"{bounds[-1] + 1}+"]
    classes = np.searchsorted(edges, lengths)
    return {name: classes == place for place, name in enumerate(names)}


ERROR_KINDS = ("empty", "exact", "spacing_only", "same_image", "no_image", "one_token", "several_tokens")
"""Kinds of predictions; the first that holds is used. The two kinds about images need the image metrics."""


def error_kind(reference: str, hypothesis: str, same_image: bool, no_image: bool) -> str:
    """The kind of one prediction."""
    ref, hyp = reference.split(), hypothesis.split()
    if not hyp:
        return "empty"
    if ref == hyp:
        return "exact"
    if without_spacing(ref) == without_spacing(hyp):
        return "spacing_only"
    if same_image:
        return "same_image"
    if no_image:
        return "no_image"
    return "one_token" if Levenshtein.distance(ref, hyp, score_cutoff=1) == 1 else "several_tokens"


def without_spacing(tokens: Sequence[str]) -> list[str]:
    r"""The tokens without explicit space: no `\\,`, and no `\\hspace { 1cm }`."""
    kept: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token in SPACE_COMMANDS:
            closing = tokens.index("}", place) if "}" in tokens[place : place + 4] else place - 1
            place = closing + 1
        elif token not in SPACES:
            kept.append(token)
    return kept


_STYLES = frozenset(("\\displaystyle", "\\textstyle", "\\scriptstyle", "\\scriptscriptstyle"))
_STRUCTURE = frozenset(("^", "_", "&", "\\\\", "\\right", *_SIZED, *COMMANDS))


def _is_font(token: str) -> bool:
    return token in _FONTS or token in _STYLES


def _is_structure(token: str) -> bool:
    in_table = token in _STRUCTURE or token.startswith((_BEGIN, "\\end{"))
    return in_table and not _is_font(token) and not _is_spacing((token,))


_ERROR_CLASSES: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "spacing": lambda token: _is_spacing((token,)),
        "font": _is_font,
        "structure": _is_structure,
        "symbol": lambda token: token not in ("{", "}") and not _is_font(token) and not _is_structure(token),
    }
)
ERROR_CLASSES = tuple(_ERROR_CLASSES)


def error_classes(reference: str, hypothesis: str) -> frozenset[str]:
    r"""The classes of tokens in which a prediction differs: spacing, font, structure, symbol.

    A class differs where the tokens of that class, in their order, do. Structure are scripts, fractions, roots,
    accents, delimiters with a size, environments, and what else has arguments; where only braces or the order of
    classes differ, it is structure, too.
    """
    ref, hyp = reference.split(), hypothesis.split()
    if ref == hyp:
        return frozenset()
    ref_ink, hyp_ink = without_spacing(ref), without_spacing(hyp)
    if ref_ink == hyp_ink:
        return frozenset(("spacing",))

    def differ(name: str) -> bool:
        sides = (ref, hyp) if name == "spacing" else (ref_ink, hyp_ink)
        of_reference, of_hypothesis = ([token for token in side if _ERROR_CLASSES[name](token)] for side in sides)
        return of_reference != of_hypothesis

    return frozenset(filter(differ, ERROR_CLASSES)) or frozenset(("structure",))


def class_costs(pairs: Iterable[tuple[str, str]], same_image: Iterable[bool]) -> dict[str, dict[str, float]]:
    """Per class of error: predictions `n` that have it, `alone` those with no other, and its `cost`.

    The cost is the share of all predictions whose image is wrong by this class alone: `image_exact` would be so much
    higher without it. Empty predictions are left out.
    """
    counts: Counter[tuple[frozenset[str], bool]] = Counter()
    for pair, same in zip(pairs, same_image, strict=True):
        counts[error_classes(*pair) if pair[1].split() else frozenset(), not same] += 1

    alone = {name: [counts[frozenset((name,)), wrong] for wrong in (False, True)] for name in ERROR_CLASSES}
    return {
        name: {
            "n": sum(number for (classes, _), number in counts.items() if name in classes),
            "alone": sum(alone[name]),
            "cost": round(alone[name][True] / max(1, counts.total()), 6),
        }
        for name in ERROR_CLASSES
    }


def confusions(pairs: Iterable[tuple[str, str]], top_k: int) -> dict[str, Any]:
    """Token edits of (reference, prediction) pairs by kind, and the `top_k` most frequent of each with their number.

    Empty predictions are left out: they would only count how often each token occurs.
    """
    replaced: Counter[tuple[str, str]] = Counter()
    missing: Counter[tuple[str]] = Counter()
    extra: Counter[tuple[str]] = Counter()
    for reference, hypothesis in pairs:
        ref, hyp = reference.split(), hypothesis.split()
        if not hyp or ref == hyp:
            continue
        for step in Levenshtein.editops(ref, hyp):
            if step.tag == "replace":
                replaced[ref[step.src_pos], hyp[step.dest_pos]] += 1
            elif step.tag == "delete":
                missing[(ref[step.src_pos],)] += 1
            else:
                extra[(hyp[step.dest_pos],)] += 1
    counts: dict[str, Counter[Any]] = {"replaced": replaced, "missing": missing, "extra": extra}
    return {
        "edits": {name: count.total() for name, count in counts.items()}
        | {"of_spacing": sum(number for count in counts.values() for key, number in count.items() if _is_spacing(key))}
    } | {name: _most_frequent(count, top_k) for name, count in counts.items()}


def _is_spacing(tokens: tuple[str, ...]) -> bool:
    return any(token in SPACES or token in SPACE_COMMANDS for token in tokens)


def _most_frequent(counts: Counter[Any], top_k: int) -> list[list[Any]]:
    """The most frequent entries; equal counts in order of characters."""
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [[*key, number] for key, number in order[:top_k]]


def write_plots(metrics: Mapping[str, Any], folder: Path) -> None:
    """Write all tables and replace those of an earlier run; `metrics` is a summary of `metrics.summary`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, first in (("by_length", "tokens"), ("by_feature", "feature")):
        blocks: Mapping[str, Mapping[str, Any]] = metrics[name]
        titles = [title for title in metrics["intervals"] if title in metrics]
        rows = (
            [key, block["n"], *(block[title] for title in titles), *block["intervals"].get(BARS, ["", ""])]
            for key, block in blocks.items()
        )
        _write(folder / f"{name}.tsv", [first, "samples", *titles, "low", "high"], rows)
    errors = metrics["errors"]
    _write(folder / "kinds.tsv", ["kind", "predictions"], errors["kinds"].items())
    _write(folder / "edits.tsv", ["edit", "times"], errors["edits"].items())
    pairs = ([f"{reference} → {predicted}", times] for reference, predicted, times in errors["replaced"][:CONFUSIONS])
    _write(folder / "confusions.tsv", ["confusion", "times"], pairs)


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
