#!/usr/bin/env bash
# From a bare Python 3.11 to a green test run: bash scripts/test.sh [pytest's arguments]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
# loadgroup: tests that share a run of several processes go to one worker, so that it is made once.
exec .venv/bin/python -m pytest -n 2 --dist loadgroup "$@"
