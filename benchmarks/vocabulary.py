"""Effect of spelling text and lengths on the vocabulary: python -m benchmarks.vocabulary FILE ... --help

For each file and least count, with and without spelling: entries, formulas of the test part that hold something unknown
(`lost`), ids of a label. Also: what it would be if frequent wordings kept entries of their own; a small dataset; and
that decoding, tokenizer.json and the automaton of constrained decoding agree with the labels.

The parts are chosen by SHA-256 of the seed and the normalized formula: the first go to the fitting part. Formulas that
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

MIN_COUNTS = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50)
OWN_ENTRY_FROM = (20, 50, 100, 200)
LONG = 150
"""The longest label that params.yaml keeps, in ids."""
SMALL = 387
FIT, TEST = 25_000, 4_132

Row = list[str]


def main(
    files: Annotated[list[Path], typer.Argument(help="formulas: .txt, .jsonl.gz, ...")],
    seed: Annotated[int, typer.Option(help="decides the parts")] = 0,
    name: Annotated[str, typer.Option(help="results/vocabulary-NAME.json")] = "spelling",
) -> None:
    """Measure each file; of one with fewer formulas than are to be fitted and tested, a seventh is tested."""
    save(f"vocabulary-{name}", {"seed": seed, "datasets": {file.name: _measured(file, seed) for file in files}})


def _measured(file: Path, seed: int) -> dict[str, object]:
    rows = _rows(load(file), seed)
    count = min(len(rows), FIT + TEST)
    cut = FIT if count == FIT + TEST else count - count // 7
    fitting, test = rows[:cut], rows[cut:count]
    found = {kind: {least: _sized(fitting, test, least, kind == "spelled") for least in MIN_COUNTS} for kind in _KINDS}
    spelling = _fit(fitting, 2, True)
    result: dict[str, object] = {"fitted": len(fitting), "tested": len(test), **found}
    result["entries_for_the_same_loss"] = {
        least: min(one["entries"] for one in found["spelled"].values() if one["lost"] <= found["whole"][least]["lost"])
        for least in (2, 5, 20)
    }
    result["own_entries"] = {least: _with_own_entries(fitting, test, least) for least in OWN_ENTRY_FROM}
    result["small"] = {kind: _small(rows[:SMALL], kind == "spelled") for kind in _KINDS}
    result["agreement"] = _agreement(spelling, test)
    result["formulas_encoded_per_second"] = _speed(_fit(fitting, 2, False), spelling, test)
    return result


_KINDS = ("whole", "spelled")


def _rows(formulas: Sequence[str], seed: int) -> list[Row]:
    """Normalized formulas, each once, by rising hash."""
    normalizer = Normalizer(NormalizerParams())
    kept = set()
    for formula in formulas:
        try:
            kept.add(normalizer.normalize(formula))
        except LatexError:
            continue
    return [split(one) for one in sorted(kept, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).digest())]


def _fit(rows: Sequence[Row], least: int, spelled: bool, include: Sequence[str] = ()) -> Vocabulary:
    params = VocabularyParams(min_frequency=least, max_size=100_000, symbol_fallback=spelled, include=tuple(include))
    return Vocabulary.fit(rows, params)


def _sized(fitting: Sequence[Row], test: Sequence[Row], least: int, spelled: bool) -> dict[str, float]:
    return _figures(_fit(fitting, least, spelled), fitting, test)


def _figures(vocabulary: Vocabulary, fitting: Sequence[Row], test: Sequence[Row]) -> dict[str, float]:
    lengths = np.array([len(vocabulary.encode(row)) for row in (*fitting, *test)])
    lost = sum(vocabulary.unk in vocabulary.encode(row) for row in test)
    return {
        "entries": len(vocabulary),
        "lost": lost,
        "lost_percent": round(100 * lost / len(test), 3),
        "ids_mean": round(float(lengths.mean()), 2),
        "ids_95_percent": int(np.percentile(lengths, 95)),
        "longer_than_150_percent": round(100 * float((lengths > LONG).mean()), 3),
    }


def _with_own_entries(fitting: Sequence[Row], test: Sequence[Row], least: int) -> dict[str, float]:
    """At a least count of 2, wordings with at least `least` occurrences as entries of their own."""
    counts = Counter(word for row in fitting for word in row if len(spell(word)) > 1)
    frequent = sorted(word for word, count in counts.items() if count >= least)
    return _figures(_fit(fitting, 2, True, frequent), fitting, test) | {"own_entries": len(frequent)}


def _small(rows: Sequence[Row], spelled: bool) -> dict[str, int]:
    """A vocabulary of few formulas, four fifths for fitting: how many of all are lost, how many to wordings alone."""
    vocabulary = _fit(rows[: len(rows) * 4 // 5], 2, spelled)
    known = set(vocabulary.tokens)
    lost = [{symbol for symbol in vocabulary.symbols(row) if symbol not in known} for row in rows]
    by_wording = sum(bool(unknown) and all(len(spell(word)) > 1 for word in unknown) for unknown in lost)
    return {"formulas": len(rows), "entries": len(vocabulary), "lost": sum(map(bool, lost)), "by_wording": by_wording}


def _agreement(vocabulary: Vocabulary, rows: Sequence[Row]) -> dict[str, int]:
    """Formulas for which all is as it should be; unknown symbols cannot come back."""
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
        "read_by_the_automaton": sum(map(accepts, rows)),
        "read_by_the_automaton_spelled": sum(map(accepts, spelled)),
    }


def _speed(whole: Vocabulary, spelling: Vocabulary, rows: Sequence[Row]) -> dict[str, float]:
    """Processor time, the best of five rounds of each, taking turns; nothing is remembered from round to round."""
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
