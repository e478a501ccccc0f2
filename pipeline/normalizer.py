"""The normalizer of this project, as section `normalize` of params.yaml describes it, for every stage that asks."""

from pydantic import Field

from im2latex.config import Params, load_section
from im2latex.dataset.splits import SplitParams
from im2latex.latex.normalizer import Normalizer, NormalizerParams


class NormalizeParams(Params):
    """Section `normalize` of params.yaml."""

    part_rows: int = Field(ge=1, description="rows of the input in one part")
    normalizer: NormalizerParams
    split: SplitParams


def project_normalizer() -> Normalizer:
    """The normalizer of the data set."""
    return Normalizer(load_section("normalize", NormalizeParams).normalizer)
