"""JSON artifacts that the page is made of."""

import json
from pathlib import Path
from typing import Any

from im2latex.errors import ArtifactError


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; raises `ArtifactError` where there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such artifact; run `dvc repro`") from None
    except ValueError:
        raise ArtifactError(f"{path}: damaged; remove it and run `dvc repro`") from None
    return content
