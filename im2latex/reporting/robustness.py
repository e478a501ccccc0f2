"""How the model fares on images spoilt in other ways than it is trained on, where that was measured.

reads   <reports>/robustness.json   {"checkpoint": SHA-256 of model.safetensors, "conditions": [{"name", "n",
                                    "image_exact", "bleu", "of_clean"}, ...]}

The measurement is long and no stage makes it. The repository holds the file, empty until something is measured, so that
it can be a dependency of the report and a new measurement makes a new page; a run without DVC may do without. It names
the checkpoint that it is of, and shows on no other model's page.
"""

from pathlib import Path

from im2latex.io.json_files import read_json
from im2latex.reporting.breakdown_model import Condition


def read_conditions(path: Path, weights: str | None) -> tuple[Condition, ...]:
    """The conditions of the weights with that SHA-256; none where those that were measured are another model's."""
    measured = read_json(path, "git checkout reports/robustness.json") if path.is_file() else {}
    if weights is None or measured.get("checkpoint") != weights:
        return ()
    return tuple(
        Condition(one["name"], one["n"], one["image_exact"], one["bleu"], one["of_clean"])
        for one in measured["conditions"]
    )
