"""The small project of the stages, for recipes that work in one."""

from tests.pipeline.conftest import project, set_params

__all__ = ["project", "set_params"]
