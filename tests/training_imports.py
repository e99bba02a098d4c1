"""What forked.py's server imports once, so that each training run that a test forks from it begins with it."""

import functools
import gc
import os
import sys
from importlib import import_module
from importlib.util import find_spec

os.environ.setdefault("DS_ACCELERATOR", "cpu")  # read when DeepSpeed, which TRL loads where it is installed, is imported
for name in (
    "peft", "trl.trainer.grpo_trainer", "trl.trainer.rloo_trainer", "trl.trainer.reward_trainer",
    "rl_rewards.deploying.endpoint", "rl_rewards.formats.vertex", "rl_rewards.recording.plot", "rl_rewards.trainers",
    "rl_rewards.trl", "rl_rewards.reporting.specs" if find_spec("altair") else "rl_rewards.reporting",
):  # fmt: skip
    import_module(name)
if find_spec("deepspeed"):
    # Its sums in shared memory are a minute of C++ to compile, and ranks that spin while they wait, where processors are few. Gloo does them, too.
    import_module("deepspeed").ops.__compatible_ops__["deepspeed_shm_comm"] = False
imports = sys.modules["accelerate.utils.imports"]
imports._is_package_available = functools.cache(imports._is_package_available)  # it parses the metadata of packages at each call
gc.freeze()  # no collection in a fork touches, and so copies, the pages of what was imported
