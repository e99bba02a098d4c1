"""Run a recipe with FSDP 2 on CPUs: `accelerate launch --config_file recipes/accelerate/fsdp.yaml ... tests/recipes/fsdp_on_cpu.py recipes/ppo.py ...`

FSDP 2 itself shards on CPUs (gloo). Accelerate asks for accelerators before it turns FSDP on, so it is told here that there are some.
"""

from __future__ import annotations

import runpy
import sys

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType

_init = AcceleratorState.__init__


def init(self: AcceleratorState, *arguments: object, **options: object) -> None:
    if not AcceleratorState._shared_state:
        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    _init(self, *arguments, **options)


if __name__ == "__main__":
    PartialState(cpu=True)
    AcceleratorState.__init__ = init
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
