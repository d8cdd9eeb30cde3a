# shellcheck shell=bash
# What the install scripts of peers share. Sourced by them; `peer` is the name of the peer.
# shellcheck source=ops/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../env.sh"

# Longest wait for another run of the same script, seconds.
readonly LOCK_WAIT_S=1200

say() { printf 'peers/%s: %s\n' "${peer:?}" "$*"; }
die() {
    printf 'peers/%s: error: %s\n' "${peer:?}" "$1" >&2
    [ -z "${2:-}" ] || printf 'peers/%s: hint: %s\n' "$peer" "$2" >&2
    exit 1
}

# One run at a time for each peer: the second waits and then finds everything there.
take_lock() {
    mkdir -p "$IF_CACHE/peers"
    exec 9>"$IF_CACHE/peers/$peer.lock"
    flock -n 9 && return
    say "another set-up is running on this machine, waiting for it"
    flock -w "$LOCK_WAIT_S" 9 || die "the other set-up did not finish in $((LOCK_WAIT_S / 60)) min" \
        "look for a process that holds $IF_CACHE/peers/$peer.lock"
}

# installed MARK: what is there was made whole from exactly this. The mark is written last.
installed() { [ "$(cat "$IF_CACHE/peers/$peer/installed" 2>/dev/null || true)" = "$1" ]; }

# python_package REQUIREMENT: a virtual environment of its own in the cache.
python_package() {
    local home="$IF_CACHE/peers/$peer"
    if installed "$1"; then
        say "$1: there"
        return
    fi
    command -v python3 >/dev/null || die "python3 is not on PATH" "apt-get install python3-venv"
    say "$1: installing into $home"
    rm -rf "$home"
    python3 -m venv "$home" 9>&- || die "python3 cannot make a virtual environment" "apt-get install python3-venv"
    "$home/bin/pip" install --quiet --disable-pip-version-check "$1" 9>&-
    printf '%s' "$1" >"$home/installed"
    say "$1: installed in $SECONDS s"
}

# node_package PACKAGE@VERSION MAJOR: a folder of its own in the cache; MAJOR is the oldest Node.js it runs on.
node_package() {
    local home="$IF_CACHE/peers/$peer" version
    version="$(node --version 2>/dev/null || true)"
    version="${version#v}"
    [ "${version%%.*}" -ge "$2" ] 2>/dev/null || die "Node.js $2 or newer is needed, found '${version:-none}'" \
        "put a newer node and npm on PATH"
    if installed "$1"; then
        say "$1: there"
        return
    fi
    say "$1: installing into $home"
    rm -rf "$home"
    mkdir -p "$home"
    printf '{"private": true}\n' >"$home/package.json"
    npm --prefix "$home" install --silent --no-audit --no-fund --ignore-scripts "$1" 9>&-
    printf '%s' "$1" >"$home/installed"
    say "$1: installed in $SECONDS s"
}
