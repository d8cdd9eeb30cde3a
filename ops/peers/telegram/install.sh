#!/usr/bin/env bash
# Brings telegram-test-api, a stand-in for Telegram's Bot API, to this machine.
# Safe to run again: what is there is kept.
set -euo pipefail

peer=telegram
# shellcheck source=ops/peers/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

take_lock
node_package telegram-test-api@4.2.1 18
