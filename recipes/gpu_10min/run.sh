#!/usr/bin/env bash
# Train from an archive of `python -m recipes.gpu_10min.pack`: bash run.sh ARCHIVE [STATE]
#
# Ends within LIMIT seconds with weights in OUT/state; STATE is such a folder of an earlier run, or a checkpoint folder
# such as im2latex/pretrained, to go on from. A second call on the same machine finds what is unpacked and drawn.
# OPTIONS go to recipes.gpu_10min.train, as `-S batches.max_images=384`. recipes/README.md has the plan of the minutes.
set -euo pipefail

code=$(readlink -f "$(dirname "$0")/../..") # of this checkout, which is on the machine in any case
archive=$(readlink -f "$1")
start=${2:+$(readlink -f "$2")}
LIMIT=${LIMIT:-570}
WORK=${WORK:-/tmp/im2latex-gpu}
PYTHON=${PYTHON:-python3}
OUT=$(mkdir -p "${OUT:-$WORK/out}" && readlink -f "${OUT:-$WORK/out}")
FIRST=${FIRST:-60000}     # images at which training begins
RESERVE=${RESERVE:-20}    # seconds kept for the last validation
GRACE=${GRACE:-10}        # seconds between the request to stop and the kill, both before LIMIT
until=$(($(date +%s) + LIMIT - GRACE))

mkdir -p "$WORK"
if [ ! -e "$WORK/unpacked" ]; then
    rm -rf "$WORK/unpacking"
    mkdir "$WORK/unpacking"
    "$PYTHON" -m tarfile --extract "$archive" "$WORK/unpacking"
    # `site-packages`: the sandbox lets a worker process import from folders of that name only
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --upgrade \
        --target "$WORK/unpacking/site-packages" "$WORK/unpacking/wheels/"*.whl
    mv "$WORK/unpacking" "$WORK/unpacked"
fi
echo "unpacked after $SECONDS s"

export PATH="$WORK/unpacked/tex/bin:$PATH"
export PYTHONPATH="$code:$WORK/unpacked/site-packages${PYTHONPATH:+:$PYTHONPATH}"
export XDG_CACHE_HOME="$WORK/unpacked/tex/cache" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
cd "$WORK/unpacked/project"

# In the foreground: `timeout` then asks the training alone to stop, which ends the processes that draw.
exec timeout --foreground --signal=TERM --kill-after="$GRACE" $((LIMIT - GRACE - SECONDS)) \
    "$PYTHON" -m recipes.gpu_10min.train "$OUT" "$WORK/images" --until "$until" --first "$FIRST" --reserve "$RESERVE" \
    ${start:+--start "$start"} ${OPTIONS:-}
