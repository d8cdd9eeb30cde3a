#!/usr/bin/env bash
# Brings OBS Studio, a display without a screen, and the loopback shim to this machine. Debian or Ubuntu, root or sudo.
# Safe to run again: what is there is kept.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=ops/env.sh
. "$here/../../env.sh"

# ffmpeg receives streams and reads what was recorded.
readonly PACKAGES=(obs-studio xvfb gcc libc6-dev ffmpeg)
readonly SHIM="$IF_CACHE/peers/obs/loopback_bind.so"

say() { printf 'peers/obs: %s\n' "$*"; }
die() {
    printf 'peers/obs: error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf 'peers/obs: hint: %s\n' "$2" >&2
    exit 1
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "packages are missing and this is neither root nor is sudo there" "as root: apt-get install ${PACKAGES[*]}"
    fi
}

system_packages() {
    command -v dpkg-query >/dev/null || die "this script knows Debian and Ubuntu only" \
        "install OBS Studio 28 or later, Xvfb and gcc by hand"
    local missing=() package
    for package in "${PACKAGES[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
    if [ "${#missing[@]}" = 0 ]; then
        say "system packages: all ${#PACKAGES[@]} there"
        return
    fi
    say "system packages: installing ${missing[*]} (OBS Studio is some 80 MB to download)"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# obs-websocket 5 came with OBS Studio 28.
websocket_plugin() {
    # Ubuntu's own package has the plugins apart; dpkg fails for a package that is not there.
    local files
    files="$(dpkg -L obs-studio obs-plugins 2>/dev/null || true)"
    grep -q '/obs-websocket\.so$' <<<"$files" ||
        die "the obs-studio of this distribution has no obs-websocket" "OBS Studio 28 or later is needed"
}

shim() {
    if [ "$SHIM" -nt "$here/loopback_bind.c" ]; then
        say "loopback shim: there"
        return
    fi
    mkdir -p "$(dirname "$SHIM")"
    local scratch
    scratch="$(mktemp "$SHIM.XXXXXX")"
    gcc -std=c11 -O2 -Wall -Wextra -Werror -shared -fPIC -o "$scratch" "$here/loopback_bind.c" -ldl
    mv "$scratch" "$SHIM"
    say "loopback shim: $SHIM"
}

system_packages
websocket_plugin
shim
say "$(dpkg-query -W -f='OBS Studio ${Version}' obs-studio)"
