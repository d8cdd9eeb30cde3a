#!/usr/bin/env bash
# Brings localstripe, a stand-in for Stripe, to this machine.
# Safe to run again: what is there is kept.
set -euo pipefail

peer=localstripe
# shellcheck source=ops/peers/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

take_lock
python_package 'localstripe==1.15.10'
