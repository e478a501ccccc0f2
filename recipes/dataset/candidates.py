"""Candidate labels: pure functions of formula, configuration and seed."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from im2latex.errors import LatexError
from im2latex.latex.grammar.expressions import flat_symbols
from im2latex.latex.grammar.generator import random_formula as grammar_formula
from im2latex.latex.grammar.generator import random_table
from im2latex.latex.grammar.subformulas import Subformula, choose_subformula, group_by_length
from im2latex.latex.grammar.symbol_substitution import SymbolSubstitution
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.parser.tree import Row, copy_row
from im2latex.latex.serializer import write
from im2latex.latex.tokens import join
from im2latex.types import RawFormula
from recipes.dataset.config import SourceParams
from recipes.dataset.held_out import key
from recipes.dataset.selection import Candidate
from recipes.dataset.statistics import Statistics, is_multiline

LONGEST_BEFORE = 100
"""Longest label of the recipes before this one, which the report compares with."""
CUT = ("subformulas", "randomized-subformulas")
_CELL_TOKENS = 10
_CONSISTENT = 0.5
"""Share of randomized formulas in which all occurrences of a symbol get one replacement."""


@dataclass(frozen=True)
class Job:
    """What a worker needs beside formulas. `held_out` are keys of excluded labels."""

    seed: int
    normalizer: NormalizerParams
    sources: dict[str, SourceParams]
    held_out: frozenset[int]
    max_tokens: int
    common_below: int
    split: str
    val_share: float


@dataclass
class Batch:
    """What a worker made of some formulas.

    `pending` are candidates that equal a held-out label but are so short that they may be common; `refused` counts
    candidates by source and reason, `rejected` formulas by reason; `whole` and `before` describe the formulas as they
    are: all, and those of at most `LONGEST_BEFORE` tokens.
    """

    seen: int = 0
    candidates: list[tuple[str, Candidate]] = field(default_factory=list)
    pending: list[tuple[str, Candidate]] = field(default_factory=list)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    whole: Statistics = field(default_factory=Statistics)
    before: Statistics = field(default_factory=Statistics)


def from_formulas(rows: Sequence[RawFormula], job: Job) -> Batch:
    """Candidates of all sources that take these formulas."""
    batch = Batch(seen=len(rows))
    normalizer = _normalizer(job.normalizer)
    formulas: list[_Formula] = []
    longest = max([_CELL_TOKENS, *(_longest(source) for source in job.sources.values())])
    for row in rows:
        try:
            tree = normalizer.tree(row.formula)
        except LatexError as error:
            batch.rejected[error.reason] += 1
            continue
        label = join(write(tree))
        if set(label) <= set("{ }"):
            batch.rejected["empty"] += 1
            continue
        batch.whole.add(label)
        if label.count(" ") < LONGEST_BEFORE:
            batch.before.add(label)
        runs = group_by_length(tree, longest)
        formulas.append(_Formula(label, tree, runs, row.source_id or row.place, row.group))
    cells = _cells(formulas, job) if any(source.kind == "tables" for source in job.sources.values()) else []
    for formula in formulas:
        for name, source in job.sources.items():
            for made in _made(source, formula, cells, _generator(job, name, formula.origin), normalizer):
                _offer(batch, job, name, Candidate(made or "", formula.origin, formula.group))
    return batch


def from_grammar(name: str, numbers: range, job: Job) -> Batch:
    """Candidates of the grammar, one for each number."""
    batch = Batch(seen=len(numbers))
    normalizer = _normalizer(job.normalizer)
    for number in numbers:
        text = grammar_formula(_generator(job, name, str(number)), _flat())
        _offer(batch, job, name, Candidate(_label(text, normalizer) or "", f"{name}-{number}", None))
    return batch


def labels_of(formulas: Sequence[str], normalizer: NormalizerParams) -> list[str | None]:
    """The formulas normalized; None for what is no formula."""
    return [_label(text, _normalizer(normalizer)) for text in formulas]


@dataclass(frozen=True)
class _Formula:
    """A normalized formula, its tree, and the sub-formulas that may be wanted by length."""

    label: str
    tree: Row
    runs: dict[int, list[Subformula]]
    origin: str
    group: str | None


def _made(
    source: SourceParams, formula: _Formula, cells: list[str], generator: random.Random, normalizer: Normalizer
) -> Iterator[str | None]:
    """The source's labels from one formula; None where one came to nothing."""
    if source.multiline and not is_multiline(formula.label.split()):
        return
    count = int(source.rate) + (generator.random() < source.rate % 1)
    if source.kind == "whole":
        yield from [formula.label] * min(1, count)
        return
    for _ in range(count):
        if source.kind == "tables":
            yield _label(random_table(cells, generator), normalizer)
            continue
        row: Row | None = formula.tree
        if source.kind in CUT:
            least, most, _ = generator.choices(source.ranges, list(source.shares.values()))[0]
            row = choose_subformula(formula.runs, least, most, generator)
        if row is not None:
            yield _written(row, source.kind != "subformulas", generator, normalizer)


def _written(row: Row, randomized: bool, generator: random.Random, normalizer: Normalizer) -> str | None:
    """The label of a part of a formula, or of all of it, perhaps with other symbols; the row stays as it is."""
    row = copy_row(row)
    if randomized:
        row = SymbolSubstitution(generator, generator.random() < _CONSISTENT).row(row)
    try:
        return normalizer.write(row)
    except LatexError:
        return None


def _longest(source: SourceParams) -> int:
    return max(most for _, most, _ in source.ranges) if source.kind in CUT else 0


def _cells(formulas: Sequence[_Formula], job: Job) -> list[str]:
    """Short pieces for the cells of tables, half of them with other symbols."""
    cells = []
    for formula in formulas:
        generator = _generator(job, "cells", formula.origin)
        piece = choose_subformula(formula.runs, 1, _CELL_TOKENS, generator)
        if piece is not None:
            label = _written(piece, generator.random() < 0.5, generator, _normalizer(job.normalizer))
            cells += [label] if label else []
    return cells


def _offer(batch: Batch, job: Job, name: str, candidate: Candidate) -> None:
    """Add a candidate, or count why it is none; an empty label stands for what came to nothing."""
    label = candidate.label
    length = label.count(" ") + 1
    found = key(label)
    if not label:
        batch.refused[name, "no_formula"] += 1
    elif length > job.max_tokens:
        batch.refused[name, "too_long"] += 1
    elif candidate.group is None and (found % 2**32 < job.val_share * 2**32) != (job.split == "val"):
        batch.refused[name, "other_split"] += 1
    elif found not in job.held_out:
        batch.candidates.append((name, candidate))
    elif length < job.common_below:
        batch.pending.append((name, candidate))
    else:
        batch.refused[name, "held_out_label"] += 1


def _label(text: str, normalizer: Normalizer) -> str | None:
    try:
        return normalizer.normalize(text)
    except LatexError:
        return None


def _generator(job: Job, name: str, origin: str) -> random.Random:
    return random.Random(f"{job.seed}/{job.split}/{name}/{origin}")


def _normalizer(params: NormalizerParams) -> Normalizer:
    return _cached_normalizer(params.model_dump_json())


@cache
def _cached_normalizer(params: str) -> Normalizer:
    return Normalizer(NormalizerParams.model_validate_json(params))


_flat = cache(flat_symbols)
