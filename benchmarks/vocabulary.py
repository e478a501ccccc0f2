"""Effect of spelling text and lengths on the vocabulary: python -m benchmarks.vocabulary FILE ... --help

For each file and `min_frequency`, with and without spelling: vocabulary size, test formulas with unknown tokens
(`lost`), ids per label. Also: frequent texts with their own entries; a small dataset; and whether decoding,
tokenizer.json and the automaton of constrained decoding agree with the labels.

Formulas are ordered by SHA-256 of seed and normalized formula and split into a fitting and a test part. Formulas that
are equal after normalization count once.
"""

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from tokenizers import Tokenizer

from benchmarks.harness import load, save
from im2latex.dataset.hf_tokenizer import save_tokenizer
from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams
from im2latex.errors import LatexError
from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.spelling import spell
from im2latex.latex.tokens import split

MIN_FREQUENCIES = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50)
OWN_ENTRY_FROM = (20, 50, 100, 200)
MAX_TOKENS = 150
"""`filter.max_tokens` of params.yaml."""
SMALL = 387
FIT, TEST = 25_000, 4_132

Row = list[str]


def main(
    files: Annotated[list[Path], typer.Argument(help="formulas: .txt, .jsonl.gz, ...")],
    seed: Annotated[int, typer.Option(help="seed of the split")] = 0,
    name: Annotated[str, typer.Option(help="results/vocabulary-NAME.json")] = "spelling",
) -> None:
    """Measure each file; of a small file, a seventh is the test part."""
    save(f"vocabulary-{name}", {"seed": seed, "datasets": {file.name: _measure(file, seed) for file in files}})


def _measure(file: Path, seed: int) -> dict[str, object]:
    rows = _rows(load(file), seed)
    count = min(len(rows), FIT + TEST)
    cut = FIT if count == FIT + TEST else count - count // 7
    fitting, test = rows[:cut], rows[cut:count]
    found = {
        kind: {
            min_frequency: _figures(_fit(fitting, min_frequency, kind == "spelled"), fitting, test)
            for min_frequency in MIN_FREQUENCIES
        }
        for kind in _KINDS
    }
    spelling = _fit(fitting, 2, True)
    result: dict[str, object] = {"fitted": len(fitting), "tested": len(test), **found}
    result["entries_for_the_same_loss"] = {
        min_frequency: min(
            one["entries"] for one in found["spelled"].values() if one["lost"] <= found["whole"][min_frequency]["lost"]
        )
        for min_frequency in (2, 5, 20)
    }
    result["own_entries"] = {
        min_frequency: _with_own_entries(fitting, test, min_frequency) for min_frequency in OWN_ENTRY_FROM
    }
    result["small"] = {kind: _small(rows[:SMALL], kind == "spelled") for kind in _KINDS}
    result["agreement"] = _agreement(spelling, test)
    result["formulas_encoded_per_second"] = _speed(_fit(fitting, 2, False), spelling, test)
    return result


_KINDS = ("whole", "spelled")


def _rows(formulas: Sequence[str], seed: int) -> list[Row]:
    """Distinct normalized formulas, ordered by hash."""
    normalizer = Normalizer(NormalizerParams())
    distinct = set()
    for formula in formulas:
        try:
            distinct.add(normalizer.normalize(formula))
        except LatexError:
            continue
    return [split(one) for one in sorted(distinct, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).digest())]


def _fit(rows: Sequence[Row], min_frequency: int, spelled: bool, include: Sequence[str] = ()) -> Vocabulary:
    params = VocabularyParams(
        min_frequency=min_frequency, max_size=100_000, symbol_fallback=spelled, include=tuple(include)
    )
    return Vocabulary.fit(rows, params)


def _figures(vocabulary: Vocabulary, fitting: Sequence[Row], test: Sequence[Row]) -> dict[str, float]:
    lengths = np.array([len(vocabulary.encode(row)) for row in (*fitting, *test)])
    lost = sum(vocabulary.unk in vocabulary.encode(row) for row in test)
    return {
        "entries": len(vocabulary),
        "lost": lost,
        "lost_percent": round(100 * lost / len(test), 3),
        "ids_mean": round(float(lengths.mean()), 2),
        "ids_95_percent": int(np.percentile(lengths, 95)),
        "longer_than_150_percent": round(100 * float((lengths > MAX_TOKENS).mean()), 3),
    }


def _with_own_entries(fitting: Sequence[Row], test: Sequence[Row], min_frequency: int) -> dict[str, float]:
    """With spelling, but texts of at least `min_frequency` occurrences have their own entries."""
    counts = Counter(word for row in fitting for word in row if len(spell(word)) > 1)
    frequent = sorted(word for word, count in counts.items() if count >= min_frequency)
    return _figures(_fit(fitting, 2, True, frequent), fitting, test) | {"own_entries": len(frequent)}


def _small(rows: Sequence[Row], spelled: bool) -> dict[str, int]:
    """Lost formulas of a small vocabulary, fitted on four fifths; `by_text` counts those lost because of texts only."""
    vocabulary = _fit(rows[: len(rows) * 4 // 5], 2, spelled)
    known = set(vocabulary.tokens)
    lost = [{symbol for symbol in vocabulary.symbols(row) if symbol not in known} for row in rows]
    by_text = sum(bool(unknown) and all(len(spell(word)) > 1 for word in unknown) for unknown in lost)
    return {"formulas": len(rows), "entries": len(vocabulary), "lost": sum(map(bool, lost)), "by_text": by_text}


def _agreement(vocabulary: Vocabulary, rows: Sequence[Row]) -> dict[str, int]:
    """Numbers of formulas for which the implementations agree; unknown tokens cannot be decoded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        save_tokenizer(vocabulary, path)
        tokenizer = Tokenizer.from_file(str(path))
    ids = [vocabulary.encode(row) for row in rows]
    known = [(row, one) for row, one in zip(rows, ids, strict=True) if vocabulary.unk not in one]
    spelled = [[symbol for word in row for symbol in spell(word)] for row in rows]
    return {
        "formulas": len(rows),
        "with_a_spelled_token": sum(len(one) > len(row) for row, one in zip(rows, spelled, strict=True)),
        "known": len(known),
        "decoded": sum(vocabulary.decode(one) == row for row, one in known),
        "tokenizer_same_ids": sum(
            tokenizer.encode(" ".join(row)).ids == one for row, one in zip(rows, ids, strict=True)
        ),
        "tokenizer_decoded": sum(tokenizer.decode(one) == " ".join(row) for row, one in known),
        "accepted_by_automaton": sum(map(accepts, rows)),
        "accepted_by_automaton_spelled": sum(map(accepts, spelled)),
    }


def _speed(whole: Vocabulary, spelling: Vocabulary, rows: Sequence[Row]) -> dict[str, float]:
    """Formulas per CPU second, best of five alternating rounds, each with an empty cache."""
    best = {id(whole): float("inf"), id(spelling): float("inf")}
    for vocabulary in (whole, spelling) * 5:
        spell.cache_clear()
        began = time.process_time()
        for row in rows:
            vocabulary.encode(row)
        best[id(vocabulary)] = min(best[id(vocabulary)], time.process_time() - began)
    rates = {"whole": len(rows) / best[id(whole)], "spelled": len(rows) / best[id(spelling)]}
    return {**{kind: round(rate) for kind, rate in rates.items()}, "ratio": round(rates["spelled"] / rates["whole"], 3)}


if __name__ == "__main__":
    typer.run(main)
