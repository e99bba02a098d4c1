"""verifiers 0.4 and prime-rl: one function for each reward, so that each has its own weight. A file rewards.py that holds

    from rl_rewards.bridges.verifiers import reward_functions

    globals().update(reward_functions("rubric.yaml"))

and in TOML `[env.taskset.task.rewards.correct]`, `fn = "rewards.py:correct"`, `weight = 1.0`; a reward of weight 0 goes under `metrics`. A trace is
evaluated once for all of them. A reward that does not apply to a row leaves no entry; a row without a score raises, which ends the rollout with an
error: prime-rl leaves it out.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from rl_rewards.bridges.caller import Caller
from rl_rewards.bridges.scored_row import ScoredRow, component_key
from rl_rewards.bridges.scoring import RubricScoring
from rl_rewards.reward import Reward, RewardError
from rl_rewards.rubric import Rubric
from rl_rewards.types import Sample, response_of

__all__ = ["CALLER", "TraceReward", "reward_functions", "sample_of_trace"]

CALLER = Caller("verifiers", instead="a rollout whose scoring raises ends with an error, and is left out")
_KEPT = 4096  # evaluations that wait for the rewards of theirs that were not asked for


def reward_functions(rubric: Rubric | str | os.PathLike[str]) -> dict[str, TraceReward]:
    """The rubric's rewards as functions of a task and a trace, by name."""
    scoring = _TraceScoring(RubricScoring(rubric, CALLER))
    return {reward.name: TraceReward(scoring, reward) for reward in scoring.scoring.rubric.rewards}


class TraceReward:
    """One reward as verifiers calls it: `await fn(task=..., trace=...)`."""

    def __init__(self, scoring: _TraceScoring, reward: Reward) -> None:
        self._traces, self.reward = scoring, reward
        self.__name__ = reward.name
        self._vf_weight = reward.weight  # what `weight` is where the TOML says nothing

    async def __call__(self, task: Any, trace: Any) -> float | Mapping[str, float]:
        """The reward's score; an empty mapping, which records nothing, where it does not apply.

        Raises:
            RewardError: when the row has no score.
        """
        row = await self._traces.row(self.__name__, task, trace)
        if row.failure is not None and self.reward.weight != 0:
            raise RewardError(f"a row has no score (outcome {row.failure[0]!r}): {row.failure[1]}")
        score = row.rewards[self.__name__]
        return {} if score is None else score


class _TraceScoring:
    """Evaluates every trace once for all of a rubric's rewards; its components become metrics of the trace."""

    def __init__(self, scoring: RubricScoring) -> None:
        self.scoring = scoring
        # By identity, with the trace itself, so that no other one gets its number meanwhile.
        self._open: OrderedDict[int, tuple[Any, asyncio.Future[ScoredRow], set[str]]] = OrderedDict()

    async def row(self, name: str, task: Any, trace: Any) -> ScoredRow:
        found = self._open.get(id(trace))
        if found is None or name not in found[2]:
            work = self._work(task, trace)
            found = trace, work, {reward.name for reward in self.scoring.rubric.rewards}
            self._open[id(trace)] = found
            while len(self._open) > _KEPT:
                self._open.popitem(last=False)
        found[2].discard(name)
        if not found[2]:
            self._open.pop(id(trace), None)
        return found[1].result() if found[1].done() else await asyncio.shield(found[1])

    def _work(self, task: Any, trace: Any) -> asyncio.Future[ScoredRow]:
        if not self.scoring.is_quick:
            return asyncio.ensure_future(asyncio.to_thread(self._score, task, trace))
        done: asyncio.Future[ScoredRow] = asyncio.get_running_loop().create_future()
        try:
            done.set_result(self._score(task, trace))
        except Exception as error:
            done.set_exception(error)
        return done

    def _score(self, task: Any, trace: Any) -> ScoredRow:
        (row,) = self.scoring.score([sample_of_trace(task, trace)])
        metrics = {component_key(name, component): value for (name, component), value in row.components.items()}
        if metrics:
            trace.record_metrics(metrics)
        return row


def sample_of_trace(task: Any, trace: Any) -> Sample:
    """The sample of a trace's last branch: what the model's first own message precedes is the prompt; the task's fields are the columns.

    Args:
        task: verifiers' TaskData, or any object with `model_dump`.
        trace: verifiers' Trace.
    """
    branches = trace.branches
    nodes = branches[-1].nodes if branches else []
    messages = [_message(node.message) for node in nodes]
    own = next((i for i, node in enumerate(nodes) if node.sampled), None)
    if own is None:  # a trace that was made by hand
        last = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        own = last[-1] if last else len(messages)
    completion = messages[own:] or [{"role": "assistant", "content": ""}]
    columns = {name: value for name, value in task.model_dump().items() if name not in ("prompt", "system_prompt")}
    return Sample(messages[:own], completion, response_of(completion), columns)


def _message(message: Any) -> dict[str, Any]:
    turn = message.model_dump(exclude_none=True)
    if calls := turn.get("tool_calls"):
        turn["tool_calls"] = [
            {"id": call.get("id"), "type": "function", "function": {"name": call.get("name"), "arguments": call.get("arguments")}} for call in calls
        ]
    return turn
