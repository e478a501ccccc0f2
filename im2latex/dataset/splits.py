"""Assignment of formulas to the train, validation and test splits by a seeded hash.

The split of a formula depends neither on the order of the rows, nor on the size of a part, nor on other formulas.
"""

import hashlib
from typing import Annotated

from pydantic import Field, model_validator

from im2latex.config import Params
from im2latex.types import Split

Share = Annotated[float, Field(ge=0, le=1)]


class SplitParams(Params):
    """Shares of the held-out splits; the rest is the training split."""

    seed: int = Field(default=1, ge=0, description="seed of the hash; another seed gives another partition")
    val: Share = 0.08
    test: Share = 0.12

    @model_validator(mode="after")
    def _leave_training(self) -> "SplitParams":
        if self.val + self.test >= 1:
            raise ValueError("val + test must be below 1, or nothing is left to train on")
        return self


def split_of(key: str, params: SplitParams) -> Split:
    """Return the split of everything that shares `key`: a paper's name, else the normalized formula."""
    digest = hashlib.sha256(f"{params.seed}\0{key}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < params.test:
        return "test"
    return "val" if position < params.test + params.val else "train"


def precedence(group: str | None) -> str:
    """Rank of a group among those that hold the same formula: the lowest keeps it, whatever the order of the rows."""
    return hashlib.sha256((group or "").encode()).hexdigest()
