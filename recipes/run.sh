#!/usr/bin/env bash
# Unpack an archive of `python -m recipes.pack` and do the whole run: bash run.sh ARCHIVE
#
# Ends within LIMIT seconds. Where training is not done by then its state is kept, and the same command goes on: exit
# status 75 says so. Results lie in OUT: results.json, curve.jsonl, seconds.tsv, predictions.parquet, weights in pieces;
# the last averaged weights, last/, also of a run that was stopped. For an accelerator: recipes/gpu_10min/run.sh.
set -euo pipefail

archive=$(readlink -f "$1")
LIMIT=${LIMIT:-540}
WORK=${WORK:-/tmp/im2latex-recipe}
PYTHON=${PYTHON:-python3}
OUT=$(mkdir -p "${OUT:-$WORK/out}" && readlink -f "${OUT:-$WORK/out}")
KEPT=${KEPT:-60} # seconds kept for saving the state
NEEDED=${NEEDED:-200} # seconds without which no finished model is examined
LEAST=${LEAST:-30} # seconds below which no training is started

mkdir -p "$WORK"
cd "$WORK"

note() { # note WHAT: how long the step took that has just ended
    printf '%s\t%s\n' "$1" "$((SECONDS - begun))" | tee -a "$WORK/seconds.tsv"
    cp "$WORK/seconds.tsv" "$OUT"
    begun=$SECONDS
}
begun=0

if [ ! -e unpacked ]; then
    "$PYTHON" -m tarfile --extract "$archive" .
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --upgrade --target site-packages wheels/*.whl
    touch unpacked
    note unpack
fi

export PATH="$WORK/tex/bin:$PATH" PYTHONPATH="$WORK/project:$WORK/site-packages${PYTHONPATH:+:$PYTHONPATH}"
export XDG_CACHE_HOME="$WORK/tex/cache" IM2LATEX_CACHE="$WORK/parts" PYTHONUNBUFFERED=1
cd project

for stage in normalize render tokenize filter bucket; do
    if [ ! -e "reports/manifest/$stage.json" ]; then
        "$PYTHON" -m "pipeline.$stage"
        note "$stage"
    fi
done

again() {
    echo "not done within $LIMIT seconds; run the same command again to go on"
    exit 75
}

if [ ! -e data/train/checkpoint.json ]; then
    left=$((LIMIT - KEPT - SECONDS))
    [ "$left" -ge "$LEAST" ] || again
    status=0
    timeout --foreground --signal=TERM --kill-after=$((KEPT / 2)) "$left" "$PYTHON" -m recipes.fit "$WORK/state" || status=$?
    [ ! -e "$WORK/state/curve.jsonl" ] || cp "$WORK/state/curve.jsonl" "$OUT"
    [ ! -e "$WORK/state/last/checkpoint.json" ] || cp -r "$WORK/state/last" "$OUT" # of a run that is not done, too
    note train
    case $status in
    0) ;;
    124 | 137) again ;; # stopped by the clock
    *) exit "$status" ;;
    esac
fi
[ $((LIMIT - SECONDS)) -ge "$NEEDED" ] || again

"$PYTHON" -m recipes.evaluate "$OUT"
note examine
