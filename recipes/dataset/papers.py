"""Split of formulas by the list of papers of the dataset.

reads   formulas with the name of their paper, as `im2latex extract` writes them; papers.txt beside this file
writes  arxiv_formulas_train.jsonl.gz, arxiv_formulas_val.jsonl.gz
"""

import gzip
import hashlib
import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from im2latex.dataset.readers.files import read_file
from im2latex.types import RawFormula
from recipes.dataset.held_out import is_reserved

LIST = Path(__file__).with_name("papers.txt")


def name_of(paper: str) -> str:
    """How the list names a paper."""
    return hashlib.sha1(paper.encode(), usedforsecurity=False).hexdigest()[:8]


def read_list(path: Path = LIST) -> dict[str, str]:
    """The split of each paper on the list."""
    splits: dict[str, str] = {}
    split = ""
    for line in path.read_text(encoding="ascii").splitlines():
        if line.endswith(":"):
            split = line[:-1]
        elif not line.startswith("#"):
            splits |= dict.fromkeys(line.split(), split)
    return splits


def divide(formulas: Path, out: Path, papers: dict[str, str]) -> Counter[str]:
    """Write the formulas of listed papers by split; the counts of formulas, those left out by reason."""
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
            elif (split := papers.get(name_of(row.group), "")) not in files:
                counts["unlisted_paper"] += 1
            else:
                counts[split] += 1
                values = {"id": row.source_id, "paper": row.group, "formula": row.formula}
                files[split].write((json.dumps(values, ensure_ascii=False) + "\n").encode())
    return counts
