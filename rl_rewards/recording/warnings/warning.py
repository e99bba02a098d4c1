"""What a warning says: its kind, where it begins, the numbers behind it, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["REMEDIES", "RunWarning"]

REMEDIES: Mapping[str, str] = {
    "metric_falls": "Read completions from before and after this step: the policy may be paid for something that the metric does not value. "
    "Stop at an earlier checkpoint, or give the metric a weight or a gate.",
    "variance_share": "Lower its weight, clip it or rescale it; in a GRPO group only the spread of the total counts, not its mean.",
    "groups_all_right": "These groups carry no gradient. Stop here, or train on harder prompts.",
    "groups_all_wrong": "These groups carry no gradient. Use easier prompts, more generations for each prompt, or a reward with partial credit.",
    "length_runaway": "Penalise length, lower max_completion_length, or look for a reward that grows with length.",
    "length_limit": "Completions are cut off before their end. Raise max_completion_length, or mask truncated completions and penalise length.",
    "unparsed_rate": "Read unparsed completions: the format was lost, or the parser is too strict.",
    "error_rate": "The reward itself fails; no completion is to blame. Read the reasons of its failed rows.",
    "timeout_rate": "Read the rows that ran out of time: a server is slow, or the policy writes programs that do not end.",
    "skipped_rate": "The reward applies to fewer rows than before: look at its `when` and at the data set from this step on.",
    "clipped": "Scores beyond the clip are all alike and teach nothing. Widen the clip, or rescale the reward.",
    "gate_closed": "The reward counts for few rows. Lower the gate's threshold, or train what it waits for first.",
    "reward_collapse": "Go back to the checkpoint before this step; lower the learning rate, or raise beta or the clipping of the ratio.",
    "dead_reward": "A reward of one value for all rows has no gradient. Check its parser and its reference, or remove it.",
    "effective_reward": "The total rises in groups that carry no gradient. Check whether prompts grew easier or a reward is paid to every completion.",
    "rewards_identical": "Two rewards measure the same: the policy is paid twice for it. Remove one, or add their weights.",
    "rewards_opposed": "Two rewards cancel each other out. Decide which one matters, or gate one by the other.",
    "saturated": "The reward no longer tells completions apart. Stop here, raise its ceiling, or train on harder prompts.",
    "unscorable_rows": "These rows are left out of training. Read the reasons of the failed rewards.",
    "seconds_grow": "Look at the slowest rows, at the server's load, and at the lengths of the completions.",
    "duplicates": "The policy samples the same text again and again. Raise the temperature, or add an entropy bonus or a KL penalty.",
    "kl_runaway": "The policy leaves its reference quickly. Lower the learning rate, or raise beta.",
    "entropy_collapse": "The policy hardly explores any more. Lower the learning rate, raise the temperature, or raise epsilon_high.",
}
"""Kind -> what to do."""


@dataclass(frozen=True)
class RunWarning:
    """One warning about a run; the fields that an audit's finding has, too, mean the same.

    Attributes:
        kind: a key of REMEDIES.
        reward: the reward that it is about; None where it is the total, or the run as a whole.
        step: the trainer's step at which it begins; None for rows without steps.
        evidence: what was seen, in a sentence with its numbers.
        numbers: the same numbers by name.
        severity: `warning`, or `note` for what is as it should be after learning but still worth knowing, such as a solved task.
        until: the last step of it; None while it goes on.
        other: the second reward of two.
    """

    kind: str
    reward: str | None
    step: int | None
    evidence: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    severity: Literal["warning", "note"] = "warning"
    until: int | None = None
    other: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in REMEDIES:
            raise ValueError(f"kind must be one of {sorted(REMEDIES)}, got {self.kind!r}")

    @property
    def remedy(self) -> str:
        """What to do."""
        return REMEDIES[self.kind]

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """What makes two warnings the same one."""
        return self.kind, self.reward, self.other

    @property
    def title(self) -> str:
        """Its kind and its rewards: `error_rate (judge)`."""
        rewards = [name for name in (self.reward, self.other) if name is not None]
        return f"{self.kind} ({', '.join(rewards)})" if rewards else self.kind

    def __str__(self) -> str:
        where = "" if self.step is None else f" from step {self.step}" + (f" to {self.until}" if self.until is not None else "")
        return f"{self.title}{where}: {self.evidence}"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {**asdict(self), "numbers": dict(self.numbers), "remedy": self.remedy}
