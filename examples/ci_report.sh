#!/usr/bin/env bash
# What a CI job does with a branch: examples/ci_report.sh [BASE]
#
# Checks the code, rebuilds what the branch changed, proves the artifacts, and writes what became of every score since
# BASE to scores.md, for a pull request. reports/report.html is the page to keep.
set -eu
cd "$(dirname "$0")/.."
base=${1:-origin/main}

make test
make repro
export PATH="$PWD/.venv/bin:$PATH"
im2latex verify
dvc metrics diff --md "$base" workspace > scores.md
cat scores.md
im2latex gate "$base" # fails where a score is significantly worse
