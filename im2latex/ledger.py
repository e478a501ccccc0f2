"""Ledger of a stage: how many records it saw, kept and dropped, and why; kept + dropped = seen.

writes  reports/ledger/<stage>.json       the counts
        data/<stage>/rejects.parquet      every dropped record with its reason
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from im2latex.io.parquet import TableWriter
from im2latex.schemas import REJECTS

LARGE_SHARE = 0.05
"""A larger share of the records of a stage, dropped for one reason, gets a hint."""

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "unknown_token": "a token is in the vocabulary if it occurs `tokenize.vocabulary.min_frequency` times in the "
        "training split: lower it, name tokens in `tokenize.vocabulary.include`, or set `filter.unknown_tokens: keep`",
        "too_long": "raise `filter.max_tokens`, or `normalize.normalizer.max_characters` in the stage normalize",
        "too_wide": "raise `filter.max_width_px`, or `render.renderer.max_width_px` in the stage render",
        "too_tall": "raise `filter.max_height_px`, or `render.renderer.max_height_px` in the stage render",
        "aspect": "raise `filter.max_aspect`",
        "duplicate": "the corpus repeats formulas; `filter.duplicates: keep` keeps them in their split",
        "leakage": "the corpus has the same formula in several splits; `filter.leakage` says which side loses it",
        "expression": "look at `filter.expression`",
        "not_allowed": "define the commands of your packages in `normalize.normalizer.commands` or custom/macros.tex",
        "undefined_macro": "load the package in `render.renderer.template.packages`, or define the command in "
        "`render.renderer.template.extra_preamble`",
        "timeout": "raise `render.renderer.timeout_seconds`",
        "memory": "raise `render.renderer.memory_mb`",
    }
)
"""What helps, by the reason of the ledger."""


_WAITING_REJECTS = 10_000
"""Rejects that are held until they are written."""


class Ledger:
    """Counts of one stage. `write` refuses counts in which a record is missing: no record is dropped silently.

    The dropped records go to the file `rejects` while the stage runs, and not all of them are in memory.
    """

    def __init__(self, stage: str, rejects: Path) -> None:
        self.stage = stage
        self.seen = 0
        self.kept = 0
        self.dropped: Counter[str] = Counter()
        self._rejects: list[tuple[str | None, str | None, str, str]] = []
        self._path = rejects
        self._writer: TableWriter | None = None

    def add_seen(self, count: int = 1) -> None:
        """Count records that enter the stage."""
        self.seen += count

    def add_kept(self, count: int = 1) -> None:
        """Count records that leave the stage."""
        self.kept += count

    def drop(self, formula_id: str | None, source_id: str | None, reason: str, detail: str = "") -> None:
        """Count one dropped record; `reason` is a fixed short name, `detail` any text."""
        self.dropped[reason] += 1
        self._rejects.append((formula_id, source_id, reason, detail))
        if len(self._rejects) >= _WAITING_REJECTS:
            self._write_rejects()

    def summary(self) -> dict[str, object]:
        """The counts as written to JSON, reasons by falling count."""
        reasons = sorted(self.dropped.items(), key=lambda item: (-item[1], item[0]))
        return {"seen": self.seen, "kept": self.kept, "dropped": self.dropped.total(), "reasons": dict(reasons)}

    def write(self, counts: Path) -> None:
        """Finish the rejects and write the counts; raises `AssertionError` where kept + dropped is not seen."""
        missing = self.seen - self.kept - self.dropped.total()
        if missing:
            raise AssertionError(f"{self.stage}: {missing} of {self.seen} records are neither kept nor dropped")
        self._write_rejects().close()
        counts.parent.mkdir(parents=True, exist_ok=True)
        counts.write_text(json.dumps(self.summary(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def _write_rejects(self) -> TableWriter:
        """Write the rejects that wait, to the file that stays open."""
        self._writer = self._writer or TableWriter(self._path, REJECTS)
        columns: list[tuple[object, ...]] = list(zip(*self._rejects, strict=True)) or [(), (), (), ()]
        self._writer.add(pa.table([pa.array(column, pa.string()) for column in columns], schema=REJECTS))
        self._rejects = []
        return self._writer

    def summary_line(self, unit: str = "") -> str:
        """The counts in one line for people; `unit` is what is counted, such as "predictions"."""
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.dropped.most_common(4))
        more = ", ..." if len(self.dropped) > 4 else ""
        dropped = self.dropped.total()
        return f"{self.stage}: {self.seen:,}{unit and f' {unit}'} seen, {self.kept:,} kept, {dropped:,} dropped" + (
            f" ({reasons}{more})" if dropped else ""
        )

    def hints(self) -> tuple[str, ...]:
        """What helps against the reasons for which this stage drops most."""
        return hints(self.stage, self.seen, self.dropped.most_common())


def hints(stage: str, seen: int, reasons: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """A sentence for every reason that costs a stage a large share of the records that it saw."""
    return tuple(
        f"{reason.replace('_', ' ')} costs {count / seen:.0%} of the records of {stage}: "
        + REMEDIES.get(reason, f"data/{stage}/rejects.parquet has each with its detail")
        for reason, count in reasons
        if count > LARGE_SHARE * seen
    )
