"""ms-swift 4.6: `--external_plugins plugin.py --reward_funcs correct brief --reward_weights 1 0.2`, where plugin.py holds

    from rl_rewards.bridges.ms_swift import register

    register("rubric.yaml")

ms-swift names a reward after its class, so that every reward gets a class of its own. It sums what is None as 0; so a row without a score
gets the number that `unscorable` says.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from rl_rewards.bridges.caller import Caller
from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.scoring import RubricScoring
from rl_rewards.bridges.unscorable import POLICIES
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.evaluation.shared import SharedEvaluation, same_values
from rl_rewards.rubric import Rubric
from rl_rewards.types import Sample, response_of
from rl_rewards.types.components import component_score

__all__ = ["CALLER", "SwiftScoring", "register", "reward_classes"]

CALLER = Caller("ms-swift", POLICIES, groups=True, token_ids=True)
_ITS_OWN = ("messages", "prompt_id", "request_id", "finish_reason", "is_truncated", "rollout_infos", "response_token_ids", "trajectory_inputs")


def register(rubric: Rubric | str | os.PathLike[str], unscorable: str = "raise", components: Sequence[str] = ()) -> dict[str, type]:
    """Put the rubric's rewards, a class each, into ms-swift's `orms` under their names.

    Args:
        unscorable: what ms-swift gets for a row without a score: raise, drop_group or group_mean.
        components: names such as correct/near of components that are logged, each as a function correct.near of weight 0.

    Raises:
        BridgeError: when ms-swift has another reward of such a name.
    """
    from swift.rewards.orm import ORM, orms  # pyright: ignore[reportMissingImports]

    classes = reward_classes(rubric, unscorable, ORM, components)
    for name, made in classes.items():
        if name in orms and not hasattr(orms[name], "scoring"):
            raise BridgeError(f"ms-swift has a reward {name!r} of its own; give the rubric's another name")
        orms[name] = made
    return classes


def reward_classes(
    rubric: Rubric | str | os.PathLike[str], unscorable: str = "raise", base: type = object, components: Sequence[str] = ()
) -> dict[str, type]:
    """A class for each reward, named after it, whose objects ms-swift calls with completions and columns.

    Args:
        base: ms-swift's ORM.
    """
    scoring = SwiftScoring(RubricScoring(rubric, CALLER, unscorable))
    names = [reward.name for reward in scoring.rows.rubric.rewards]
    if wrong := [name for name in components if name.partition("/")[0] not in names or not name.partition("/")[2]]:
        raise BridgeError(f"components must be names such as REWARD/COMPONENT of the rubric's rewards {names}, got {wrong[0]!r}")
    return {name.replace("/", "."): _reward_class(scoring, name, base) for name in (*names, *components)}


def _reward_class(scoring: SwiftScoring, name: str, base: type) -> type:
    def init(self: Any, args: Any = None, **kwargs: Any) -> None:
        self.args = args
        scoring.check_weights(args)

    def call(self: Any, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        return scoring.scores(name, completions, columns) if "/" not in name else scoring.component(name, completions, columns)

    return type(
        name.replace("/", "."),
        (base,),
        {"__init__": init, "__call__": call, "scoring": scoring, "__module__": __name__, "__doc__": f"The reward {name!r}."},
    )


class SwiftScoring:
    """What a rubric's classes share: the evaluation of a batch."""

    def __init__(self, rows: RubricScoring) -> None:
        self.rows = rows
        self._shared = SharedEvaluation(rows.rubric)
        self._call: _SwiftCall | None = None
        self._filled: tuple[Any, dict[str, list[float | None]]] | None = None

    def check_weights(self, args: Any) -> None:
        """Check that ms-swift weighs the rewards as the rubric does, as far as its arguments are known.

        Raises:
            BridgeError: naming the flag.
        """
        functions, weights = getattr(args, "reward_funcs", None), getattr(args, "reward_weights", None)
        if not isinstance(functions, (list, tuple)) or not all(isinstance(name, str) for name in functions):
            return
        given = dict(zip(functions, weights if weights is not None else [1.0] * len(functions), strict=False))
        rewards = self.rows.rubric.rewards
        wrong = {reward.name: given.get(reward.name, 0.0) for reward in rewards if abs(given.get(reward.name, 0.0) - reward.weight) > 1e-6}
        if wrong:
            names, numbers = " ".join(reward.name for reward in rewards), " ".join(f"{reward.weight:g}" for reward in rewards)
            raise BridgeError(f"rewards must be weighed as in the rubric: --reward_funcs {names} --reward_weights {numbers}; got {wrong}")

    def scores(self, name: str, completions: Sequence[Any], columns: dict[str, Any]) -> list[float | None]:
        """One reward's N scores; the rewards of a batch share its evaluation.

        Raises:
            RewardError: when a row has no score, with `unscorable` raise; when none has, with another.
        """
        call = _SwiftCall(completions, columns, self.rows)
        evaluation, new = self._shared.evaluation(name, call)
        self._call = call
        if new or self._filled is None or self._filled[0] is not evaluation:
            self._filled = evaluation, self.rows.columns(evaluation)
        return self._filled[1][name]

    def component(self, name: str, completions: Sequence[Any], columns: dict[str, Any]) -> list[float | None]:
        """N numbers of a component such as correct/near, of the batch whose rewards were asked for last; None where a row has none."""
        if self._filled is None or self._call is None or not self._call.is_same_batch(_SwiftCall(completions, columns, self.rows)):
            self.scores(self.rows.rubric.rewards[0].name, completions, columns)
        assert self._filled is not None
        reward, _, component = name.partition("/")
        results = self._filled[0].columns[reward].results
        return [component_score(result.metrics.get(component)) if result.metrics else None for result in results]


