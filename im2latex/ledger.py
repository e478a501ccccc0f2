"""What came in, what was kept, why the rest was dropped: kept + dropped = seen, always.

writes  reports/ledger/<stage>.json       the counts (a DVC metric, so that drops are diffed too)
        data/<stage>/rejects.parquet      every dropped record with its reason
"""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa

from im2latex.io.parquet import write_table
from im2latex.schemas import REJECTS


class Ledger:
    """The account of one stage.

    `see` is told how many records came in; `keep` and `drop` where each went. `close` refuses to balance an
    account in which a record is missing, so that nothing is ever lost in silence.
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.seen = 0
        self.kept = 0
        self.dropped: Counter[str] = Counter()
        self._rejects: list[tuple[str | None, str | None, str, str]] = []

    def see(self, count: int = 1) -> None:
        """Count records that enter the stage."""
        self.seen += count

    def keep(self, count: int = 1) -> None:
        """Count records that leave the stage."""
        self.kept += count

    def drop(self, formula_id: str | None, source_id: str | None, reason: str, detail: str = "") -> None:
        """Record one refusal; `reason` is a fixed short name, `detail` may say anything."""
        self.dropped[reason] += 1
        self._rejects.append((formula_id, source_id, reason, detail))

    def summary(self) -> dict[str, object]:
        """The counts as written to JSON, reasons by falling count."""
        reasons = sorted(self.dropped.items(), key=lambda item: (-item[1], item[0]))
        return {"seen": self.seen, "kept": self.kept, "dropped": self.dropped.total(), "reasons": dict(reasons)}

    def close(self, rejects: Path, counts: Path) -> None:
        """Balance the account and write both files."""
        missing = self.seen - self.kept - self.dropped.total()
        if missing:
            raise AssertionError(f"{self.stage}: {missing} of {self.seen} records are neither kept nor dropped")
        columns: list[tuple[object, ...]] = list(zip(*self._rejects, strict=True)) or [(), (), (), ()]
        table = pa.table([pa.array(column, pa.string()) for column in columns], schema=REJECTS)
        write_table(table, rejects)
        counts.parent.mkdir(parents=True, exist_ok=True)
        counts.write_text(json.dumps(self.summary(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def line(self) -> str:
        """The account in one line for a person."""
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.dropped.most_common(4))
        more = ", ..." if len(self.dropped) > 4 else ""
        dropped = self.dropped.total()
        return f"{self.stage}: {self.seen:,} seen, {self.kept:,} kept, {dropped:,} dropped" + (
            f" ({reasons}{more})" if dropped else ""
        )
