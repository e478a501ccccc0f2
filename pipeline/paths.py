"""Folders of the project: artifacts and reports. The cache: `im2latex.io.project_cache`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout that this code is in."""
DATA = Path("data")
REPORTS = Path("reports")
CODE = REPORTS / "code"
"""The fingerprints that the stage `code` writes."""
