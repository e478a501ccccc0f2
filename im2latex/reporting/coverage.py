"""How well the vocabulary covers the formulas, from what the tokenize stage left.

reads   <data>/tokenize/vocabulary.json   entries and their counts in the training split
        <data>/tokenize/labels.parquet    records.LABELS, of all splits and before any filter
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.io.parquet import read_table
from im2latex.reporting.breakdown_model import SplitUse, VocabularyUse
from im2latex.types import SPLITS

LEASTS = (5, 10, 20, 50, 100)
"""What counts as seen often enough to be learnt is a matter of taste: five answers."""

_RAREST = 12


def read_coverage(folder: Path) -> VocabularyUse:
    """What is unknown by split and what is rare in training; raises `ArtifactError` where the stage has not run."""
    counts = Vocabulary.load(folder / "vocabulary.json").counts
    labels = read_table(folder / "labels.parquet", ["split", "tokens", "unknown"])
    ranked = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    return VocabularyUse(
        entries=len(counts),
        splits=tuple(_use(split, labels) for split in SPLITS if split in pc.unique(labels["split"]).to_pylist()),
        seen_fewer=tuple((least, sum(count < least for count in counts.values())) for least in LEASTS),
        rarest=tuple(ranked[:_RAREST]),
    )


def _use(split: str, labels: pa.Table) -> SplitUse:
    mine = labels.filter(pc.equal(labels["split"], split))
    unknown, length = mine["unknown"], pc.list_value_length(mine["tokens"])
    return SplitUse(split, mine.num_rows, _sum(pc.greater(unknown, 0)), _sum(length), _sum(unknown))


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)
