#!/usr/bin/env bash
# Brings two vMix clients that others wrote to this machine: the vMix simulator is held against them.
# Safe to run again: what is there is kept.
set -euo pipefail

peer=vmix-clients
# shellcheck source=ops/peers/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# timeline-state-resolver depends, through its Ember+ client, on an asn1 that is in no registry; the vMix client needs none.
readonly PACKAGE='{"private": true, "overrides": {"asn1": "0.2.6"}, "dependencies": {"node-vmix": "1.7.1", "timeline-state-resolver": "9.3.2"}}'

take_lock
home="$IF_CACHE/peers/$peer"
version="$(node --version 2>/dev/null || true)"
version="${version#v}"
[ "${version%%.*}" -ge 18 ] 2>/dev/null || die "Node.js 18 or newer is needed, found '${version:-none}'" \
    "put a newer node and npm on PATH"
if installed "$PACKAGE"; then
    say "there"
    exit 0
fi
say "installing into $home"
rm -rf "$home"
mkdir -p "$home"
printf '%s\n' "$PACKAGE" >"$home/package.json"
npm --prefix "$home" install --silent --no-audit --no-fund --ignore-scripts 9>&-
printf '%s' "$PACKAGE" >"$home/installed"
say "installed in $SECONDS s"
