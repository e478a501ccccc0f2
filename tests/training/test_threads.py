"""How OpenMP's threads wait is settled before torch, and its library of threads, are loaded."""

import os
import subprocess
import sys

import pytest

from pipeline.paths import ROOT

SHOW = "import os, sys, {module}; print(os.environ.get('OMP_WAIT_POLICY'), 'torch' in sys.modules)"


@pytest.mark.parametrize("module", ["im2latex.training", "recipes"])
@pytest.mark.parametrize(
    ("given", "policy"),
    [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"), ({"GOMP_SPINCOUNT": "9"}, "None")],
    ids=str,
)
def test_threads_that_wait_sleep_unless_the_user_says_otherwise(
    module: str, given: dict[str, str], policy: str
) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-c", SHOW.format(module=module)]
    done = subprocess.run(command, env=environment | given | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.stdout.split() == [policy, "False"], done.stderr
