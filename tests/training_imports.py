"""What forked.py's server imports once, so that each training run that a test forks from it begins with it."""

import functools
import gc
import os
import sys
from importlib import import_module

os.environ.setdefault("DS_ACCELERATOR", "cpu")  # read when DeepSpeed, which TRL loads where it is installed, is imported
for name in (
    "peft", "trl.trainer.grpo_trainer", "trl.trainer.rloo_trainer", "trl.trainer.reward_trainer",
    "rl_rewards.deploying.endpoint", "rl_rewards.formats.vertex", "rl_rewards.recording", "rl_rewards.reporting", "rl_rewards.trainers", "rl_rewards.trl",
):  # fmt: skip
    import_module(name)
imports = sys.modules["accelerate.utils.imports"]
imports._is_package_available = functools.cache(imports._is_package_available)  # it parses the metadata of packages at each call
gc.freeze()  # no collection in a fork touches, and so copies, the pages of what was imported
