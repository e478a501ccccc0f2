#!/usr/bin/env bash
# Install the system programs that the pipeline needs: finds what is missing and installs it with apt-get, as root or
# through sudo. Without apt-get or without the right to use it, prints what to install, on macOS by its Homebrew names,
# and exits with 1. Does nothing, quickly, where nothing is missing.
# setup/system.sh styles: also the fonts and dvipng that styles may name (590 MB to download, 1.7 GB on disk).
set -eu

system=$(uname)
debian=() homebrew=()
need() { # need DEBIAN_PACKAGE HOMEBREW_PACKAGE COMMAND...: the package is missing unless the command succeeds
    local on_debian=$1 on_macos=$2
    shift 2
    "$@" >/dev/null 2>&1 && return
    debian+=("$on_debian")
    case " ${homebrew[*]-} " in *" $on_macos "*) ;; *) homebrew+=("$on_macos") ;; esac
}
latex_has() { [ -n "$(kpsewhich "$1" 2>/dev/null)" ]; }
magick_wand() { # the shared library that wand loads
    if [ "$system" = Darwin ]; then
        ls "${MAGICK_HOME:-$(brew --prefix)}"/lib/libMagickWand*.dylib
    else
        { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep libMagickWand
    fi
}

python=${PYTHON:-python3}
need git git command -v git
need python3 python command -v "$python"
need python3-venv python "$python" -c 'import ensurepip, venv'
need texlive-latex-base texlive command -v pdflatex
need texlive-latex-recommended texlive latex_has mathtools.sty
need texlive-fonts-recommended texlive latex_has rsfs10.pfb
need ghostscript ghostscript command -v gs
need imagemagick imagemagick magick_wand
need poppler-utils poppler command -v pdftoppm
if [ "${1:-}" = styles ]; then
    need dvipng texlive command -v dvipng
    need texlive-fonts-extra texlive latex_has stix2.sty
    need texlive-latex-extra texlive latex_has fontaxes.sty
    need texlive-plain-generic texlive latex_has xstring.sty
    need lmodern texlive latex_has lmodern.sty
fi

if [ ${#debian[@]} -gt 0 ]; then
    list="${debian[*]}"
    if [ "$system" = Darwin ]; then
        echo "These are missing. Run: brew install ${homebrew[*]}; then run make again." >&2
        exit 1
    fi
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
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${debian[@]}"
fi

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old: Python 3.11 or newer is needed. Install one and run: make PYTHON=python3.11" >&2
    exit 1
fi