class _SwiftCall:
    """ms-swift's call: texts of the last message, and columns, among them whole conversations."""

    def __init__(self, completions: Sequence[Any], columns: dict[str, Any], rows: RubricScoring) -> None:
        self.completions, self.columns, self._rows = completions, columns, rows

    @property
    def context(self) -> BatchContext:
        step = getattr(self.columns.get("trainer_state"), "global_step", None)
        return BatchContext(step, int(os.environ.get("RANK", 0)), True)

    def is_same_batch(self, other: Any) -> bool:
        """Whether another call has the same completions at the same step, with the same values in every column that holds one for each."""
        return self.context == other.context and same_values(self.completions, other.completions) and self._columns_are(other)

    def _columns_are(self, other: _SwiftCall) -> bool:
        size = len(self.completions)
        own, its = ({name: values for name, values in call.columns.items() if _is_column(values, size)} for call in (self, other))
        return own.keys() == its.keys() and all(same_values(values, its[name]) for name, values in own.items())

    def samples(self) -> list[Sample]:
        size = len(self.completions)
        columns = {name: values for name, values in self.columns.items() if name not in _ITS_OWN and _is_column(values, size)}
        names = tuple(columns)
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)] if names else [{} for _ in range(size)]
        messages, ids = self.columns.get("messages") or [None] * size, self.columns.get("response_token_ids")
        tokens = map(_flat, ids) if ids is not None and _is_column(ids, size) else [None] * size
        samples = []
        for completion, turns, row, own, group in zip(self.completions, messages, rows, tokens, self._groups(size), strict=True):
            prompt, said = (None, completion) if turns is None else _split(turns)
            response = completion if completion.__class__ is str and len(said) == 1 else response_of(said)
            samples.append(Sample(prompt, said, response, row, own, group, index=len(samples)))
        self._rows.check(samples)
        return samples

    def _groups(self, size: int) -> list[int]:
        keys = self.columns.get("prompt_id")
        if not _is_column(keys, size) or keys is None or None in keys:
            messages = self.columns.get("messages")
            keys = [repr(_split(turns)[0]) for turns in messages] if messages is not None else list(range(size))
        numbers: dict[Any, int] = {}
        return [numbers.setdefault(key, len(numbers)) for key in keys]


def _is_column(values: Any, size: int) -> bool:
    return isinstance(values, (list, tuple)) and len(values) == size


def _flat(ids: Any) -> list[int] | None:
    """The token ids of one completion, of several turns where there were some."""
    if not ids:
        return None
    return [token for turn in ids for token in turn] if isinstance(ids[0], (list, tuple)) else list(ids)


def _split(messages: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A conversation as prompt and completion: all that follows the last turn of the user's, tool calls included."""
    if len(messages) > 1 and messages[-2].get("role") == "user":
        return list(messages[:-1]), list(messages[-1:])
    last = max((i for i, message in enumerate(messages) if message.get("role") in ("user", "system")), default=-1)
    return list(messages[: last + 1]), list(messages[last + 1 :])
