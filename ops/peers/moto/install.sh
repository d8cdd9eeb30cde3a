#!/usr/bin/env bash
# Brings moto, a stand-in for AWS that checks signatures and policies, to this machine.
# Safe to run again: what is there is kept.
set -euo pipefail

peer=moto
# shellcheck source=ops/peers/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

take_lock
python_package 'moto[server]==5.2.5'
