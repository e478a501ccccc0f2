"""Configuration of the dataset builder."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from im2latex.config import Params, check, load_yaml
from im2latex.errors import ParamsError
from im2latex.latex.normalizer import NormalizerParams

Kind = Literal["whole", "subformulas", "randomized", "randomized-subformulas", "tables", "grammar"]
"""How a source makes labels: whole formulas; their sub-formulas; formulas with other symbols; sub-formulas with other
symbols; tables of sub-formulas; formulas of the grammar, with flat symbol frequencies."""
Share = Annotated[float, Field(gt=0, le=1)]
_RANGE = re.compile(r"(\d+)-(\d+)")


class InputParams(Params):
    """An input file of formulas."""

    file: str = Field(description="path below the folder of inputs")
    sha256: str | None = Field(default=None, description="checksum that the file must have; null for any")
    share: Share = Field(default=1, description="share of its papers to use, chosen by hash; for small trials")
    column: str | None = Field(default=None, description="key of the formula in a .jsonl file; null for `formula`")


class SourceParams(Params):
    """A source of labels. `shares` are shares of all labels, by length in tokens."""

    kind: Kind
    input: str | None = Field(default=None, description="name of the input; null for the grammar")
    shares: dict[str, Share] = Field(min_length=1, description="share of all labels by length: {13-45: 0.2}")
    multiline: bool = Field(default=False, description="only labels with several rows")
    even_lengths: bool = Field(
        default=False, description="equal numbers of labels for each length of a range, where there are enough"
    )
    rate: float = Field(default=1, gt=0, description="mean number of candidates from each formula of the input")

    @field_validator("shares")
    @classmethod
    def _are_ranges(cls, shares: dict[str, float]) -> dict[str, float]:
        for text in shares:
            found = _RANGE.fullmatch(text)
            if not found or not 1 <= int(found[1]) <= int(found[2]):
                raise ValueError(f"{text!r}: not a range of lengths; write it as 13-45")
        return shares

    @model_validator(mode="after")
    def _has_input(self) -> "SourceParams":
        if (self.kind == "grammar") == (self.input is not None):
            raise ValueError("input must name an input, or be null for the kind grammar")
        return self

    @property
    def ranges(self) -> list[tuple[int, int, float]]:
        """Shortest label, longest label and share of each range."""
        return [(*map(int, text.split("-")), share) for text, share in self.shares.items()]  # type: ignore[misc]


class FontParams(Params):
    """Limits on font commands in short labels, so that most letters are plain."""

    tokens: int = Field(default=12, ge=1, description="length of the longest short label")
    bold: float = Field(default=0.03, ge=0, le=1, description="largest share of short labels with bold letters")
    any: float = Field(default=0.2, ge=0, le=1, description="largest share of short labels with a letter font")


class HeldOutParams(Params):
    """Labels and papers that are excluded from training."""

    labels: tuple[str, ...] = Field(default=(), description="names of inputs whose labels are excluded")
    groups: tuple[str, ...] = Field(default=(), description="names of inputs whose papers are excluded")
    common_below: int = Field(default=5, ge=1, description="shorter labels are allowed where they are common")
    common_papers: int = Field(default=2, ge=1, description="number of papers from which on such a label is common")


class CoverageParams(Params):
    """Additional labels for symbols that are rare in all sources."""

    min_labels: int = Field(default=200, ge=0, description="labels that contain a symbol, for every symbol")
    min_frequency: int = Field(
        default=20, ge=1, description="labels with a token from which on it is in the vocabulary"
    )
    skip: tuple[str, ...] = Field(default=(), description="symbols without additional labels")


class ValidationParams(Params):
    """Labels of the split val, with the same shares, from other papers."""

    labels: int = Field(default=0, ge=0)
    inputs: dict[str, str] = Field(default={}, description="input that replaces another one: {arxiv: arxiv-val}")
    share: float = Field(
        default=0.02, ge=0, lt=1, description="share of formulas without a paper in val, chosen by hash"
    )


class TestParams(Params):
    """Labels of the split test, unchanged."""

    input: str
    count: int | None = Field(default=None, ge=1, description="number of labels, from the first; null for all")


class DatasetParams(Params):
    """Parameters of a dataset."""

    seed: int = Field(ge=0)
    labels: int = Field(ge=1, description="labels of the split train, without those of `coverage`")
    max_tokens: int = Field(default=200, ge=1, description="length of the longest label")
    per_group: int = Field(default=400, ge=1, description="maximum number of formulas from one paper")
    overrides: str | None = Field(
        default=None, description="file of overrides of params.yaml: normalizer and token merges"
    )
    inputs: dict[str, InputParams]
    held_out: HeldOutParams = HeldOutParams()
    sources: dict[str, SourceParams]
    fonts: FontParams = FontParams()
    coverage: CoverageParams = CoverageParams()
    validation: ValidationParams = ValidationParams()
    test: tuple[TestParams, ...] = ()

    @model_validator(mode="after")
    def _names_are_known(self) -> "DatasetParams":
        names = [source.input for source in self.sources.values()] + [test.input for test in self.test]
        names += [*self.held_out.labels, *self.held_out.groups, *self.validation.inputs.values()]
        for name in names:
            if name is not None and name not in self.inputs:
                raise ValueError(f"{name!r}: not an input; the inputs are {', '.join(self.inputs)}")
        total = sum(share for source in self.sources.values() for share in source.shares.values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of all sources must add up to 1, not {total:.4f}")
        for name in self.sources:
            if not re.fullmatch(r"[a-z0-9-]+", name) or name in ("coverage", "val", "test"):
                raise ValueError(f"{name!r}: not a valid name of a source; use lower-case letters, digits and hyphens")
        return self


def load(path: Path, root: Path) -> tuple[DatasetParams, NormalizerParams, dict[str, str]]:
    """Return the parameters of a recipe, its normalizer (params.yaml at `root` with overrides) and its token merges."""
    params = check(load_yaml(path), DatasetParams, str(path))
    project = load_yaml(root / "params.yaml")
    overrides = load_yaml(path.parent / params.overrides) if params.overrides else {}
    normalizer = project["normalize"]["normalizer"] | overrides.get("normalize", {}).get("normalizer", {})
    merges = overrides.get("tokenize", {}).get("vocabulary", {}).get("token_merges", {})
    if not isinstance(merges, dict):
        raise ParamsError(f"{params.overrides}: tokenize.vocabulary.token_merges must be a mapping")
    for key in ("macros", "rules", "replacements"):
        if normalizer[key]:
            normalizer[key] = str(root / normalizer[key])
    return params, check(normalizer, NormalizerParams, "normalize.normalizer"), merges
