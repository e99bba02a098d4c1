#!/usr/bin/env bash
# From a bare Python 3.11 to a green test run: bash scripts/test.sh [pytest's arguments]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
# The many processes that tests start read compiled modules, also where the environment says that imports write none.
.venv/bin/python -m compileall -q rl_rewards
# loadfile: the tests of a file go to one worker, so that what they share is made once. Files come in the order of tests/conftest.py: long ones first.
exec .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
