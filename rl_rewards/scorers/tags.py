"""Whether a response has the shape `<think>...</think> <answer>...</answer>`, or `<think>...</think>` and an answer without tags."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.parsers.tag import Tag
from rl_rewards.scorers.base import AnswerScorer, Traits
from rl_rewards.scorers.texts import answer_text, has_content
from rl_rewards.types import EvaluateResult, Sample


@configured
class TagCount(AnswerScorer):
    """Scores the share of tags that are as they should be, so that a format can be learned piece by piece.

    An opening tag counts when it occurs exactly once, a closing tag when it occurs exactly once, after its opening tag, with more than
    white space between the two: empty and repeated tags earn nothing. One component for each name. The score is
    wrong + share * (correct - wrong).

    Raises:
        ValueError: when there is no name, or one cannot be a tag's, or is given twice.
    """

    names: tuple[str, ...] = ("think", "answer")
    """Names of the tags, without angle brackets."""

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"The names are one or more different tags, found {list(self.names)}")
        for name in self.names:
            Tag(name)

    @property
    def traits(self) -> Traits:
        return replace(super().traits, reads_thinking=True)

    def score_answer(self, answer: Any, target: None, sample: Sample) -> EvaluateResult:
        text = answer_text(answer)
        shares = {name: _tag_share(text, name) for name in self.names}
        share = sum(shares.values()) / len(shares)
        return EvaluateResult(self.wrong + share * (self.correct - self.wrong), metrics=shares)


def _tag_share(text: str, name: str) -> float:
    """Half for an opening tag, half for a closing one."""
    opening, closing = f"<{name}>", f"</{name}>"
    opened, closed = text.count(opening) == 1, text.count(closing) == 1
    if not opened:
        return 0.0
    start, end = text.find(opening) + len(opening), text.find(closing)
    return 1.0 if closed and start < end and has_content(text[start:end]) else 0.5


@configured
class ThinkAnswerFormat(AnswerScorer):
    """Scores whether a response is reasoning and then an answer, each in its tags, and nothing else.

    Both tags have content, each tag occurs exactly once, and there is only white space before, between and after them.

    Raises:
        ValueError: when a name cannot be a tag's, or both are the same.
    """

    think: str = "think"
    """Name of the tag around the reasoning."""
    answer: str = field(default="answer", kw_only=True)
    """Name of the tag around the answer."""
    opened: bool = field(default=False, kw_only=True)
    """Whether the prompt ends with the opening tag of the reasoning, as some chat templates do, so that the response has none. A prompt of
    plain text and the trainer's chat template are looked at in any case."""

    def __post_init__(self) -> None:
        if Tag(self.think) == Tag(self.answer):
            raise ValueError(f"The two tags have different names, found {self.think!r} twice")

    @property
    def traits(self) -> Traits:
        return replace(super().traits, reads_thinking=True)

    @cached_property
    def _tags(self) -> tuple[str, str, str, str]:
        return f"<{self.think}>", f"</{self.think}>", f"<{self.answer}>", f"</{self.answer}>"

    def score_answer(self, answer: Any, target: None, sample: Sample) -> EvaluateResult:
        # Where it is known that the prompt has opened the reasoning, or the caller has split it off, the sample has put the tag back.
        opened = self.opened and not sample.reasoning_apart and not sample.thinking_opened
        fault = self.fault(answer_text(answer), opened)
        return EvaluateResult(self.correct) if fault is None else EvaluateResult(self.wrong, fault)

    def fault(self, text: str, opened: bool) -> str | None:
        """What is wrong with the shape of `text`, whose reasoning the prompt may have opened; None when nothing is."""
        think, think_end, answer, answer_end = self._tags
        if opened:
            if think in text:
                return f"{think} is in the prompt, and again in the response"
            text = think + text
        for tag in self._tags:
            if (count := text.count(tag)) != 1:
                return f"{tag} occurs {count} times"
        before, _, rest = text.partition(think)
        reasoning, _, rest = rest.partition(think_end)
        between, _, rest = rest.partition(answer)
        content, closed, after = rest.partition(answer_end)
        if not closed:  # each partition found its tag behind the one before it only if the last one did
            return "the tags are out of order"
        if before.strip() or between.strip() or after.strip():
            return "there is text outside the tags"
        if not has_content(reasoning) or not has_content(content):
            return f"{think if not has_content(reasoning) else answer} is empty"
        return None


@configured
class ThinkFormat(AnswerScorer):
    """Scores whether a response begins with closed reasoning in its tag, whatever follows, as TRL's `think_format_reward` has it.

    The opening tag is the first thing in the response and occurs once; the closing tag is behind it. No tag around the answer is asked for.

    Raises:
        ValueError: when the name cannot be a tag's.
    """

    think: str = "think"
    """Name of the tag around the reasoning."""
    opened: bool = field(default=False, kw_only=True)
    """Whether the prompt ends with the opening tag, as some chat templates do, so that the response has none. A prompt of plain text and the
    trainer's chat template are looked at in any case."""
    empty: bool = field(default=True, kw_only=True)
    """Whether the reasoning may be empty, as TRL lets it."""

    def __post_init__(self) -> None:
        Tag(self.think)

    @property
    def traits(self) -> Traits:
        return replace(super().traits, reads_thinking=True)

    def score_answer(self, answer: Any, target: None, sample: Sample) -> EvaluateResult:
        opened = self.opened and not sample.reasoning_apart and not sample.thinking_opened
        fault = self.fault(answer_text(answer), opened)
        return self.verdict(fault is None, fault)

    def fault(self, text: str, opened: bool) -> str | None:
        """What is wrong with the shape of `text`, whose reasoning the prompt may have opened; None when nothing is."""
        opening, closing = f"<{self.think}>", f"</{self.think}>"
        if opened:
            text = opening + text
        if not text.startswith(opening):
            return f"the response does not begin with {opening}"
        if (count := text.count(opening)) != 1:
            return f"{opening} occurs {count} times"
        reasoning, closed, _ = text[len(opening) :].partition(closing)
        if not closed:
            return f"{closing} is missing"
        return None if self.empty or has_content(reasoning) else f"{opening} is empty"
