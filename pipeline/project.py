"""The dataset and the normalizer of this project, as params.yaml describes them, for every stage that needs them."""

from pathlib import Path

from pydantic import Field

from im2latex.config import RENAMED_KEYS, Params, load_section, load_yaml
from im2latex.dataset.splits import SplitParams
from im2latex.errors import ParamsError
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from pipeline.paths import DATA


class NormalizeParams(Params):
    """Section `normalize` of params.yaml."""

    part_rows: int = Field(default=2000, ge=1, description="rows of the input in one part")
    normalizer: NormalizerParams = NormalizerParams()
    split: SplitParams = SplitParams()


def dataset_folder() -> Path:
    """The folder or file of the dataset that params.yaml names; raises `ParamsError` where it names none."""
    params = load_yaml(Path("params.yaml"))
    if "corpus" in params:
        raise ParamsError(f"params.yaml: corpus is named {RENAMED_KEYS['corpus']} now; rename it")
    name = params.get("dataset")
    if not isinstance(name, str) or not name:
        raise ParamsError("params.yaml: dataset must name a folder under data/raw, such as 'sample'")
    return DATA / "raw" / name


def project_normalizer() -> Normalizer:
    """The normalizer of the dataset."""
    return Normalizer(load_section("normalize", NormalizeParams).normalizer)
