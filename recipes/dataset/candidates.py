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
from im2latex.latex.grammar.symbol_examples import symbol_example
from im2latex.latex.grammar.symbol_substitution import SymbolSubstitution
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.parser.symbols import known_symbols
from im2latex.latex.parser.tree import Row, copy_row
from im2latex.latex.serializer import write
from im2latex.latex.tokens import join
from im2latex.types import RawFormula
from recipes.dataset.config import CoverageParams, SourceParams
from recipes.dataset.held_out import label_key
from recipes.dataset.selection import Candidate
from recipes.dataset.statistics import Statistics, is_multiline

EARLIER_MAX_TOKENS = 100
"""Longest label of the earlier recipes, with which the report compares."""
SUBFORMULA_KINDS = ("subformulas", "randomized-subformulas")
TRIES_PER_LABEL = 2
"""Examples generated for each missing label of a symbol, since some are equal."""
_MAX_CELL_TOKENS = 10
_CONSISTENT = 0.5
"""Share of randomized formulas in which all occurrences of a symbol get the same replacement."""


@dataclass(frozen=True)
class Job:
    """Settings of a worker. `held_out` are the keys of excluded labels."""

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
    """Candidates of a chunk of formulas.

    `pending` candidates equal a held-out label, but are so short that they may be common. `dropped` counts candidates
    by source and reason, `rejected` counts formulas by reason. `whole` and `before` are statistics of the formulas
    themselves: all, and those of at most `EARLIER_MAX_TOKENS` tokens.
    """

    seen: int = 0
    candidates: list[tuple[str, Candidate]] = field(default_factory=list)
    pending: list[tuple[str, Candidate]] = field(default_factory=list)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    whole: Statistics = field(default_factory=Statistics)
    before: Statistics = field(default_factory=Statistics)


def from_formulas(rows: Sequence[RawFormula], job: Job) -> Batch:
    """Candidates of all sources that use these formulas."""
    batch = Batch(seen=len(rows))
    normalizer = _normalizer(job.normalizer)
    formulas: list[_Formula] = []
    longest = max([_MAX_CELL_TOKENS, *(_longest(source) for source in job.sources.values())])
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
        if label.count(" ") < EARLIER_MAX_TOKENS:
            batch.before.add(label)
        runs = group_by_length(tree, longest)
        formulas.append(_Formula(label, tree, runs, row.source_id or row.place, row.group))
    cells = _cells(formulas, job) if any(source.kind == "tables" for source in job.sources.values()) else []
    for formula in formulas:
        for name, source in job.sources.items():
            for new_label in _labels(source, formula, cells, _generator(job, name, formula.origin), normalizer):
                _add(batch, job, name, Candidate(new_label or "", formula.origin, formula.group))
    return batch


def from_grammar(name: str, numbers: range, job: Job) -> Batch:
    """Candidates of the grammar, one for each number, which is its seed."""
    batch = Batch(seen=len(numbers))
    normalizer = _normalizer(job.normalizer)
    for number in numbers:
        text = grammar_formula(_generator(job, name, str(number)), _flat())
        _add(batch, job, name, Candidate(_normalize(text, normalizer) or "", f"{name}-{number}", None))
    return batch


def normalize_all(formulas: Sequence[str], normalizer: NormalizerParams) -> list[str | None]:
    """Normalized formulas; None for one that is refused."""
    return [_normalize(text, _normalizer(normalizer)) for text in formulas]


def missing_labels(counts: Counter[str], params: CoverageParams, merges: dict[str, str]) -> dict[str, int]:
    """Number of labels that each rare symbol lacks, for all known symbols and all tokens of the vocabulary."""
    symbols = {token for token, count in counts.items() if count >= params.min_frequency} | known_symbols()
    required = sorted(symbols - set(params.skip) - merges.keys())
    return {symbol: params.min_labels - counts[symbol] for symbol in required if counts[symbol] < params.min_labels}


