#!/usr/bin/env bash
# Makes environments with the trainers that rl_rewards has bridges to, and runs the conformance rows through each trainer's own loop:
#
#     scripts/bridge_peers.sh build/bridge_peers          # makes what is missing, then prints the table
#     RL_REWARDS_BRIDGE_PEERS=build/bridge_peers python -m pytest tests/bridges/test_bridge_peers.py
#
# verl, OpenRLHF, ms-swift, SkyRL-gym and Tinker's cookbook go into DIRECTORY/here, without what they depend on for GPUs; behind them it sees the packages
# of the Python that runs this script ($PYTHON), which has torch, transformers and ray. verifiers and NeMo-Gym need Python 3.12: $PYTHON312, else
# python3.12, else pyenv's (which PYENV_VERSION may name); they go into DIRECTORY/python312, with all that they need, 1.7 GB.
set -euo pipefail

target=${1:?usage: scripts/bridge_peers.sh DIRECTORY [rows]}
rows=${2:-1000}
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
mkdir -p "$target"
pip() { "$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"; }

if [ ! -e "$target/here/made" ]; then
    "$python" -m venv --clear "$target/here"
    pip "$target/here" --no-deps verl==0.9.1 openrlhf==0.11.2 ms-swift==4.6.0 skyrl-gym==0.4.0 tinker-cookbook==0.6.1 \
        tensordict==0.10.0 pyvers==0.2.3 codetiming==1.4.0 hydra-core==1.3.8 omegaconf==2.4.0 antlr4-python3-runtime==4.9.3 pylatexenc==2.11 \
        modelscope==1.40.2 modelscope-hub==0.5.1 json_repair==0.64.6 dacite==1.9.2 func_timeout==4.3.5 chz==0.4.0 tinker==0.38.0
    "$python" - "$("$target/here/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/zz_behind.pth" <<'PY'
import sys
from pathlib import Path

Path(sys.argv[1]).write_text("".join(f"{path}\n" for path in sys.path if "site-packages" in path and Path(path).is_dir()))
PY
    touch "$target/here/made"
fi

works() { [ -n "${1:-}" ] && "$1" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; }
if [ ! -e "$target/python312/made" ]; then
    found=
    for candidate in "${PYTHON312:-}" "$(command -v python3.12 || true)" "${PYENV_ROOT:-$HOME/.pyenv}/versions/${PYENV_VERSION:-none}/bin/python" \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12.*/bin/python; do
        if works "$candidate"; then found=$candidate; break; fi
    done
    if [ -z "$found" ]; then
        echo "Python 3.12: not found (PYTHON312=/path/to/python3.12 names one); verifiers and NeMo-Gym are left out" >&2
    else
        "$found" -m venv --clear "$target/python312"
        pip "$target/python312" verifiers==0.4.0
        pip "$target/python312" nemo-gym==0.4.0 # by itself: they ask for different versions of openai, mcp and anthropic; both run with NeMo-Gym's
        mapfile -t needed < <("$found" - "$root/pyproject.toml" <<'PY'
import sys
import tomllib

project = tomllib.load(open(sys.argv[1], "rb"))["project"]
print("\n".join(project["dependencies"] + [each for extra in ("math", "code", "ifeval", "graders", "judge") for each in project["optional-dependencies"][extra]]))
PY
        )
        pip "$target/python312" "${needed[@]}"
        touch "$target/python312/made"
    fi
fi
exec "$python" "$root/scripts/bench/bridge_conformance.py" --peers "$target" --rows "$rows"
