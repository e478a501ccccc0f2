"""Labels of a training as flat arrays: normalized, tokenized and filtered before transfer.

reads, writes  <folder>/labels.npz       token ids, lengths, style and split of each label
               <folder>/vocabulary.json

The LaTeX of a formula is its tokens joined by spaces, so only token ids are transferred.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError


@dataclass(frozen=True)
class Labels(Sequence[Sequence[int]]):
    """Token ids of each label, without special tokens.

    `flat` uint16 concatenates all ids, `lengths` uint16 (N,) are their counts, `styles` uint8 (N, K) the indices of the
    styles in which the label is rendered in turn, `held_out` bool (N,) marks labels for validation; those are rendered
    in their first style only.
    """

    flat: NDArray[np.uint16]
    lengths: NDArray[np.uint16]
    styles: NDArray[np.uint8]
    held_out: NDArray[np.bool_]
    vocabulary: Vocabulary

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)])

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> Sequence[int]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[int]]: ...

    def __getitem__(self, index: int | slice) -> Sequence[int] | Sequence[Sequence[int]]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        ids: Sequence[int] = self.flat[self._starts[index] : self._starts[index + 1]]  # type: ignore[assignment]
        return ids

    def latex(self, index: int) -> str:
        """The LaTeX of a label."""
        return " ".join(self.vocabulary.decode(map(int, self[index])))

    @cached_property
    def digest(self) -> str:
        """Hash of the dataset: all labels and their styles."""
        arrays = (self.flat, self.lengths, self.styles, self.held_out)
        digest = hashlib.sha256("\n".join(self.vocabulary.tokens).encode())
        for array in arrays:
            digest.update(array.tobytes())
        return digest.hexdigest()

    @classmethod
    def from_lists(
        cls,
        tokens: Sequence[Sequence[int]],
        styles: NDArray[np.uint8],
        held_out: Sequence[bool],
        vocabulary: Vocabulary,
    ) -> "Labels":
        """Labels from lists of token ids; `styles` is (N, K)."""
        return cls(
            np.array([token for row in tokens for token in row], dtype=np.uint16),
            np.array([len(row) for row in tokens], dtype=np.uint16),
            styles,
            np.array(held_out, dtype=np.bool_),
            vocabulary,
        )

    def save(self, folder: Path) -> None:
        """Write both files, uncompressed: the archive is compressed."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "labels.npz", flat=self.flat, lengths=self.lengths, styles=self.styles, held_out=self.held_out
        )
        self.vocabulary.save(folder / "vocabulary.json")

    @classmethod
    def load(cls, folder: Path) -> "Labels":
        """Load both files; raises `ArtifactError` where one is missing or damaged."""
        try:
            with np.load(folder / "labels.npz") as arrays:
                flat, lengths, styles, held_out = (arrays[name] for name in ("flat", "lengths", "styles", "held_out"))
        except (OSError, ValueError, KeyError) as error:
            raise ArtifactError(f"{folder / 'labels.npz'}: not a file of packed labels ({error})") from None
        return cls(flat, lengths, styles, held_out, Vocabulary.load(folder / "vocabulary.json"))
