#!/usr/bin/env bash
# From a bare Python 3.11 to a green test run: bash scripts/test.sh [pytest's arguments]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
exec .venv/bin/python -m pytest -n 2 "$@"
