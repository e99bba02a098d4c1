"""What `rl-rewards serve` does: requests a second beside Reward Kit's and NeMo-Gym's servers, a soak, and kills under load.

    scripts/serve_peers.sh build/serve_peers                                  # once: an environment for each peer
    python scripts/bench/serve.py --peers build/serve_peers                   # all of it
    python scripts/bench/serve.py --only soak --requests 2000 --rate 200      # one part, shorter
    python scripts/bench/serve.py --short                                     # ours alone, seconds: does everything work?

Parts: `rates` (one rule in every server, closed loops of keep-alive connections, the servers taking turns in one run), `soak` (an open load with
malformed requests, slow and dropped clients, every reply checked against its request, SIGTERM at the end), `kills` (SIGKILL of a process of
`--workers 2`, and of a worker behind an isolated reward, every reply checked). The exit status is 0 only if every goal of every part is met.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))

from serve_kills import kills
from serve_rates import rates
from serve_soak import soak

PARTS = ("rates", "soak", "kills")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=PARTS, help="one part")
    options.add_argument("--peers", type=Path, help="directory that scripts/serve_peers.sh made; without it ours runs alone")
    options.add_argument("--seconds", type=float, default=3.0, help="of each window of `rates`")
    options.add_argument("--rounds", type=int, default=3, help="windows of each server in `rates`, which take turns")
    options.add_argument("--requests", type=int, default=50_000, help="of `soak`")
    options.add_argument("--rate", type=float, default=500.0, help="requests a second that `soak` offers")
    options.add_argument("--kills", type=int, default=10, help="processes that `kills` ends, of each sort")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--short", action="store_true", help="small numbers: a check that everything works")
    options.add_argument("--out", type=Path, help="write the figures here as JSON, too")
    chosen = options.parse_args()
    if chosen.short:
        chosen.seconds, chosen.rounds, chosen.requests, chosen.rate, chosen.kills = 0.5, 1, 800, 400.0, 1
    print(f"load of the machine (1, 5, 15 minutes): {' '.join(f'{each:.1f}' for each in os.getloadavg())}, {os.cpu_count()} cores\n", flush=True)
    figures: dict[str, dict] = {}
    if chosen.only in (None, "rates"):
        figures["rates"] = uvloop.run(rates(chosen.peers, chosen.seconds, chosen.rounds))
    if chosen.only in (None, "soak"):
        figures["soak"] = uvloop.run(soak(chosen.requests, chosen.rate, chosen.seed))
    if chosen.only in (None, "kills"):
        figures["kills"] = uvloop.run(kills(chosen.kills, chosen.seed, chosen.short))
    missed = [f"{part}: {goal}" for part, found in figures.items() for goal in found["missed"]]
    if chosen.out:
        chosen.out.write_text(json.dumps({"load": os.getloadavg(), "cores": os.cpu_count(), **figures}, indent=1) + "\n")
    print("\n" + ("\n".join(f"MISSED {each}" for each in missed) or "every goal is met"))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
