#!/usr/bin/env bash
# Format, lint and types, in seconds: bash scripts/check.sh [--fix]
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
failed=0
if [ "${1:-}" = --fix ]; then
    .venv/bin/ruff format . && .venv/bin/ruff check --fix . || failed=1
else
    .venv/bin/ruff format --check . && .venv/bin/ruff check . || failed=1
fi
.venv/bin/basedpyright || failed=1
exit "$failed"
