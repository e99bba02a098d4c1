#!/usr/bin/env bash
# From a bare Python 3.11 to a finished GRPO run and its plot: bash scripts/demo.sh [the recipe's arguments, such as --max_steps 3]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
exec .venv/bin/accelerate launch --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no \
    recipes/grpo.py --config recipes/configs/arithmetic.yaml "$@"
