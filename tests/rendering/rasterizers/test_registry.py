"""The registry, its names for type checkers, and the table of packages agree."""

from typing import get_args

import pytest

from im2latex.rendering.rasterizers.registry import RASTERIZERS, RasterizerName
from im2latex.sandbox.system_packages import packages_of


def test_names_agree() -> None:
    assert tuple(RASTERIZERS) == get_args(RasterizerName)
    assert all(rasterizer.name == name for name, rasterizer in RASTERIZERS.items())


@pytest.mark.parametrize("name", RASTERIZERS)
def test_every_program_has_its_packages(name: RasterizerName) -> None:
    rasterizer = RASTERIZERS[name]
    assert all(packages_of(program) for program in rasterizer.programs)
    assert {package.group for package in packages_of(*rasterizer.programs)} <= {
        "styles" if rasterizer.optional else "setup"
    }
    assert rasterizer.programs or rasterizer.wheels
    assert rasterizer.remedy()
