"""Requests a second: one rule in our server, in Reward Kit's generic_server and in NeMo-Gym's `/verify`, taking turns."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from serve_load import Rate, closed_loop, post
from serve_processes import ServerProcess, ours

__all__ = ["rates"]

CONNECTIONS, BATCH = 16, 64
SINGLE_GOAL, BATCH_GOAL = 3.0, 20.0  # times the peer's samples a second

_TEXT = "40 and 2 make 42, as anyone can check with two hands and some patience. <answer>42</answer>"
_KIT = {"messages": [{"role": "user", "content": "What is 40 + 2?"}, {"role": "assistant", "content": _TEXT}], "ground_truth": "42", "kwargs": {}}
_PART = {"type": "output_text", "annotations": [], "text": _TEXT}
_GYM = {
    "responses_create_params": {"input": [{"role": "user", "content": "What is 40 + 2?"}]},
    "response": {
        "id": "r",
        "created_at": 1,
        "model": "m",
        "object": "response",
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "output": [{"id": "m", "type": "message", "status": "completed", "role": "assistant", "content": [_PART]}],
    },
    "answer": "42",
}
_ROWS = {"samples": [{"prompt": f"What is 40 + 2? ({i})", "completion": _TEXT, "answer": "42"} for i in range(BATCH)]}
_LISTS = {"query": [f"({i}){_TEXT}" for i in range(BATCH)], "prompts": [f"({i})" for i in range(BATCH)], "labels": ["42"] * BATCH}

# What is asked: path, body, samples in a request, the reply's scores.
LOADS: dict[str, tuple[str, Any, int, Callable[[Any], list[float]]]] = {
    "evaluate": ("/evaluate", _KIT, 1, lambda reply: [reply["score"]]),
    "verify": ("/verify", _GYM, 1, lambda reply: [reply["reward"]]),
    "score, 64 rows": ("/v1/score", _ROWS, BATCH, lambda reply: [row["score"] for row in reply["results"]]),
    "get_reward, 64 rows": ("/get_reward", _LISTS, BATCH, lambda reply: reply["rewards"]),
}


def servers(peers: Path | None) -> dict[str, Callable[[], ServerProcess]]:
    """The servers that can be had, by name."""
    found: dict[str, Callable[[], ServerProcess]] = {
        "ours": lambda: ours("correct.yaml"),
        "ours, 2 processes": lambda: ours("correct.yaml", "--workers", "2"),
    }
    commands = {
        "Reward Kit 0.4.1": (
            "reward_kit",
            ["-m", "reward_kit.generic_server", "reward_kit_rule.correct", "--host", "127.0.0.1", "--port", "PORT"],
            "/health",
        ),
        "NeMo-Gym 0.4.0": ("nemo_gym", ["nemo_gym_rule.py", "PORT"], "/"),
    }
    for name, (place, arguments, ready) in commands.items():
        python = peers and (peers / place / "bin" / "python").absolute()
        if python and (peers / place / "complete").exists():  # an environment that was cut short holds half of its packages
            found[name] = lambda python=python, arguments=arguments, ready=ready: ServerProcess([str(python), *arguments], ready)
        else:
            print(f"{name}: not measured, no environment of it (scripts/serve_peers.sh makes it)")
    return found


# Which server is asked what; a peer's own call, one sample a request, since it has no other.
_ASKED = {"Reward Kit 0.4.1": ["evaluate"], "NeMo-Gym 0.4.0": ["verify"], "ours, 2 processes": ["evaluate", "verify"]}


async def rates(peers: Path | None, seconds: float, rounds: int) -> dict[str, Any]:
    """Measure and print."""
    found: dict[tuple[str, str, int], list[Rate]] = {}
    with contextlib.ExitStack() as running:
        started = {name: running.enter_context(start()) for name, start in servers(peers).items()}
        for _ in range(rounds):
            for load in LOADS:
                for connections in (1, CONNECTIONS):
                    for name, server in started.items():
                        if load in _ASKED.get(name, LOADS):
                            found.setdefault((load, name, connections), []).append(await _window(server, load, connections, seconds))
    print("One rule in every server, requests in closed loops; medians of the windows")
    middle = {key: sorted(windows, key=lambda rate: rate.per_second)[len(windows) // 2] for key, windows in found.items()}
    for (load, name, connections), rate in middle.items():
        print(f"  {load:20} {connections:3} connections   {name:18} {rate.line()}")
    return _compared(found, rounds) | {
        "rates": {
            " | ".join(map(str, key)): {"requests_s": rate.per_second, "processor_us": 1e6 * rate.processor / len(rate.seconds)}
            for key, rate in middle.items()
        }
    }


async def _window(server: ServerProcess, load: str, connections: int, seconds: float) -> Rate:
    path, body, samples, scores = LOADS[load]

    def check(status: int, reply: bytes) -> None:
        if status != 200 or scores(json.loads(reply)) != [1.0] * samples:
            raise ValueError(f"{path} answered {status}: {reply[:300]!r}")

    before = server.processor()
    rate = await closed_loop(server.port, post(path, body), connections, seconds, check)
    rate.processor = server.processor() - before
    return rate


def _compared(found: dict[tuple[str, str, int], list[Rate]], rounds: int) -> dict[str, Any]:
    """Ratios to the peers, window by window, so that what else the machine does falls on both."""
    ratios: dict[str, float] = {}
    missed: list[str] = []
    for peer, own in (("Reward Kit 0.4.1", "evaluate"), ("NeMo-Gym 0.4.0", "verify")):
        if (own, peer, CONNECTIONS) not in found:
            continue
        theirs = found[own, peer, CONNECTIONS]
        for name in ("ours", "ours, 2 processes"):
            for connections in (1, CONNECTIONS):
                pairs = zip(found[own, name, connections], found[own, peer, connections], strict=True)
                ratios[f"{own}, {name}, {connections} connections / {peer}"] = median(a.per_second / b.per_second for a, b in pairs)
        for load in ("score, 64 rows", "get_reward, 64 rows"):
            pairs = zip(found[load, "ours", CONNECTIONS], theirs, strict=True)
            ratios[f"{load}, samples / {peer}"] = median(BATCH * a.per_second / b.per_second for a, b in pairs)
        goals = {f"{own}, ours, {CONNECTIONS} connections / {peer}": SINGLE_GOAL, f"score, 64 rows, samples / {peer}": BATCH_GOAL}
        missed += [f"{what} is {ratios[what]:.1f}, and must be {goal:g}" for what, goal in goals.items() if ratios[what] < goal]
    for what, ratio in ratios.items():
        print(f"  {ratio:6.1f}  {what}")
    return {"ratios": ratios, "missed": missed}
