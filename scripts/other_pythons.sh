#!/usr/bin/env bash
# The core and the command line on other interpreters, without the train extra: bash scripts/other_pythons.sh [interpreter ...]
# By default those that are found: $PYTHON312, $PYTHON313, $PYTHON314, else python3.12 and so on, also pyenv's. A new environment each.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

works() { [ -n "${1:-}" ] && "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

found() { # the interpreter of a version such as 3.12 that runs, or nothing
    local named="PYTHON${1/./}" candidate
    for candidate in "${!named:-}" "$(command -v "python$1")" "$HOME"/.pyenv/versions/"$1".*/bin/python; do
        if works "$candidate" && [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$1" ]; then
            echo "$candidate"
            return
        fi
    done
}

if [ $# -eq 0 ]; then
    for version in 3.12 3.13 3.14; do
        python="$(found "$version")"
        if [ -n "$python" ]; then set -- "$@" "$python"; else echo "Python $version: not found, left out"; fi
    done
fi
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT
# A copy, so that no other environment's files are in the way.
cp -r README.md LICENSE pyproject.toml rl_rewards tests recipes scripts "$place"
cd "$place" || exit 1

tests_pass() { venv/bin/python -m pytest -q -m "not slow and not torchrun" -p no:cacheprovider "$@"; }

failed=0
for python in "$@"; do
    works "$python" || { echo "$python: does not run, or is older than 3.11"; failed=1; continue; }
    "$python" --version
    rm -rf venv
    "$python" -m venv venv &&
        venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[math,code,ifeval,graders,metrics,judge,serve]' 'pytest>=8' 'hypothesis>=6.100' 'jsonschema>=4.21' || { failed=1; continue; }
    tests_pass tests/test_functions.py tests/test_kinds.py tests/test_extension.py tests/test_reward.py tests/test_rubric.py tests/test_rows.py \
        tests/test_types.py tests/test_thinking.py tests/parsers tests/rubric_files tests/tables tests/scorers/test_*.py \
        -k 'not reward_model and not cosine_similarity and not checkpoint' || failed=1 # these need the train extra
    tests_pass tests/cli || failed=1
done
exit "$failed"
