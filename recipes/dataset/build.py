"""Dataset builder: inputs to candidates, candidates to labels, labels to files, with a count of each.

reads   the file of shares, params.yaml, the inputs
writes  OUT/NAME.jsonl.gz    a file a source, and coverage, val, test: id, group, split, source, formula (normalized)
        OUT/ledger.json      what came in, what was chosen, what was dropped and why, checksums

The same inputs, file of shares and seed give the same bytes, for any number of workers. Formulas move in chunks, so
memory is bounded by the number of labels wanted.
"""

import gzip
import hashlib
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed

from im2latex.dataset.readers.files import read_file
from im2latex.errors import InputError
from im2latex.latex.normalizer import NormalizerParams
from im2latex.types import BadRow, RawFormula
from recipes.dataset.candidates import Batch, Job, from_formulas, from_grammar, labels_of
from recipes.dataset.config import DatasetParams, InputParams, SourceParams
from recipes.dataset.coverage import lacking, uses
from recipes.dataset.held_out import HeldOut, key
from recipes.dataset.selection import Candidate, Selection
from recipes.dataset.statistics import Statistics

CHUNK = 500
"""Formulas in one piece of work; part of what decides the cells of tables."""
GRAMMAR_CANDIDATES = 1.5
"""Formulas that the grammar writes for each label wanted of it."""

T = TypeVar("T")
Row = RawFormula | BadRow


