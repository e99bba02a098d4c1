#!/usr/bin/env bash
# Makes the environments of the libraries that scripts/compat_differences.py compares rl_rewards with:
#
#     scripts/compat_peers.sh build/compat_peers
#     python scripts/compat_differences.py --peers build/compat_peers
#
# reward-kit 0.4.1 cannot be imported as it installs today: it asks for mcp without an upper bound, and mcp 2 has lost a name that it imports.
# harbor-rewardkit needs Python 3.12. Nothing is installed anywhere else.
set -euo pipefail

target=${1:?usage: scripts/compat_peers.sh DIRECTORY}
mkdir -p "$target"

works() { [ -n "${1:-}" ] && "$1" -c "import sys, venv; sys.exit(sys.version_info < ($2))" 2>/dev/null; }

python_from() { # the first interpreter that is recent enough
    local candidate
    for candidate in "${PYTHON:-}" python3.12 python3.13 python3.14 python3.11 python3 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python; do
        if works "$candidate" "$1"; then echo "$candidate"; return; fi
    done
    echo "no Python $1 or later: the environment is left out" >&2
}

make() { # name, oldest Python, module, requirements
    local name=$1 python
    python="$(python_from "$2")"
    [ -n "$python" ] || return 0
    "$python" -m venv "$target/$name"
    "$target/$name/bin/python" -m pip install --quiet --disable-pip-version-check "${@:4}"
    "$target/$name/bin/python" -c "import $3"
    echo "$name in $target/$name"
}

make reward_kit "3, 10" reward_kit "reward-kit==0.4.1" "mcp<2"
make harbor "3, 12" rewardkit "harbor-rewardkit==0.2.3"
