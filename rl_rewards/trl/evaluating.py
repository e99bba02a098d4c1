"""A rubric's aggregates in a trainer's evaluations: computed once over all rows of all processes, and in the metrics before anyone reads them.

Written to TRL 1.16 and transformers 5: `Trainer.evaluate` calls `evaluation_loop`, then `log` with the metrics, then the callbacks, among them
EarlyStoppingCallback, and then looks up `metric_for_best_model`; all with one dict. Numbers that a reward function logs itself would be
averaged over batches, which is no pass@k and no AUC.
"""

from __future__ import annotations

import json
import logging
import math
import re
import weakref
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from rl_rewards.aggregates.problems import problem_keys
from rl_rewards.evaluation.summary import EvaluationSummary, aggregates_of
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.reward import RewardError
from rl_rewards.rubric import Rubric

__all__ = ["EvaluationAggregates", "check_aggregates"]

logger = logging.getLogger(__name__)

_PLAIN = (str, int, float, bool, type(None), list, dict)


class EvaluationAggregates:
    """Gathers the evaluation batches of one rubric, and adds its aggregates to the metrics of the evaluation.

    Args:
        rubric: the rubric.
    """

    def __init__(self, rubric: Rubric) -> None:
        self._rubric = rubric
        self._summary = EvaluationSummary(rubric)
        self._batches = 0
        self._trainer: weakref.ref[Any] | None = None
        self._prompts: int | None = None

    def attach(self, trainer: Any) -> None:
        """Have a trainer's evaluations begin anew here, and its log of them hold the aggregates; once for each trainer."""
        if self._trainer is not None and self._trainer() is trainer:
            return
        self._trainer = weakref.ref(trainer)
        self._begin(_length(getattr(trainer, "eval_dataset", None)))
        evaluation_loop, log = trainer.evaluation_loop, trainer.log

        def evaluate(dataloader: Any, *args: Any, **kwargs: Any) -> Any:
            self._begin(_length(getattr(dataloader, "dataset", None)))
            return evaluation_loop(dataloader, *args, **kwargs)

        def log_with_aggregates(logs: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            prefix = next((key.removesuffix("_runtime") for key in logs if key.endswith("_runtime")), None)
            added = self._finish(trainer, prefix) if self._batches and prefix is not None and not trainer.model.training else {}
            logs.update(added)
            log(logs, *args, **kwargs)
            # Comparing None with the best number so far would end the run.
            logs.update({key: math.nan for key, value in added.items() if value is None and _is_best_metric(trainer, key)})

        trainer.evaluation_loop, trainer.log = evaluate, log_with_aggregates

    def _begin(self, prompts: int | None) -> None:
        self._summary, self._batches, self._prompts = EvaluationSummary(self._rubric), 0, prompts

    def add(self, evaluation: Evaluation, rank: int, world_size: int) -> None:
        """Count a process's batch; of the last ones without the rows that fill them up, which are earlier prompts once more."""
        size, indices = len(evaluation.samples), None
        trainer = None if self._trainer is None else self._trainer()
        if trainer is not None and self._prompts is not None:
            full = trainer.args.per_device_eval_batch_size
            first = (self._batches * world_size + rank) * full
            indices = range(max(0, min(size, self._prompts * trainer.num_generations_eval - first)))
        self._batches += 1
        keys = problem_keys(evaluation.samples, [_plain(sample.references) for sample in evaluation.samples])
        self._summary.add(evaluation, keys, indices)

    def _finish(self, trainer: Any, prefix: str) -> dict[str, float | None]:
        """The evaluation's numbers, the same on every process."""
        summary = self._summary
        if trainer.accelerator.num_processes > 1:
            from accelerate.utils import gather_object

            summary = EvaluationSummary(self._rubric)
            for state in gather_object([self._summary.state]):
                summary.merge_state(state)
        self._begin(None)
        results = summary.results()
        for result in results:
            if result.incomplete:
                logger.warning("aggregate %s of reward %r has no rows: %s", result.kind, result.reward, result.coverage.problem)
        values = {result.key(number): number.value for result in results for number in result.numbers}
        own = getattr(trainer, "_metrics", {}).get("eval", {})
        for name in values.keys() & own.keys():  # TRL's mean of batch means, which a short batch or failed rows put out of proportion
            if (value := values[name]) is not None:
                own[name] = [value]
        return {f"{prefix}_{name}": value for name, value in values.items()}


def check_aggregates(rubric: Rubric, trainer: Any) -> None:
    """Check that the best model is chosen by an aggregate that is there, and the right way round; warn of a k without enough completions.

    Raises:
        RewardError: naming the setting.
    """
    args = getattr(trainer, "args", None)
    if getattr(trainer, "eval_dataset", None) is None or not hasattr(trainer, "num_generations_eval"):
        return
    generations, best = trainer.num_generations_eval, getattr(args, "metric_for_best_model", None) or ""
    known = {}
    for each in aggregates_of(rubric):
        for number in each.numbers(each.start()):
            known["/".join(["rewards", each.reward, *([each.name] if each.name else []), number.name])] = number, each
    found = re.search(r"(?:^|_)(rewards/.+)$", best)
    name = found[1] if found else ""
    for each in rubric.aggregates:
        if each.largest_k > generations:
            said = f"aggregate over {each.reward!r} with k = {each.largest_k} needs as many completions to a prompt, got num_generations_eval {generations}"
            if re.fullmatch(rf"rewards/{re.escape(each.reward)}/.*[@^]{each.largest_k}", name):
                raise RewardError(f"metric_for_best_model {best!r}: {said}")
            logger.warning("%s: it has no number in this run's evaluations", said)
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.85)
        if near and not re.fullmatch(r"rewards/[^/]+/(mean|std|min|max|seconds|\w+_rate|components/.+)", name):
            raise RewardError(f"metric_for_best_model must be a metric of the evaluation, got {best!r}; did you mean 'eval_{near[0]}'?")
        return
    number, _ = known[name]
    if number.direction is None:
        raise RewardError(f"metric_for_best_model must be a metric of which more or less is better, got {best!r}")
    if (number.direction == "up") != bool(getattr(args, "greater_is_better", True)):
        raise RewardError(
            f"greater_is_better must be {number.direction == 'up'} with metric_for_best_model {best!r}, got {getattr(args, 'greater_is_better', None)}"
        )


def _is_best_metric(trainer: Any, key: str) -> bool:
    wanted = getattr(trainer.args, "metric_for_best_model", None)
    return wanted is not None and key in (wanted, f"eval_{wanted}")


def _length(dataset: Any) -> int | None:
    """The prompts of a dataset; None where that is not known."""
    return len(dataset) if hasattr(dataset, "__len__") and not isinstance(dataset, dict) else None


def _plain(references: Mapping[str, Any]) -> str:
    """A row's plain columns as text: rows of one prompt and different references are two problems."""
    return json.dumps({name: value for name, value in references.items() if isinstance(value, _PLAIN)}, default=lambda value: type(value).__name__)
