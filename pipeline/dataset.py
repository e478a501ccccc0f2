"""Where the dataset lies that params.yaml names."""

from pathlib import Path

from im2latex.config import RENAMED_KEYS, load_yaml
from im2latex.errors import ParamsError
from pipeline.stage import DATA


def dataset_folder() -> Path:
    """The folder or file of the dataset; raises `ParamsError` where params.yaml names none."""
    params = load_yaml(Path("params.yaml"))
    if "corpus" in params:
        raise ParamsError(f"params.yaml: corpus is named {RENAMED_KEYS['corpus']} now; rename it")
    name = params.get("dataset")
    if not isinstance(name, str) or not name:
        raise ParamsError("params.yaml: dataset must name a folder under data/raw, such as 'sample'")
    return DATA / "raw" / name
