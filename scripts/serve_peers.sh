#!/usr/bin/env bash
# Makes an environment for each server that scripts/bench/serve.py compares ours with:
#
#     scripts/serve_peers.sh build/serve_peers
#     python scripts/bench/serve.py --peers build/serve_peers
#
# reward_kit: Reward Kit 0.4.1, which imports with an MCP of its time alone. nemo_gym: NeMo-Gym 0.4.0, which needs Python 3.12 ($PYTHON312, or what
# is found); without one it is left out. What is there already is kept.
set -uo pipefail

target=${1:?usage: scripts/serve_peers.sh DIRECTORY}
python=${PYTHON:-$(command -v python3.11 || command -v python3)}

works() { [ -n "${1:-}" ] && "$1" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; }

python312() {
    local candidate
    for candidate in "${PYTHON312:-}" "$(command -v python3.12)" "$HOME"/.pyenv/versions/3.12.*/bin/python; do
        if works "$candidate"; then echo "$candidate"; return; fi
    done
}

make() { # name, interpreter, packages
    local place="$target/$1" interpreter="$2"
    shift 2
    [ -e "$place/complete" ] && return
    "$interpreter" -m venv "$place" && "$place/bin/python" -m pip install --quiet --disable-pip-version-check "$@" && touch "$place/complete" ||
        echo "$place could not be made; the table will say so" >&2
}

make reward_kit "$python" reward-kit==0.4.1 'mcp<2'
newer="$(python312)"
if [ -n "$newer" ]; then
    make nemo_gym "$newer" nemo-gym==0.4.0
else
    echo "no Python 3.12, so no NeMo-Gym: set PYTHON312" >&2
fi
echo "peers in $target"
