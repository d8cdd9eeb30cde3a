#!/usr/bin/env bash
# Brings aimock, a stand-in for OpenAI and Anthropic, to this machine.
# Safe to run again: what is there is kept.
set -euo pipefail

peer=aimock
# shellcheck source=ops/peers/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

take_lock
node_package @copilotkit/aimock@1.43.0 20
