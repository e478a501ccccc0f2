"""Where the corpus lies that params.yaml names."""

from pathlib import Path

from im2latex.errors import ParamsError
from im2latex.params import load_yaml
from pipeline.stage import DATA


def corpus_folder() -> Path:
    """The folder or file of the corpus; raises `ParamsError` where params.yaml names none."""
    name = load_yaml(Path("params.yaml")).get("corpus")
    if not isinstance(name, str) or not name:
        raise ParamsError("params.yaml: corpus must name a folder under data/raw, such as 'sample'")
    return DATA / "raw" / name
