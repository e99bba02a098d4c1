#!/usr/bin/env bash
# A language model learns to fill in a booking, without a hub or a GPU: bash scripts/learn.sh [the recipe's arguments, such as --seed 2]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
.venv/bin/python scripts/prepare_smollm2.py
exec .venv/bin/accelerate launch --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no \
    recipes/grpo.py --config recipes/configs/smollm2_booking.yaml "$@"