def from_symbols(
    symbols: Sequence[tuple[str, int]], seed: int, normalizer: NormalizerParams, held_out: frozenset[int]
) -> dict[str, list[Candidate]]:
    """Distinct labels with each symbol, at most the given number; none is held out."""
    candidates: dict[str, list[Candidate]] = {}
    for symbol, count in symbols:
        generator = random.Random(f"{seed}/coverage/{symbol}")
        texts = [
            text
            for text in (symbol_example(symbol, generator) for _ in range(TRIES_PER_LABEL * count))
            if text is not None
        ]
        labels = (label for label in normalize_all(texts, normalizer) if label is not None)
        valid = (label for label in labels if symbol in label.split() and label_key(label) not in held_out)
        distinct = list(dict.fromkeys(valid))[:count]
        candidates[symbol] = [Candidate(label, f"coverage:{symbol}", None) for label in distinct]
    return candidates


@dataclass(frozen=True)
class _Formula:
    """A normalized formula, its tree, and its sub-formulas by length."""

    label: str
    tree: Row
    runs: dict[int, list[Subformula]]
    origin: str
    group: str | None


def _labels(
    source: SourceParams, formula: _Formula, cells: list[str], generator: random.Random, normalizer: Normalizer
) -> Iterator[str | None]:
    """Labels that a source makes from one formula; None for a failed attempt."""
    if source.multiline and not is_multiline(formula.label.split()):
        return
    count = int(source.rate) + (generator.random() < source.rate % 1)
    if source.kind == "whole":
        yield from [formula.label] * min(1, count)
        return
    for _ in range(count):
        if source.kind == "tables":
            yield _normalize(random_table(cells, generator), normalizer)
            continue
        row: Row | None = formula.tree
        if source.kind in SUBFORMULA_KINDS:
            shortest, longest, _ = generator.choices(source.ranges, list(source.shares.values()))[0]
            row = choose_subformula(formula.runs, shortest, longest, generator)
        if row is not None:
            yield _serialize(row, source.kind != "subformulas", generator, normalizer)


def _serialize(row: Row, randomized: bool, generator: random.Random, normalizer: Normalizer) -> str | None:
    """Label of a row, optionally with other symbols; the row is not changed. None where it is not valid."""
    row = copy_row(row)
    if randomized:
        row = SymbolSubstitution(generator, generator.random() < _CONSISTENT).row(row)
    try:
        return normalizer.write(row)
    except LatexError:
        return None


def _longest(source: SourceParams) -> int:
    return max(longest for _, longest, _ in source.ranges) if source.kind in SUBFORMULA_KINDS else 0


def _cells(formulas: Sequence[_Formula], job: Job) -> list[str]:
    """Short sub-formulas for the cells of tables, half of them with other symbols."""
    cells = []
    for formula in formulas:
        generator = _generator(job, "cells", formula.origin)
        subformula = choose_subformula(formula.runs, 1, _MAX_CELL_TOKENS, generator)
        if subformula is not None:
            label = _serialize(subformula, generator.random() < 0.5, generator, _normalizer(job.normalizer))
            cells += [label] if label else []
    return cells


def _add(batch: Batch, job: Job, name: str, candidate: Candidate) -> None:
    """Add a candidate, or count the reason to drop it; an empty label is a failed attempt."""
    label = candidate.label
    length = label.count(" ") + 1
    key = label_key(label)
    if not label:
        batch.dropped[name, "no_formula"] += 1
    elif length > job.max_tokens:
        batch.dropped[name, "too_long"] += 1
    elif candidate.group is None and (key % 2**32 < job.val_share * 2**32) != (job.split == "val"):
        batch.dropped[name, "other_split"] += 1
    elif key not in job.held_out:
        batch.candidates.append((name, candidate))
    elif length < job.common_below:
        batch.pending.append((name, candidate))
    else:
        batch.dropped[name, "held_out_label"] += 1


def _normalize(text: str, normalizer: Normalizer) -> str | None:
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
