"""Types that the packages share and that need neither torch nor pyarrow."""

from dataclasses import dataclass
from typing import Literal, get_args

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class RawFormula:
    """One row of a user's file. `place` is its position there, for messages only; `image` the path of its image."""

    formula: str
    place: str
    source_id: str | None = None
    group: str | None = None
    split: Split | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row of a user's file that holds no readable formula."""

    place: str
    reason: str
    detail: str
    source_id: str | None = None
