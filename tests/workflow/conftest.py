"""The small project of the stages' tests."""

from tests.pipeline.conftest import set_params

__all__ = ["set_params"]
