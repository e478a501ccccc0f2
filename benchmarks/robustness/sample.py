"""Seeded sample of held-out formulas, normalized, in two length classes.

The files of formulas hold those of one split of papers; the first lines may be used elsewhere and are skipped.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from im2latex.dataset.readers.files import read_file
from im2latex.errors import InputError, LatexError
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.rendering.renderer import Renderer
from im2latex.schemas import formula_id
from im2latex.types import RawFormula

LENGTHS: Mapping[str, tuple[int, int]] = MappingProxyType({"short": (3, 45), "long": (46, 100)})
"""Fewest and most tokens of each class."""

_AT_ONCE = 100


@dataclass(frozen=True)
class HeldOut:
    """A normalized formula and its class of length; the id is that of `records.formula_id` of the text."""

    id: str
    length: str
    formula: str


def sample(
    path: Path, wanted: Mapping[str, int], skip: int, seed: int, renderer: Renderer
) -> tuple[list[HeldOut], dict[str, int]]:
    """So many formulas of each class, and how many were passed over, by reason.

    Passed over are formulas that are refused, repeated or of no class that is wanted, and those that the base look,
    in which all scores compare, does not draw. Raises `InputError` where the file holds too few.
    """
    passed: Counter[str] = Counter()
    found: dict[str, list[HeldOut]] = {name: [] for name in LENGTHS}
    candidates = _candidates(path, skip, seed, passed)
    while any(len(found[name]) < wanted.get(name, 0) for name in found):
        some = list(islice(candidates, _AT_ONCE))
        if not some:
            short = ", ".join(f"{len(found[name])} of {count} {name}" for name, count in wanted.items())
            raise InputError(f"{path}: too few formulas after line {skip}: {short}; ask for fewer or skip fewer")
        open_ones = [one for one in some if len(found[one.length]) < wanted.get(one.length, 0)]
        for one, drawn in zip(open_ones, renderer.render([one.formula for one in open_ones]), strict=True):
            if drawn.pixels is None:
                passed[f"not_drawn_{drawn.reason}"] += 1
            elif len(found[one.length]) < wanted[one.length]:
                found[one.length].append(one)
    return [one for group in found.values() for one in group], dict(sorted(passed.items()))


def _candidates(path: Path, skip: int, seed: int, passed: Counter[str]) -> Iterator[HeldOut]:
    """Distinct normalized formulas of a class, in an order that the seed decides; counts those passed over."""
    rows = [row.formula for row in islice(read_file(path), skip, None) if isinstance(row, RawFormula)]
    random.Random(seed).shuffle(rows)
    normalizer = Normalizer(NormalizerParams())
    seen: set[str] = set()
    for raw in rows:
        try:
            text = normalizer.normalize(raw)
        except LatexError as error:
            passed[error.reason] += 1
            continue
        tokens = len(text.split())
        length = next((name for name, (low, high) in LENGTHS.items() if low <= tokens <= high), None)
        if length is None or text in seen:
            passed["duplicate" if length else "length"] += 1
            continue
        seen.add(text)
        yield HeldOut(formula_id(text), length, text)
