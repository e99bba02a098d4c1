"""Answers to multiple-choice questions: a letter, a digit, or the text of an option."""

from rl_rewards.scorers.multiple_choice.scorer import MultipleChoice

__all__ = ["MultipleChoice"]
