"""verl 0.9's reward manager of a rubric: it sees the prompt, the token ids and the group, which a reward function does not.

    reward.reward_manager.source=importlib reward.reward_manager.name=RubricRewardManager
    reward.reward_manager.module.path=pkg://rl_rewards.bridges.verl
    +reward.custom_reward_function.reward_kwargs.rubric=rubric.yaml

Options are those of `compute_score`, and `patience`: seconds that a group whose rewards compare it waits for its last completions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase  # pyright: ignore[reportMissingImports]

from rl_rewards.bridges.caller import Caller, check_options
from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.gathering import Gathering
from rl_rewards.bridges.labels import references_of
from rl_rewards.bridges.scored_row import ScoredRow
from rl_rewards.bridges.verl.function import OPTIONS, row_info, scoring_for_verl, verl_score
from rl_rewards.policy_tokens import PolicyTokenizer
from rl_rewards.types import Sample

__all__ = ["RubricRewardManager"]

_MANAGER = Caller("verl's reward manager", ("raise", "drop_group", "group_mean"), groups=True, token_ids=True)


class RubricRewardManager(RewardManagerBase):
    """Scores with a rubric whatever verl's agent loops hand over."""

    def __init__(
        self, config: Any, tokenizer: Any, compute_score: Any, reward_router_address: Any = None, reward_model_tokenizer: Any = None
    ) -> None:
        super().__init__(config, tokenizer, compute_score)
        options = dict((config.reward.get("custom_reward_function") or {}).get("reward_kwargs") or {})
        check_options(options, (*OPTIONS, "patience"), (), "reward_kwargs")
        self._scoring = scoring_for_verl(options.get("rubric"), options.get("unscorable", "raise"), _MANAGER)
        self._column, self._components = options.get("column"), tuple(options.get("components") or ())
        self._policy_tokenizer = PolicyTokenizer(tokenizer, dict(config.data.get("apply_chat_template_kwargs") or {}) if "data" in config else None)
        self._groups: Gathering[Sample, ScoredRow] | None = None
        if any(reward.score.traits.needs_groups for reward in self._scoring.rubric.rewards):
            if (workers := config.reward.get("num_workers", 8)) != 1:
                raise BridgeError(f"reward.num_workers must be 1 for a reward that compares the completions of a group, got {workers}")
            self._groups = Gathering(self._scored_group, config.actor_rollout_ref.rollout.n, float(options.get("patience", 600)))

    async def run_single(self, data: Any) -> dict[str, Any]:
        """verl's call: one completion, in its last sequence where there are several.

        Raises:
            RewardError: where it has no score, with `unscorable` raise.
        """
        item = data[-1:][0]
        sample = await asyncio.to_thread(self._sample, item)  # decodes
        if self._groups is None:
            (row,) = await self._scoring.score_aio([sample])
        else:
            if (uid := item.non_tensor_batch.get("uid")) is None:
                raise BridgeError(f"rows must have a uid where a reward compares a group; this one has {sorted(item.non_tensor_batch)}")
            row = await self._groups.add(uid, sample)
        return {"reward_score": verl_score(row, self._scoring.unscorable), "reward_extra_info": row_info(row, self._components)}

    def _scored_group(self, samples: Sequence[Sample]) -> list[ScoredRow]:
        for index, sample in enumerate(samples):
            sample.group, sample.index = 0, index
        return self._scoring.score(samples)

    def _sample(self, item: Any) -> Sample:
        row = item.non_tensor_batch
        ids = item.batch["responses"]
        length = ids.shape[-1]
        ids = ids[: int(item.batch["attention_mask"][-length:].sum())]
        mask = item.batch.get("response_mask")
        response = self.tokenizer.decode(ids, skip_special_tokens=True)
        fields: dict[str, Any] = {**(row.get("extra_info") or {}), "data_source": row.get("data_source")}
        if isinstance(extra := row.get("tool_extra_fields"), Mapping):
            fields.update(extra)
        label = (row.get("reward_model") or {}).get("ground_truth")
        references = references_of(label, fields, self._scoring.columns_read, self._column, "ground_truth")
        prompt = row.get("raw_prompt")
        prompt = prompt if prompt is None or isinstance(prompt, str) else [dict(message) for message in prompt]
        return Sample(
            prompt,
            response,
            response,
            references,
            ids.tolist(),
            policy_mask=None if mask is None else mask[: len(ids)].tolist(),
            tokenizer=self._policy_tokenizer,
        )
