"""Labels of a training as flat arrays: normalized, tokenized and filtered before transfer.

reads, writes  <folder>/labels.npz       token ids, lengths, style and split of each label
               <folder>/vocabulary.json

A formula's text is its tokens with one space between them: TeX draws that, so that no text has to travel.
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
    """Token ids of each label by its number, without marks.

    `flat` uint16 holds all ids one after the other, `lengths` uint16 how many each label has, `styles` uint8 (N, K) the
    styles of the recipe it is drawn in, one after the other, `held_out` bool whether it is validated on instead of
    trained on; such a label is drawn in its first style only.
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
    def __getitem__(self, number: int) -> Sequence[int]: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Sequence[int]]: ...

    def __getitem__(self, number: int | slice) -> Sequence[int] | Sequence[Sequence[int]]:
        if isinstance(number, slice):
            return [self[place] for place in range(*number.indices(len(self)))]
        ids: Sequence[int] = self.flat[self._starts[number] : self._starts[number + 1]]  # type: ignore[assignment]
        return ids

    def text(self, number: int) -> str:
        """The formula that TeX draws."""
        return " ".join(self.vocabulary.decode(map(int, self[number])))

    @cached_property
    def digest(self) -> str:
        """A hash of all labels and the styles they are drawn in, which names the data set."""
        parts = (self.flat, self.lengths, self.styles, self.held_out)
        whole = hashlib.sha256("\n".join(self.vocabulary.tokens).encode())
        for part in parts:
            whole.update(part.tobytes())
        return whole.hexdigest()

    @classmethod
    def of(
        cls,
        tokens: Sequence[Sequence[int]],
        styles: NDArray[np.uint8],
        held_out: Sequence[bool],
        vocabulary: Vocabulary,
    ) -> "Labels":
        """Labels from lists of ids; `styles` (N, K)."""
        return cls(
            np.array([token for row in tokens for token in row], dtype=np.uint16),
            np.array([len(row) for row in tokens], dtype=np.uint16),
            styles,
            np.array(held_out, dtype=np.bool_),
            vocabulary,
        )

    def save(self, folder: Path) -> None:
        """Write both files; the archive they go into is what is compressed."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "labels.npz", flat=self.flat, lengths=self.lengths, styles=self.styles, held_out=self.held_out
        )
        self.vocabulary.save(folder / "vocabulary.json")

    @classmethod
    def load(cls, folder: Path) -> "Labels":
        """Read what `save` wrote; raises `ArtifactError` where it is missing or damaged."""
        try:
            with np.load(folder / "labels.npz") as arrays:
                flat, lengths, styles, held_out = (arrays[name] for name in ("flat", "lengths", "styles", "held_out"))
        except (OSError, ValueError, KeyError) as error:
            raise ArtifactError(f"{folder / 'labels.npz'}: no packed labels ({error})") from None
        return cls(flat, lengths, styles, held_out, Vocabulary.load(folder / "vocabulary.json"))
