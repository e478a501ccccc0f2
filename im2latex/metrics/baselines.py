"""Baselines: predictions that need no model and no image, to compare scores with.

`empty` predicts nothing; `most_frequent` predicts one training formula for every image; `one_changed` is a copy of
the reference in which one letter, digit or other token is replaced: what the smallest error costs.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.errors import InputError
from im2latex.io.parquet import ROW_GROUP
from im2latex.schemas import PREDICTIONS

IMAGE = "image"
"""The `input` of rows predicted from the image."""

BLANK = "blank"
"""The `input` of rows predicted from a blank image of the same size."""

SEARCH_ALONE = "search_alone"
"""The `input` of rows with the best hypothesis of the beam search, where reranking may have chosen another."""

EMPTY = "empty"
MOST_FREQUENT = "most_frequent"
ONE_CHANGED = "one_changed"
BASELINES = (EMPTY, MOST_FREQUENT, ONE_CHANGED)

_LETTERS = "abdefghijkmnoqstuvwxyz"  # no c, l, r and p, which may be columns of a table
_DIGITS = "0123456789"


def most_frequent(formulas: Iterable[str]) -> str:
    """The formula that occurs most often, the first in order of characters where several do."""
    counts = Counter(formulas)
    if not counts:
        raise InputError("there is no most frequent formula, for the training split is empty; add formulas to it")
    return min(counts, key=lambda formula: (-counts[formula], formula))


def one_changed(formula: str) -> str:
    """The formula with one of its small letters or digits replaced by another, chosen by its hash.

    Without either, one token of any kind becomes `x`, or `y` where it was `x`; the empty string is returned as it is.
    """
    tokens = formula.split()
    if not tokens:
        return ""
    digest = hashlib.sha256(formula.encode("utf-8", "surrogatepass")).digest()
    first, second = int.from_bytes(digest[:8]), int.from_bytes(digest[8:16])
    places = [place for place, token in enumerate(tokens) if token in _LETTERS or token in _DIGITS]
    if places:
        place = places[first % len(places)]
        alphabet = _LETTERS if tokens[place] in _LETTERS else _DIGITS
        others = alphabet.replace(tokens[place], "")
        tokens[place] = others[second % len(others)]
    else:
        place = first % len(tokens)
        tokens[place] = "x" if tokens[place] != "x" else "y"
    return " ".join(tokens)


def with_baselines(predictions: pa.Table, frequent: str, tokens: Mapping[str, str] | None = None) -> pa.Table:
    """Append to PREDICTIONS the rows of the baselines, one for each image and baseline.

    `tokens` maps each reference to its tokens, joined by spaces, where references are not that already.
    """
    images = predictions.filter(pc.equal(predictions["input"], IMAGE))
    guesses: dict[str, Callable[[str], str]] = {
        EMPTY: lambda _: "",
        MOST_FREQUENT: lambda _: frequent,
        ONE_CHANGED: lambda reference: one_changed(tokens[reference] if tokens else reference),
    }
    batches = images.to_batches(max_chunksize=ROW_GROUP)
    guessed = [_guess(batch, name, guess) for name, guess in guesses.items() for batch in batches]
    return pa.concat_tables([predictions, *guessed])


def _guess(images: pa.RecordBatch, name: str, guess: Callable[[str], str]) -> pa.Table:
    """The rows of a baseline for rows of PREDICTIONS."""
    hypotheses = [guess(reference or "") for reference in images["reference"].to_pylist()]
    columns = {column: images[column] for column in ("formula_id", "split", "reference")}
    columns |= {"input": pa.repeat(name, len(images)), "hypothesis": pa.array(hypotheses, pa.string())}
    columns |= {"log_probability": pa.nulls(len(images), pa.float32())}
    return pa.table([columns[column] for column in PREDICTIONS.names], schema=PREDICTIONS)
