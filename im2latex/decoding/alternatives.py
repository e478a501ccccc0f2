"""Edits of a formula by one token, where the model is least sure: substitutions, insertions, deletions.

Shape letters: N formulas, T tokens, V entries of the vocabulary.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.engines.base import Engine, LogProbabilities, Memory

Tokens = tuple[int, ...]

_ALTERNATIVES = 6
"""Entries per place that are tried: the most probable ones."""
_SPACES = (r"\,", r"\:", r"\;", r"\!", "~", r"\quad", r"\qquad", r"\nobreakspace")
"""Spaces are tried for each other everywhere: they differ by a pixel, and the model can be sure of a wrong one."""
_SPACE_COST = 3.0
_DELETION_COST = 7.0
"""Costs, in nats, of edits that the model does not propose; they decide in which order edits are tried."""


def log_probabilities(engine: Engine, memory: Memory, formulas: Sequence[Sequence[int]]) -> list[LogProbabilities]:
    """Log probabilities (T + 1, V) of each entry at each place of formulas of one encoded image."""
    tokens = np.full((len(formulas), 1 + max(map(len, formulas))), Vocabulary.eos)
    tokens[:, 0] = Vocabulary.bos
    for row, formula in zip(tokens, formulas, strict=True):
        row[1 : 1 + len(formula)] = formula
    scores = engine.score(memory, tokens)
    return [row[: len(formula) + 1] for row, formula in zip(scores, formulas, strict=True)]


def log_probability(scores: LogProbabilities, formula: Sequence[int]) -> float:
    """Log probability of a formula and its end from the `log_probabilities` (T + 1, V) at its places."""
    return float(scores[np.arange(len(scores)), [*formula, Vocabulary.eos]].sum())


class FormulaEdits:
    """The edits of formulas by one token of a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._spaces = [index for index, token in enumerate(vocabulary.tokens) if token in _SPACES]

    def best(self, formula: Tokens, scores: LogProbabilities, count: int) -> list[Tokens]:
        """The most promising edits of a formula with these `log_probabilities` (T + 1, V), best first."""
        costs: dict[Tokens, float] = {}
        for edited, cost in self._edits(formula, scores):
            if edited != formula and cost < costs.get(edited, float("inf")):
                costs[edited] = cost
        return list(islice(sorted(costs, key=costs.__getitem__), count))

    def _edits(self, formula: Tokens, scores: LogProbabilities) -> Iterator[tuple[Tokens, float]]:
        """Edits with their costs in nats: what the model prefers at the place to what the edit puts there."""
        targets = (*formula, Vocabulary.eos)
        top = np.argsort(-scores, axis=1, kind="stable")[:, :_ALTERNATIVES]
        best = np.take_along_axis(scores, top, axis=1)
        for place, (entries, values) in enumerate(zip(top.tolist(), best.tolist(), strict=True)):
            before, after, is_end = formula[:place], formula[place + 1 :], place == len(formula)
            own = float(scores[place, targets[place]])
            for entry, value in zip(entries, values, strict=True):
                if entry in (Vocabulary.pad, Vocabulary.bos, Vocabulary.unk):
                    continue
                cost = own - value
                if entry == Vocabulary.eos:
                    yield before, cost
                    continue
                yield (*before, entry, *formula[place:]), cost
                if not is_end:
                    yield (*before, entry, *after), cost
                if after and entry == after[0]:
                    yield (*before, *after), cost
            if not is_end:
                is_space = formula[place] in self._spaces
                yield (*before, *after), _SPACE_COST if is_space else _DELETION_COST
                yield from (((*before, space, *after), _SPACE_COST) for space in self._spaces if is_space)
