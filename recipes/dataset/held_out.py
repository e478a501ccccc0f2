"""Labels and papers held out from training, and the split of papers.

reads   papers.txt beside this file; formulas with the name of their paper, as `im2latex extract` writes them
writes  arxiv_formulas_train.jsonl.gz, arxiv_formulas_val.jsonl.gz

Held-out labels keep scores on public test sets fair. Labels are compared without spaces, braces, sizes of delimiters,
styles and final punctuation. A label that equals a held-out one in this form is excluded, with one exception: a label
of fewer than `common_below` tokens in at least `common_papers` papers (`x`, `\\alpha`, `n-1`), because a model needs
single symbols.
"""

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from im2latex.dataset.readers.files import read_file
from im2latex.latex.parser.signatures import COMMANDS, SPACE_COMMANDS, SPACES, STYLE_SWITCHES
from im2latex.types import RawFormula

PAPERS = Path(__file__).with_name("papers.txt")

RESERVED_PERCENT = 5
"""Share of papers that is reserved for evaluation: those with the largest SHA-1(name) % 100."""

_SIZES = frozenset(name for name, kinds in COMMANDS.items() if kinds == "d") | {"\\left", "\\right"}
_IGNORED = SPACES | _SIZES | STYLE_SWITCHES.keys() | {"{", "}"}
_LENGTH = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:pt|mm|cm|in|ex|em|bp|pc|mu)")
_FINAL_PUNCTUATION = frozenset(".,;:")


def label_key(label: str) -> int:
    """64-bit hash of a normalized label, the same for labels that count as equal."""
    tokens = [
        token
        for token in label.split()
        if token not in _IGNORED and token not in SPACE_COMMANDS and not _LENGTH.fullmatch(token)
    ]
    while tokens and tokens[-1] in _FINAL_PUNCTUATION:
        tokens.pop()
    return int.from_bytes(hashlib.blake2b(" ".join(tokens).encode(), digest_size=8).digest(), "big")


def is_reserved(group: str) -> bool:
    """Whether the paper is reserved for evaluation, in every recipe."""
    return int(hashlib.sha1(group.encode(), usedforsecurity=False).hexdigest(), 16) % 100 >= 100 - RESERVED_PERCENT


@dataclass
class HeldOut:
    """Keys of held-out labels, and names of held-out papers."""

    keys: set[int] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)

    def add_labels(self, labels: Iterable[str]) -> None:
        """Add normalized labels."""
        self.keys.update(map(label_key, labels))

    def group_reason(self, group: str | None) -> str | None:
        """Reason to reject the formulas of a paper, or None."""
        if group is None:
            return None
        return "reserved_paper" if is_reserved(group) else "held_out_paper" if group in self.groups else None


def paper_key(paper: str) -> str:
    """Key of a paper in papers.txt."""
    return hashlib.sha1(paper.encode(), usedforsecurity=False).hexdigest()[:8]


def read_paper_splits(path: Path = PAPERS) -> dict[str, str]:
    """Split of each listed paper, by its key."""
    splits: dict[str, str] = {}
    split = ""
    for line in path.read_text(encoding="ascii").splitlines():
        if line.endswith(":"):
            split = line[:-1]
        elif not line.startswith("#"):
            splits |= dict.fromkeys(line.split(), split)
    return splits


def split_by_paper(formulas: Path, out: Path, papers: dict[str, str]) -> Counter[str]:
    """Write the formulas of listed papers by split; returns their counts, and those of rejected ones by reason."""
    counts: Counter[str] = Counter()
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = {}
        for split in ("train", "val"):
            raw = stack.enter_context((out / f"arxiv_formulas_{split}.jsonl.gz").open("wb"))
            files[split] = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))
        for row in read_file(formulas):
            if not isinstance(row, RawFormula) or row.group is None:
                counts["unreadable"] += 1
            elif is_reserved(row.group):
                counts["reserved_paper"] += 1
            elif (split := papers.get(paper_key(row.group), "")) not in files:
                counts["unlisted_paper"] += 1
            else:
                counts[split] += 1
                values = {"id": row.source_id, "paper": row.group, "formula": row.formula}
                files[split].write((json.dumps(values, ensure_ascii=False) + "\n").encode())
    return counts
