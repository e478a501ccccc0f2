#!/usr/bin/env bash
# The published benchmark, from its formula lists to a trained model and its report.
#
# Arguments go to DVC, so that every number of params.yaml can be another:
#     examples/rebuild_im2latex_100k.sh -S train.preset=wygiwys-paper -S trainer.accelerator=gpu
set -eu
cd "$(dirname "$0")/.."
make setup
export PATH="$PWD/.venv/bin:$PATH"

im2latex download im2latex-100k
dvc exp run -S dataset=im2latex-100k -S train.budget.samples=1000000 -S train.budget.minutes=60 "$@"
im2latex verify
cat reports/report.md