@dataclass
class Builder:
    """One build. `ledger` grows as it goes on."""

    params: DatasetParams
    normalizer: NormalizerParams
    merges: Mapping[str, str]
    inputs: Path
    workers: int
    ledger: dict[str, Any] = field(default_factory=dict)
    _keys: dict[str, frozenset[int]] = field(default_factory=dict)

    def build(self, out: Path) -> None:
        """Write the dataset; raises `InputError` for an input that is missing or not the one named."""
        self.ledger = {"inputs": {name: self._checked(name, its) for name, its in self.params.inputs.items()}}
        held_out = self._held_out()
        taken: set[str] = set()
        train = self._labels("train", self.params.labels, held_out, taken)
        train["coverage"] = self._coverage(train, held_out, taken)
        val = self._labels("val", self.params.validation.labels, held_out, taken)
        out.mkdir(parents=True, exist_ok=True)
        for old in out.glob("*.jsonl.gz"):
            old.unlink()
        files = {name: _rows(name, "train", labels) for name, labels in train.items()}
        files["val"] = (row for name, labels in val.items() for row in _rows(name, "val", labels))
        files["test"] = self._test()
        self.ledger["files"] = {name: _write(out / f"{name}.jsonl.gz", rows) for name, rows in files.items()}
        text = json.dumps(self.ledger, indent=1, ensure_ascii=False)
        (out / "ledger.json").write_text(text + "\n", encoding="utf-8")

    def _checked(self, name: str, params: InputParams) -> dict[str, Any]:
        """Name, size and checksum of an input."""
        path = self.inputs / params.file
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"{path}: the input {name} cannot be read ({error.strerror}); see --inputs") from None
        if params.sha256 not in (None, digest):
            raise InputError(f"{path}: is not the input {name}: its SHA-256 is {digest}, {params.sha256} is due")
        return {"file": params.file, "sha256": digest}

    def _read(self, name: str) -> Iterator[Row]:
        params = self.params.inputs[name]
        path = self.inputs / params.file
        return read_file(path) if params.column is None else _column(path, params.column)

    def _held_out(self) -> HeldOut:
        """Keys of held-out labels by input, and papers."""
        held_out = HeldOut()
        for name in self.params.held_out.groups:
            held_out.groups.update(row.group for row in self._read(name) if isinstance(row, RawFormula) and row.group)
        for name in self.params.held_out.labels:
            formulas = (row.formula for row in self._read(name) if isinstance(row, RawFormula))
            tasks = (delayed(labels_of)(chunk, self.normalizer) for chunk in _chunks(formulas))
            found = {key(label) for labels in self._parallel(tasks) for label in labels if label is not None}
            self._keys[name] = frozenset(found)
            self.ledger["inputs"][name]["held_out_labels"] = len(found)
        held_out.keys = set().union(*self._keys.values())
        return held_out

    def _labels(self, split: str, wanted: int, held_out: HeldOut, taken: set[str]) -> dict[str, list[Candidate]]:
        """The labels of each source for one split."""
        instead = self.params.validation.inputs if split == "val" else {}
        own = {instead.get(name, name) for name in instead}
        if split == "val":
            keys = frozenset().union(*(found for name, found in self._keys.items() if name not in own))
            held_out = replace(held_out, keys=set(keys), groups=set())
        sources = self.params.sources if wanted else {}
        selections = {
            name: Selection(name, source, wanted, self.params.seed, self.params.fonts)
            for name, source in sources.items()
        }
        pending: list[tuple[str, Candidate]] = []
        for batch in self._batches(split, wanted, sources, instead, held_out):
            pending += batch.pending
            for name, candidate in batch.candidates:
                selections[name].offer(candidate)
            for (name, reason), count in batch.refused.items():
                selections[name].refuse(reason, count)
        common = self._common(pending)
        for name, candidate in pending:
            if candidate.label in common:
                selections[name].offer(candidate)
            else:
                selections[name].refuse("held_out_label")
        chosen, account = {}, {}
        for name, selection in selections.items():
            ranges = selection.choose(taken)
            chosen[name] = [candidate for labels in ranges.values() for candidate in labels]
            account[name] = {
                "candidates": selection.seen,
                "chosen": len(chosen[name]),
                "dropped": dict(sorted(selection.dropped.items())),
                "ranges": {f"{a}-{b}": [len(labels), selection.quotas[a, b]] for (a, b), labels in ranges.items()},
            }
        self.ledger[split] = {"common_held_out_labels": sorted(common), "sources": account}
        return chosen

    def _batches(
        self, split: str, wanted: int, sources: Mapping[str, SourceParams], instead: Mapping[str, str], held: HeldOut
    ) -> Iterator[Batch]:
        """Candidates of every input that a source takes, then of the grammar."""
        job = Job(
            self.params.seed,
            self.normalizer,
            {},
            frozenset(held.keys),
            self.params.max_tokens,
            self.params.held_out.common_below,
            split,
            self.params.validation.share if self.params.validation.labels else 0,
        )
        for name in dict.fromkeys(source.input for source in sources.values() if source.input is not None):
            mine = replace(job, sources={key: source for key, source in sources.items() if source.input == name})
            account: Counter[str] = Counter()
            rows = self._usable(instead.get(name, name), held, account)
            tasks = (delayed(from_formulas)(chunk, mine) for chunk in _chunks(rows))
            whole, before = Statistics(), Statistics()
            for batch in self._parallel(tasks):
                account.update(batch.rejected)
                account["normalized"] += batch.seen - batch.rejected.total()
                whole.merge(batch.whole)
                before.merge(batch.before)
                yield batch
            its = self.ledger["inputs"][instead.get(name, name)]
            its[f"{split} formulas"] = dict(sorted(account.items()))
            if split == "train":
                its["whole"] = whole.summary()
                its["before"] = before.summary() | {"symbols": _ranked(before.symbols)}
        for name, source in sources.items():
            if source.kind == "grammar":
                part = job.val_share if split == "val" else 1 - job.val_share
                count = round(GRAMMAR_CANDIDATES * source.rate * wanted * sum(source.shares.values()) / part)
                mine = replace(job, sources={name: source})
                parts = (range(start, min(count, start + CHUNK)) for start in range(0, count, CHUNK))
                yield from self._parallel(delayed(from_grammar)(name, numbers, mine) for numbers in parts)

    def _usable(self, name: str, held_out: HeldOut, account: Counter[str]) -> Iterator[RawFormula]:
        """The formulas of an input that may be used; the others are counted by reason."""
        used: Counter[str] = Counter()
        share = self.params.inputs[name].share
        for row in self._read(name):
            account["rows"] += 1
            reason = row.reason if isinstance(row, BadRow) else held_out.group_reason(row.group)
            if isinstance(row, RawFormula) and not _falls_within(row.group or row.formula, share):
                reason = "not_in_share"
            if isinstance(row, RawFormula) and reason is None and row.group is not None:
                used[row.group] += 1
                reason = "group_limit" if used[row.group] > self.params.per_group else None
            if reason is not None:
                account[reason] += 1
            elif isinstance(row, RawFormula):
                yield row

    def _common(self, pending: Sequence[tuple[str, Candidate]]) -> set[str]:
        """Short labels that stand in so many papers that they are nobody's."""
        papers: defaultdict[str, set[str]] = defaultdict(set)
        for _, candidate in pending:
            if candidate.group is not None:
                papers[candidate.label].add(candidate.group)
        return {label for label, found in papers.items() if len(found) >= self.params.held_out.common_papers}

    def _coverage(
        self, train: Mapping[str, Sequence[Candidate]], held_out: HeldOut, taken: set[str]
    ) -> list[Candidate]:
        """Labels for the symbols that stand in too few."""
        counts = Statistics.of(one.label for labels in train.values() for one in labels).symbols
        wanted = list(lacking(counts, self.params.coverage, dict(self.merges)).items())
        parts = [wanted[start : start + 10] for start in range(0, len(wanted), 10)]
        keys = frozenset(held_out.keys)
        tasks = (delayed(uses)(part, self.params.seed, self.normalizer, keys) for part in parts)
        chosen: list[Candidate] = []
        still: dict[str, int] = {}
        for found in self._parallel(tasks):
            for symbol, labels in found.items():
                new = [one for one in labels if one.label not in taken]
                taken.update(one.label for one in new)
                chosen += new
                if 0 < counts[symbol] + len(new) < self.params.coverage.least:
                    still[symbol] = counts[symbol] + len(new)
        self.ledger["coverage"] = {"symbols": len(wanted), "labels": len(chosen), "still_lacking": still}
        return chosen

    def _test(self) -> Iterator[dict[str, str]]:
        for test in self.params.test:
            rows = (row for row in self._read(test.input) if isinstance(row, RawFormula))
            for number, row in enumerate(islice(rows, test.count)):
                yield {"id": f"{test.input}:{number}", "split": "test", "source": test.input, "formula": row.formula}

    def _parallel(self, tasks: Iterable[T]) -> Iterator[Any]:
        """Results in the order of the tasks, a few of them under way at a time."""
        yield from Parallel(n_jobs=self.workers, return_as="generator", pre_dispatch="2*n_jobs", batch_size=1)(tasks)


def _falls_within(name: str, share: float) -> bool:
    """Whether a paper, or a formula without one, is of the share that is used."""
    return share >= 1 or zlib.crc32(name.encode()) < share * 2**32


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _column(path: Path, column: str) -> Iterator[Row]:
    """Formulas that stand under another key of a .jsonl file."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            text = json.loads(line).get(column)
            yield (
                RawFormula(text, f"{path.name}:{number}")
                if isinstance(text, str)
                else BadRow(f"{path.name}:{number}", "missing_formula", column)
            )


def _rows(name: str, split: str, labels: Iterable[Candidate]) -> Iterator[dict[str, str]]:
    for number, one in enumerate(labels):
        row = {"id": f"{name}:{number}:{one.origin}", "group": one.group, "split": split, "source": name}
        yield {key: value for key, value in row.items() if value is not None} | {"formula": one.label}


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _write(path: Path, rows: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Write rows with no clock in the bytes; their number, and the SHA-256 of what is inside."""
    digest = hashlib.sha256()
    count = 0
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for row in rows:
            line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
            digest.update(line)
            file.write(line)
            count += 1
    return {"rows": count, "sha256": digest.hexdigest()}
