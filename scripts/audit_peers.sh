#!/usr/bin/env bash
# Makes an environment for the tools that scripts/bench/audit.py compares the audit with:
#
#     scripts/audit_peers.sh build/audit_peers
#     python scripts/bench/audit.py --peers build/audit_peers
#
# The peers are installed into it with what they need; behind these it sees the packages of the Python that runs this script, since the rubrics
# themselves are scored by rl_rewards. Nothing is installed anywhere else.
set -euo pipefail

target=${1:?usage: scripts/audit_peers.sh DIRECTORY}
python=${PYTHON:-python}

"$python" -m venv "$target"
"$target/bin/python" -m pip install --quiet rewardprobe==0.1.0 reward-doctor==0.2.0 gradecheck==0.1.0 ||
    for peer in rewardprobe==0.1.0 reward-doctor==0.2.0 gradecheck==0.1.0; do
        "$target/bin/python" -m pip install --quiet "$peer" || echo "$peer cannot be had; the table will say so" >&2
    done
"$python" - "$("$target/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/zz_behind.pth" <<'PY'
import sys
from pathlib import Path

here = Path.cwd()
places = [path for path in sys.path if path and Path(path).is_dir() and "site-packages" in path] + [str(here)]
Path(sys.argv[1]).write_text("\n".join(places) + "\n")
PY
echo "peers in $target"
