"""Stand-ins for the work on one part: a table of images without TeX, and normalizing that only splits into tokens."""

import hashlib
import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from im2latex.io.project_cache import cache_root
from im2latex.parallel.part_cache import PartCache
from im2latex.rendering.dataset_images import DATASET_IMAGES
from pipeline.normalize import VERDICTS

_LEXEME = re.compile(r"\\(?:[A-Za-z]+|.)|\S", re.DOTALL)
_PRINTS_NOTHING = frozenset(["{", "}", r"\left", r"\right", r"\,", "~"])
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c63f80f00010101001bb6ee5600000000"
    "49454e44ae426082"
)
"""One pixel."""
_REFUSED_OF = 64
"""One formula of so many has no image."""


class FakeRenderer:
    """A row of DATASET_IMAGES for each formula: its size and pixel hash follow from the text, its pixels do not."""

    def __call__(self, formulas: Sequence[str]) -> pa.Table:
        """The same for the same formulas."""
        return pa.Table.from_pylist([self._row(formula) for formula in formulas], schema=DATASET_IMAGES)

    def _row(self, formula: str) -> dict[str, object]:
        printed = [token for token in formula.split() if token not in _PRINTS_NOTHING]
        digest = hashlib.sha256(" ".join(printed).encode()).hexdigest()
        if int(digest[-8:], 16) % _REFUSED_OF == 0:
            return {"reason": "timeout", "detail": "as if it took too long"}
        return {
            "image_id": hashlib.sha256(formula.encode()).hexdigest()[:32],
            "pixel_hash": digest[:32],
            "width": 16 + 9 * len(printed) + int(digest[:2], 16) % 9,
            "height": 24 + 20 * (r"\frac" in printed) + 12 * (r"\sum" in printed) + int(digest[2:4], 16) % 7,
            "image": {"bytes": _PNG, "path": None},
        }


class FakeNormalizer:
    """A table of VERDICTS: the lexemes of each formula with one space between them; an empty one is refused."""

    def __call__(self, formulas: Sequence[str]) -> pa.Table:
        """The same for the same formulas."""
        rows = [self._row(" ".join(_LEXEME.findall(formula))) for formula in formulas]
        return pa.Table.from_pylist(rows, schema=VERDICTS)

    def _row(self, latex: str) -> dict[str, object]:
        return {"latex": latex, "replaced": []} if latex else {"reason": "empty", "detail": ""}


def replace_renderer() -> dict[str, dict[str, Any]]:
    """What replaces names of the stage render, so that it draws nothing and needs no TeX."""
    cache = PartCache(cache_root(), "render", {"renderer": "fake"})
    fakes: dict[str, Any] = {
        "tool_versions": lambda _params: {},
        "create_renderer": lambda _params: SimpleNamespace(identity="fake"),
        "_work": lambda _params: {"base": FakeRenderer(), "given": FakeRenderer()},
        "_cache": lambda _work: cache,
    }
    return {"render": fakes}


def replace_normalizer() -> dict[str, dict[str, Any]]:
    """What replaces names of the stage normalize, so that it only splits formulas."""
    cache = PartCache(cache_root(), "normalize", {"normalizer": "fake"})
    return {"normalize": {"NormalizePart": lambda _params: FakeNormalizer(), "_cache": lambda _params: cache}}
