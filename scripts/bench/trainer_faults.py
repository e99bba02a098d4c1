"""Faults of rewards, weights and data in real GRPO runs: what came of each, and how many of each ending; 1 where one is not as it must be.

    python scripts/bench/trainer_faults.py [--only TEXT]

The table is tests/trl/fault_table.py's. None may be silent: a run that survives has the failure or the right score in its record.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

from tests.trl.fault_table import FAULTS, judge, run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="faults whose name has this text")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    gc.freeze()  # a trainer collects garbage in full after each run, over a million objects of the imports
    endings: Counter[str] = Counter()
    wrong = 0
    start = time.perf_counter()
    for name, fault in FAULTS.items():
        if options.only in name:
            found = run(fault)
            fails = judge(fault, found)
            endings[found.ending] += 1
            wrong += fails is not None
            rate = "" if found.error_rate is None else f" {found.error_rate:4.0%}"
            print(f"{'WRONG ' if fails else ''}{found.ending:21}{rate:5} {name:60} {(fails or found.reason)[:110]}", flush=True)
    total = sum(endings.values())
    print(
        f"{total} faults in {time.perf_counter() - start:.0f} s: {', '.join(f'{n} {ending}' for ending, n in endings.items())}; {wrong} not as must be"
    )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
