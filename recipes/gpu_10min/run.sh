#!/usr/bin/env bash
# Train from an archive of `python -m recipes.gpu_10min.pack`: bash run.sh ARCHIVE [STATE]
#
# Ends within LIMIT seconds with weights in OUT/state; STATE is such a folder of an earlier run, or a checkpoint folder
# such as im2latex/pretrained. A second call on the same machine reuses the unpacked files and the rendered images.
# OPTIONS are passed to recipes.gpu_10min.train, such as `-S batches.max_images=384`. See recipes/README.md.
set -euo pipefail

code=$(readlink -f "$(dirname "$0")/../..") # this checkout, which is on the machine too
archive=$(readlink -f "$1")
start=${2:+$(readlink -f "$2")}
LIMIT=${LIMIT:-570}
WORK=${WORK:-/tmp/im2latex-gpu}
PYTHON=${PYTHON:-python3}
OUT=$(mkdir -p "${OUT:-$WORK/out}" && readlink -f "${OUT:-$WORK/out}")
MIN_IMAGES=${MIN_IMAGES:-60000} # rendered images at which training starts
RESERVE=${RESERVE:-20}          # seconds for the final save and validation
GRACE=${GRACE:-10}              # seconds between SIGTERM and SIGKILL, both before LIMIT
until=$(($(date +%s) + LIMIT - GRACE))

mkdir -p "$WORK"
if [ ! -e "$WORK/unpacked" ]; then
    rm -rf "$WORK/unpacking"
    mkdir "$WORK/unpacking"
    "$PYTHON" -m tarfile --extract "$archive" "$WORK/unpacking"
    # `site-packages`: sandboxed workers may import from folders of this name only
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --upgrade \
        --target "$WORK/unpacking/site-packages" "$WORK/unpacking/wheels/"*.whl
    mv "$WORK/unpacking" "$WORK/unpacked"
fi
echo "unpacked after $SECONDS s"

export PATH="$WORK/unpacked/tex/bin:$PATH"
export PYTHONPATH="$code:$WORK/unpacked/site-packages${PYTHONPATH:+:$PYTHONPATH}"
export XDG_CACHE_HOME="$WORK/unpacked/tex/cache" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
cd "$WORK/unpacked/project"

# --foreground: `timeout` signals the training only, which ends the render processes itself.
exec timeout --foreground --signal=TERM --kill-after="$GRACE" $((LIMIT - GRACE - SECONDS)) \
    "$PYTHON" -m recipes.gpu_10min.train "$OUT" "$WORK/images" --until "$until" --min-images "$MIN_IMAGES" \
    --reserve "$RESERVE" ${start:+--start "$start"} ${OPTIONS:-}
