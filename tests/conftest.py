"""Markers of all tests: those that need TeX are skipped where it is missing, those that train are marked `trains`."""

import os
import shutil
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import settings

settings.register_profile("no_deadline", deadline=None)  # on a busy machine, time proves nothing
settings.load_profile("no_deadline")

_TRAINING = ("Run", "Trainer", "train", "train_cpu")
"""What a test module imports in order to train a model."""
_DECODES = "MemoryMappedDataset"
"""What a test module imports in order to decode a split into the cache."""
_STAGES = "project"
"""The fixture of tests that run stages of the pipeline, the training among them."""
_FOLDERS = ("IM2LATEX_CACHE", "IM2LATEX_STATE")
"""Variables that name the folders of caches and of training runs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [program for program in ("pdftex", "gs") if shutil.which(program) is None]
    skip = pytest.mark.skip(reason=f"{' and '.join(missing)} not installed")
    for item in items:
        if missing and item.get_closest_marker("needs_tex"):
            item.add_marker(skip)
        module = getattr(item, "module", None)
        if _STAGES in getattr(item, "fixturenames", ()) or any(hasattr(module, name) for name in _TRAINING):
            item.add_marker("trains")


@pytest.fixture(autouse=True)
def environment_restored() -> Iterator[None]:
    """The environment of a test: without the caller's folders, and restored after it.

    A test may run code that sets variables, such as a notebook.
    """
    with patch.dict(os.environ):
        for name in _FOLDERS:
            os.environ.pop(name, None)
        yield


@pytest.fixture(autouse=True)
def decoded_elsewhere(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The cache of a test that decodes toy splits: else it would replace what a checkout has decoded."""
    decodes = "shards" in request.fixturenames or hasattr(request.module, _DECODES)
    if decodes and _STAGES not in request.fixturenames:
        monkeypatch.setenv("IM2LATEX_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
