"""Names of the pipeline's stages, from dvc.yaml: the one place that lists them.

reads  <project>/dvc.yaml
"""

from pathlib import Path

import yaml

from im2latex.errors import InputError

GRAPH = "dvc.yaml"
_NOT_A_STEP = "code"
"""The stage that fingerprints the code of the others: it has no section in params.yaml and no data."""


def read_stage_names(project: Path = Path()) -> list[str]:
    """The stages that have a section in params.yaml, in the order of dvc.yaml, in which each follows its inputs.

    Raises `InputError` where the project has no dvc.yaml, or one without stages.
    """
    path = project / GRAPH
    try:
        stages = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["stages"]
        return [str(name) for name in stages if name != _NOT_A_STEP]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the root of the repository") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no stages can be read from it: {' '.join(str(error).split())}") from None
