"""Labels and papers held out from training, so that scores on public test sets stay fair.

A label is compared by what it prints, loosely: without spaces, braces, sizes of delimiters, styles and the punctuation
at its end. Every label that equals a held-out one in this way is excluded, whatever its length, but for one case: a
label of fewer than `common_below` tokens that stands in `common_papers` papers of the inputs or more (`x`, `\\alpha`,
`n-1`), since nobody can learn to read without single symbols.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from im2latex.latex.parser.signatures import COMMANDS, SPACE_COMMANDS, SPACES, STYLE_SWITCHES

RESERVED_PERCENT = 5
"""Papers that are kept for scoring and never used: those with SHA-1(name) % 100 in the last so many."""

_SIZES = frozenset(name for name, kinds in COMMANDS.items() if kinds == "d") | {"\\left", "\\right"}
_SILENT = SPACES | _SIZES | STYLE_SWITCHES.keys() | {"{", "}"}
_LENGTH = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:pt|mm|cm|in|ex|em|bp|pc|mu)")
_AT_THE_END = frozenset(".,;:")


def key(label: str) -> int:
    """64 bits that equal labels share; `label` is normalized."""
    tokens = [
        token
        for token in label.split()
        if token not in _SILENT and token not in SPACE_COMMANDS and not _LENGTH.fullmatch(token)
    ]
    while tokens and tokens[-1] in _AT_THE_END:
        tokens.pop()
    return int.from_bytes(hashlib.blake2b(" ".join(tokens).encode(), digest_size=8).digest(), "big")


def is_reserved(group: str) -> bool:
    """Whether the paper is kept for scoring, here and in every other recipe."""
    return int(hashlib.sha1(group.encode(), usedforsecurity=False).hexdigest(), 16) % 100 >= 100 - RESERVED_PERCENT


@dataclass
class HeldOut:
    """Keys of held-out labels, and names of held-out papers."""

    keys: set[int] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)

    def add_labels(self, labels: Iterable[str]) -> None:
        """Exclude normalized labels."""
        self.keys.update(map(key, labels))

    def group_reason(self, group: str | None) -> str | None:
        """Why formulas of this paper are not used, if so."""
        if group is None:
            return None
        return "reserved_paper" if is_reserved(group) else "held_out_paper" if group in self.groups else None
