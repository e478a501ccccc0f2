"""The Slurm script, with substitutes for the programs of Slurm and for torchrun."""

import os
import subprocess
from pathlib import Path

from torch.distributed.run import parse_args

from pipeline.paths import ROOT

SCRIPT = ROOT / "examples" / "train_on_nodes.sbatch"
PROGRAMS = {
    "scontrol": 'test "$*" = "show hostnames node-[7-8]" && echo node-7 && echo node-8',
    "srun": 'for rank in 0 1; do SLURM_NODEID=$rank "$@"; done',
    "torchrun": 'kill -USR1 $$; echo "$IM2LATEX_STATE" "$@"',  # the signal of Slurm ends no torchrun
}


def test_each_node_starts_a_process_for_each_of_its_gpus(tmp_path: Path) -> None:
    for name, line in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{line}\n")
        (tmp_path / name).chmod(0o755)
    slurm = {"JOB_NODELIST": "node-[7-8]", "NNODES": "2", "GPUS_ON_NODE": "4", "SUBMIT_DIR": str(tmp_path)}
    environment = {key: value for key, value in os.environ.items() if key != "IM2LATEX_STATE"}
    environment |= {f"SLURM_{key}": value for key, value in slurm.items()}
    environment["PATH"] = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    for rank, line in enumerate(done.stdout.splitlines()):
        state, *arguments = line.split()
        options = parse_args(arguments)  # type: ignore[no-untyped-call]
        assert state == str(tmp_path / ".cache")
        assert (options.nnodes, options.node_rank, options.nproc_per_node) == ("2", rank, "4")
        assert (options.master_addr, options.master_port) == ("node-7", 29500)
        assert options.module
        assert options.training_script == "pipeline.train"
    assert len(done.stdout.splitlines()) == 2
