"""Tests that run TeX are skipped, with the reason, where there is none; no property test is a stopwatch."""

import shutil

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [program for program in ("pdftex", "gs") if shutil.which(program) is None]
    if not missing:
        return
    skip = pytest.mark.skip(reason=f"{' and '.join(missing)} not installed")
    for item in items:
        if item.get_closest_marker("needs_tex"):
            item.add_marker(skip)
