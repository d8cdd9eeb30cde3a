#!/usr/bin/env bash
# Brings Home Assistant to this machine, with its demo integration: 805 MB on disk, about a minute. Needs Python 3.13.
# Safe to run again: what is there is kept. Exit code 75: this machine cannot have it.
set -euo pipefail

peer=home-assistant
# shellcheck source=ops/peers/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

readonly VERSION=2025.4.4
# What the demo, the camera and the front page need beside it; versions are those Home Assistant names itself.
readonly EXTRAS=(home-assistant-frontend==20250411.0 home-assistant-intents==2025.3.28 hassil==2.2.3 numpy==2.2.2
    Pillow==11.1.0 PyTurboJPEG==1.7.5 av==13.1.0 ha-ffmpeg==3.2.2)
readonly UV=uv==0.6.10
readonly CANNOT=75

# A Python 3.13 that can make virtual environments: of PATH, of pyenv, or of uv.
python_3_13() {
    local candidate
    for candidate in python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3 python3; do
        if "$candidate" -c 'import sys, venv, ensurepip, sqlite3, ssl; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    command -v uv >/dev/null && uv python find 3.13 2>/dev/null
}

take_lock
home="$IF_CACHE/peers/$peer"
mark="homeassistant==$VERSION ${EXTRAS[*]}"
if installed "$mark"; then
    say "Home Assistant $VERSION: there"
    exit 0
fi
python="$(python_3_13 || true)"
if [ -z "$python" ]; then
    say "error: Home Assistant $VERSION needs Python 3.13, and there is none on PATH, in pyenv or in uv" >&2
    exit "$CANNOT"
fi
say "Home Assistant $VERSION: installing into $home with $python (805 MB)"
rm -rf "$home"
"$python" -m venv "$home" 9>&-
"$home/bin/python" -m pip install --quiet --disable-pip-version-check "$UV" 9>&-
export VIRTUAL_ENV="$home"
"$home/bin/uv" pip install --quiet "homeassistant==$VERSION" 9>&-
"$home/bin/uv" pip install --quiet -c "$home/lib/python3.13/site-packages/homeassistant/package_constraints.txt" \
    "${EXTRAS[@]}" 9>&-
# Compiled now, once, and not by the first tests at the same time.
"$home/bin/python" -m compileall -q "$home/lib/python3.13/site-packages/homeassistant" 9>&- || true
printf '%s' "$mark" >"$home/installed"
say "Home Assistant $VERSION: installed in $SECONDS s"
