"""Where the dataset lies that params.yaml names."""

from pathlib import Path

from im2latex.config import load_yaml
from im2latex.errors import ParamsError
from pipeline.stage import DATA


def dataset_folder() -> Path:
    """The folder or file of the dataset; raises `ParamsError` where params.yaml names none."""
    name = load_yaml(Path("params.yaml")).get("dataset")
    if not isinstance(name, str) or not name:
        raise ParamsError("params.yaml: dataset must name a folder under data/raw, such as 'sample'")
    return DATA / "raw" / name
