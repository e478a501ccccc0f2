"""Dataset builder: inputs to candidates, candidates to labels, labels to files, with counts of each step.

reads   the configuration (mixture.yaml), params.yaml, the inputs
writes  OUT/NAME.jsonl.gz    for each source, coverage, val, test: id, group, split, source, formula (normalized)
        OUT/ledger.json      counts of inputs, of chosen labels, of dropped candidates by reason; checksums

The same inputs, configuration and seed give the same bytes for any number of workers. Formulas are processed in chunks,
so memory is bounded by the number of labels to choose.
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
from recipes.dataset.candidates import (
    Batch,
    Job,
    from_formulas,
    from_grammar,
    from_symbols,
    missing_labels,
    normalize_all,
)
from recipes.dataset.config import DatasetParams, InputParams, SourceParams
from recipes.dataset.held_out import HeldOut, label_key
from recipes.dataset.selection import Candidate, Selection
from recipes.dataset.statistics import Statistics

CHUNK = 500
"""Formulas per task. The cells of tables come from one chunk, so the size is part of the result."""
GRAMMAR_CANDIDATES = 1.5
"""Formulas that the grammar generates for each label to choose."""

T = TypeVar("T")
Row = RawFormula | BadRow


@dataclass
class Builder:
    """A build; `ledger` is filled on the way."""

    params: DatasetParams
    normalizer: NormalizerParams
    merges: Mapping[str, str]
    inputs: Path
    workers: int
    ledger: dict[str, Any] = field(default_factory=dict)
    _keys: dict[str, frozenset[int]] = field(default_factory=dict)

    def build(self, out: Path) -> None:
        """Write the dataset; raises `InputError` for an input that is missing or has another checksum."""
        self.ledger = {"inputs": {name: self._verify(name, one) for name, one in self.params.inputs.items()}}
        held_out = self._held_out()
        taken: set[str] = set()
        train = self._labels("train", self.params.labels, held_out, taken)
        train["coverage"] = self._coverage(train, held_out, taken)
        val = self._labels("val", self.params.validation.labels, held_out, taken)
        out.mkdir(parents=True, exist_ok=True)
        for stale in out.glob("*.jsonl.gz"):
            stale.unlink()
        files = {name: _rows(name, "train", labels) for name, labels in train.items()}
        files["val"] = (row for name, labels in val.items() for row in _rows(name, "val", labels))
        files["test"] = self._test()
        self.ledger["files"] = {name: _write(out / f"{name}.jsonl.gz", rows) for name, rows in files.items()}
        text = json.dumps(self.ledger, indent=1, ensure_ascii=False)
        (out / "ledger.json").write_text(text + "\n", encoding="utf-8")

    def _verify(self, name: str, params: InputParams) -> dict[str, Any]:
        """File and checksum of an input, after a comparison with the configured one."""
        path = self.inputs / params.file
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(
                f"{path}: cannot read the input {name} ({error.strerror}); set its folder with --inputs"
            ) from None
        if params.sha256 not in (None, digest):
            raise InputError(f"{path}: not the input {name}: its SHA-256 is {digest}, expected {params.sha256}")
        return {"file": params.file, "sha256": digest}

    def _read(self, name: str) -> Iterator[Row]:
        params = self.params.inputs[name]
        path = self.inputs / params.file
        return read_file(path) if params.column is None else _column(path, params.column)

    def _held_out(self) -> HeldOut:
        """Keys of held-out labels, and held-out papers."""
        held_out = HeldOut()
        for name in self.params.held_out.groups:
            held_out.groups.update(row.group for row in self._read(name) if isinstance(row, RawFormula) and row.group)
        for name in self.params.held_out.labels:
            formulas = (row.formula for row in self._read(name) if isinstance(row, RawFormula))
            tasks = (delayed(normalize_all)(chunk, self.normalizer) for chunk in _chunks(formulas))
            found = {label_key(label) for labels in self._parallel(tasks) for label in labels if label is not None}
            self._keys[name] = frozenset(found)
            self.ledger["inputs"][name]["held_out_labels"] = len(found)
        held_out.keys = set().union(*self._keys.values())
        return held_out

    def _labels(self, split: str, count: int, held_out: HeldOut, taken: set[str]) -> dict[str, list[Candidate]]:
        """Choose the labels of each source for one split."""
        replacements = self.params.validation.inputs if split == "val" else {}
        own = set(replacements.values())
        if split == "val":
            keys = frozenset().union(*(found for name, found in self._keys.items() if name not in own))
            held_out = replace(held_out, keys=set(keys), groups=set())
        sources = self.params.sources if count else {}
        selections = {
            name: Selection(name, source, count, self.params.seed, self.params.fonts)
            for name, source in sources.items()
        }
        pending: list[tuple[str, Candidate]] = []
        for batch in self._batches(split, count, sources, replacements, held_out):
            pending += batch.pending
            for name, candidate in batch.candidates:
                selections[name].offer(candidate)
            for (name, reason), number in batch.dropped.items():
                selections[name].count_dropped(reason, number)
        common = self._common(pending)
        for name, candidate in pending:
            if candidate.label in common:
                selections[name].offer(candidate)
            else:
                selections[name].count_dropped("held_out_label")
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
        self,
        split: str,
        count: int,
        sources: Mapping[str, SourceParams],
        replacements: Mapping[str, str],
        held_out: HeldOut,
    ) -> Iterator[Batch]:
        """Candidates from every input that a source uses, then from the grammar."""
        job = Job(
            self.params.seed,
            self.normalizer,
            {},
            frozenset(held_out.keys),
            self.params.max_tokens,
            self.params.held_out.common_below,
            split,
            self.params.validation.share if self.params.validation.labels else 0,
        )
        for name in dict.fromkeys(source.input for source in sources.values() if source.input is not None):
            input_name = replacements.get(name, name)
            input_job = replace(job, sources={key: one for key, one in sources.items() if one.input == name})
            account: Counter[str] = Counter()
            rows = self._usable(input_name, held_out, account)
            tasks = (delayed(from_formulas)(chunk, input_job) for chunk in _chunks(rows))
            whole, before = Statistics(), Statistics()
            for batch in self._parallel(tasks):
                account.update(batch.rejected)
                account["normalized"] += batch.seen - batch.rejected.total()
                whole.merge(batch.whole)
                before.merge(batch.before)
                yield batch
            entry = self.ledger["inputs"][input_name]
            entry[f"{split} formulas"] = dict(sorted(account.items()))
            if split == "train":
                entry["whole"] = whole.summary()
                entry["before"] = before.summary() | {"symbols": _ranked(before.symbols)}
        for name, source in sources.items():
            if source.kind == "grammar":
                part = job.val_share if split == "val" else 1 - job.val_share
                total = round(GRAMMAR_CANDIDATES * source.rate * count * sum(source.shares.values()) / part)
                input_job = replace(job, sources={name: source})
                chunks = (range(start, min(total, start + CHUNK)) for start in range(0, total, CHUNK))
                yield from self._parallel(delayed(from_grammar)(name, numbers, input_job) for numbers in chunks)

    def _usable(self, name: str, held_out: HeldOut, account: Counter[str]) -> Iterator[RawFormula]:
        """The usable formulas of an input; the others are counted by reason."""
        used: Counter[str] = Counter()
        share = self.params.inputs[name].share
        for row in self._read(name):
            account["rows"] += 1
            reason = row.reason if isinstance(row, BadRow) else held_out.group_reason(row.group)
            if isinstance(row, RawFormula) and not _is_in_share(row.group or row.formula, share):
                reason = "not_in_share"
            if isinstance(row, RawFormula) and reason is None and row.group is not None:
                used[row.group] += 1
                reason = "group_limit" if used[row.group] > self.params.per_group else None
            if reason is not None:
                account[reason] += 1
            elif isinstance(row, RawFormula):
                yield row

    def _common(self, pending: Sequence[tuple[str, Candidate]]) -> set[str]:
        """Short labels that occur in at least `common_papers` papers."""
        papers: defaultdict[str, set[str]] = defaultdict(set)
        for _, candidate in pending:
            if candidate.group is not None:
                papers[candidate.label].add(candidate.group)
        return {label for label, found in papers.items() if len(found) >= self.params.held_out.common_papers}

    def _coverage(
        self, train: Mapping[str, Sequence[Candidate]], held_out: HeldOut, taken: set[str]
    ) -> list[Candidate]:
        """Additional labels for symbols in too few labels."""
        counts = Statistics.from_labels(one.label for labels in train.values() for one in labels).symbols
        missing = list(missing_labels(counts, self.params.coverage, dict(self.merges)).items())
        chunks = [missing[start : start + 10] for start in range(0, len(missing), 10)]
        keys = frozenset(held_out.keys)
        tasks = (delayed(from_symbols)(chunk, self.params.seed, self.normalizer, keys) for chunk in chunks)
        chosen: list[Candidate] = []
        still_missing: dict[str, int] = {}
        for found in self._parallel(tasks):
            for symbol, labels in found.items():
                new = [one for one in labels if one.label not in taken]
                taken.update(one.label for one in new)
                chosen += new
                if 0 < counts[symbol] + len(new) < self.params.coverage.min_labels:
                    still_missing[symbol] = counts[symbol] + len(new)
        self.ledger["coverage"] = {"symbols": len(missing), "labels": len(chosen), "still_missing": still_missing}
        return chosen

    def _test(self) -> Iterator[dict[str, str]]:
        for test in self.params.test:
            rows = (row for row in self._read(test.input) if isinstance(row, RawFormula))
            for number, row in enumerate(islice(rows, test.count)):
                yield {"id": f"{test.input}:{number}", "split": "test", "source": test.input, "formula": row.formula}

    def _parallel(self, tasks: Iterable[T]) -> Iterator[Any]:
        """Yield results in the order of the tasks, with a bounded number of tasks in flight."""
        yield from Parallel(n_jobs=self.workers, return_as="generator", pre_dispatch="2*n_jobs", batch_size=1)(tasks)


def _is_in_share(name: str, share: float) -> bool:
    """Whether a paper, or a formula without one, is in the share to use, by its hash."""
    return share >= 1 or zlib.crc32(name.encode()) < share * 2**32


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _column(path: Path, column: str) -> Iterator[Row]:
    """Formulas of another column of a .jsonl file."""
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
    """Write rows without a time stamp; returns their number and the SHA-256 of the uncompressed bytes."""
    digest = hashlib.sha256()
    count = 0
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for row in rows:
            line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
            digest.update(line)
            file.write(line)
            count += 1
    return {"rows": count, "sha256": digest.hexdigest()}
