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
    "$@" </dev/null >/dev/null 2>&1 && return
    case " ${debian[*]-} " in *" $on_debian "*) ;; *) debian+=("$on_debian") ;; esac
    case " ${homebrew[*]-} " in *" $on_macos "*) ;; *) homebrew+=("$on_macos") ;; esac
}
latex_has() { [ -n "$(kpsewhich "$1" 2>/dev/null)" ]; }
library() {
    if [ "$system" = Darwin ]; then
        ls "${MAGICK_HOME:-$(brew --prefix)}"/lib/"$1"*.dylib
    else
        { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep "$1"
    fi
}

python=${PYTHON:-python3}
need git git command -v git
need python3 python command -v "$python"
need python3-venv python "$python" -c 'import ensurepip, venv'
while read -r on_debian on_macos group checks; do
    case "$on_debian" in '' | '#'*) continue ;; esac
    [ "$group" = setup ] || [ "$group" = "${1:-}" ] || continue
    for check in $checks; do
        case "$check" in
        program:*) need "$on_debian" "$on_macos" command -v "${check#*:}" ;;
        library:*) need "$on_debian" "$on_macos" library "${check#*:}" ;;
        tex:*) need "$on_debian" "$on_macos" latex_has "${check#*:}" ;;
        esac
    done
done <"${BASH_SOURCE[0]%/*}/../im2latex/sandbox/system_packages.txt"

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
