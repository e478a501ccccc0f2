#!/usr/bin/env bash
# System programs the pipeline needs: finds what is missing and installs it with apt-get, as root or through sudo.
# Elsewhere, or without either, it prints what to install and stops. Does nothing, quickly, where all is there.
# setup/system.sh styles: also the fonts and dvipng that further looks may name (590 MB to fetch, 1.7 GB on disk).
set -eu

missing=()
need() { # need PACKAGE COMMAND...: the Debian package is wanted unless the command succeeds
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
latex_has() { [ -n "$(kpsewhich "$1" 2>/dev/null)" ]; }
library() { ldconfig -p 2>/dev/null | grep -q "$1" || /sbin/ldconfig -p 2>/dev/null | grep -q "$1"; }

python=${PYTHON:-python3}
need git command -v git
need python3 command -v "$python"
need python3-venv "$python" -c 'import ensurepip, venv'
need texlive-latex-base command -v pdflatex
need texlive-latex-recommended latex_has mathtools.sty
need texlive-fonts-recommended latex_has rsfs10.pfb
need ghostscript command -v gs
need imagemagick library libMagickWand
need poppler-utils command -v pdftoppm
if [ "${1:-}" = styles ]; then
    need dvipng command -v dvipng
    need texlive-fonts-extra latex_has stix2.sty
    need texlive-latex-extra latex_has fontaxes.sty
    need texlive-plain-generic latex_has xstring.sty
    need lmodern latex_has lmodern.sty
fi

if [ ${#missing[@]} -gt 0 ]; then
    list="${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "These are missing, by their Debian names: $list. Install your system's packages of them, then run make again." >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then
        as_root=(env)
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=(sudo env)
    else
        echo "These packages are missing: $list. Ask an administrator for: apt-get install $list; then run make again." >&2
        exit 1
    fi
    echo "Installing $list"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old: Python 3.11 or newer is needed. Install one and run: make PYTHON=python3.11" >&2
    exit 1
fi
