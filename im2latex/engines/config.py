"""What prediction needs to know of a model beside its weights: vocabulary, shapes, settings of its images."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, field_validator

from im2latex.config import Params, check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError, ParamsError
from im2latex.types import Shape

MAX_PIXELS = 4_000_000
"""Largest shape of a model, to which images are padded."""
MAX_TOKENS = 100_000


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """Vocabulary, buckets of the training, and settings of its images: dpi, downsample, padding_px."""

    vocabulary: Vocabulary
    shapes: list[Shape]
    images: Mapping[str, int] = field(default_factory=dict)

    @property
    def max_tokens(self) -> int:
        """Length of the longest formula in training, at which decoding stops."""
        return max(shape.tokens for shape in self.shapes)


def read_config(folder: Path) -> InferenceConfig:
    """The configuration in checkpoint.json of a folder; raises `ArtifactError` where it is missing or damaged."""
    path = folder / "checkpoint.json"
    try:
        return check(json.loads(path.read_text(encoding="utf-8")), ConfigContent, str(path)).inference_config()
    except (ArtifactError, ParamsError, OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error}); export the checkpoint again") from None


class VocabularyContent(Params):
    """A vocabulary in a file."""

    tokens: list[str]
    counts: dict[str, int] = Field(default={})
    merges: dict[str, str] | None = None


class ShapeContent(Params):
    """A bucket of the training in a file."""

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    tokens: int = Field(ge=1, le=MAX_TOKENS)

    @field_validator("width")
    @classmethod
    def _has_at_most_max_pixels(cls, width: int, values: Any) -> int:
        if values.data.get("height", 1) * width > MAX_PIXELS:
            raise ValueError(f"a shape has at most {MAX_PIXELS:,} pixels")
        return width


class ConfigContent(Params):
    """An `InferenceConfig` in a file; keys that a later version adds are ignored."""

    model_config = ConfigDict(extra="ignore")

    vocabulary: VocabularyContent
    images: dict[str, int] = Field(default={})
    shapes: list[ShapeContent] = Field(min_length=1)

    @field_validator("images")
    @classmethod
    def _images_have_a_size(cls, images: dict[str, int]) -> dict[str, int]:
        for name, least, most in (("dpi", 10, 10_000), ("downsample", 1, 100), ("padding_px", 0, 1000)):
            if not least <= images.get(name, least) <= most:
                raise ValueError(f"{name} is between {least} and {most:,}")
        return images

    def inference_config(self) -> InferenceConfig:
        """The configuration; raises `ArtifactError` where the vocabulary is none."""
        known = self.vocabulary
        return InferenceConfig(
            Vocabulary(known.tokens, known.counts, known.merges),
            [Shape(one.height, one.width, one.tokens) for one in self.shapes],
            self.images,
        )
