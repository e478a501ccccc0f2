"""JSON and JSON Lines files that a stage wrote; a damaged file raises `ArtifactError`."""

import json
from pathlib import Path
from typing import Any

from im2latex.errors import ArtifactError


def read_json(path: Path, command: str = "dvc repro") -> dict[str, Any]:
    """Read a JSON object that a stage wrote; raises `ArtifactError`, naming the command that makes it anew."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such artifact; run `{command}`") from None
    except UnicodeDecodeError:
        raise ArtifactError(f"{path}: damaged; remove it and run `{command}`") from None
    return parse_json(text, str(path), command)


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON objects, one a line; raises `ArtifactError` as `read_json`."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise ArtifactError(f"{path}: damaged; remove it and run `dvc repro`") from None
    return [parse_json(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line]


def parse_json(text: str, name: str, command: str = "dvc repro") -> dict[str, Any]:
    """The JSON object in a text from the artifact `name`; raises `ArtifactError` as `read_json`."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise ArtifactError(f"{name}: damaged; remove it and run `{command}`") from None
    if not isinstance(content, dict):
        raise ArtifactError(f"{name}: holds no JSON object; remove it and run `{command}`")
    return content
