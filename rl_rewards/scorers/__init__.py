"""Scorers: a batch of samples and their answers -> one result each.

scorer({"string_match": {"equals": "{{references.answer}}"}})
scorer({"number_match": "answer"})
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rl_rewards.kinds import Kinds
from rl_rewards.scorers.base import AnswerScorer, ReferenceScorer, RowScorer, Scorer, Traits

if TYPE_CHECKING:
    from rl_rewards.scorers.autorater import Autorater
    from rl_rewards.scorers.code.python_reward import PythonReward
    from rl_rewards.scorers.code.python_tests import PythonTests
    from rl_rewards.scorers.embedding import CosineSimilarity
    from rl_rewards.scorers.formula import Formula
    from rl_rewards.scorers.function import Function
    from rl_rewards.scorers.graders.label_model import LabelModel
    from rl_rewards.scorers.graders.python_grader import PythonGrader
    from rl_rewards.scorers.graders.score_model import ScoreModel
    from rl_rewards.scorers.graders.string_check import StringCheck
    from rl_rewards.scorers.http import Http
    from rl_rewards.scorers.instruction_following import InstructionFollowing
    from rl_rewards.scorers.json_match import JsonMatch
    from rl_rewards.scorers.json_schema import JsonSchema
    from rl_rewards.scorers.judge import GroupJudge, Judge, PairwiseJudge
    from rl_rewards.scorers.lambda_handler import LambdaHandler
    from rl_rewards.scorers.length import LengthWindow, SoftOverlong
    from rl_rewards.scorers.math import MathVerify
    from rl_rewards.scorers.metric_folder import MetricFolder
    from rl_rewards.scorers.multiple_choice import MultipleChoice
    from rl_rewards.scorers.number_match import NumberMatch
    from rl_rewards.scorers.reasoning_steps import ReasoningSteps
    from rl_rewards.scorers.regex_match import RegexMatch
    from rl_rewards.scorers.remote_reward_model.scorer import RemoteRewardModel
    from rl_rewards.scorers.repetition import Repetition
    from rl_rewards.scorers.reward_model import RewardModel, RewardModelEnsemble
    from rl_rewards.scorers.right_length import CosineLength, GroupLength
    from rl_rewards.scorers.string_match import StringMatch
    from rl_rewards.scorers.tags import TagCount, ThinkAnswerFormat, ThinkFormat
    from rl_rewards.scorers.text_similarity import TextSimilarity
    from rl_rewards.scorers.tool_call_match import ToolCallMatch
    from rl_rewards.scorers.words import ExactMatch, TokenF1

__all__ = [
    "KINDS",
    "AnswerScorer",
    "Autorater",
    "CosineLength",
    "CosineSimilarity",
    "ExactMatch",
    "Formula",
    "Function",
    "GroupJudge",
    "GroupLength",
    "Http",
    "InstructionFollowing",
    "JsonMatch",
    "JsonSchema",
    "Judge",
    "LabelModel",
    "LambdaHandler",
    "LengthWindow",
    "MathVerify",
    "MetricFolder",
    "MultipleChoice",
    "NumberMatch",
    "PairwiseJudge",
    "PythonGrader",
    "PythonReward",
    "PythonTests",
    "ReasoningSteps",
    "ReferenceScorer",
    "RegexMatch",
    "RemoteRewardModel",
    "Repetition",
    "RewardModel",
    "RewardModelEnsemble",
    "RowScorer",
    "ScoreModel",
    "Scorer",
    "SoftOverlong",
    "StringCheck",
    "StringMatch",
    "TagCount",
    "ThinkAnswerFormat",
    "ThinkFormat",
    "TextSimilarity",
    "TokenF1",
    "ToolCallMatch",
    "Traits",
    "scorer",
]

KINDS = Kinds(
    "scorer",
    Scorer,
    {
        "function": "rl_rewards.scorers.function:Function",
        "metric_folder": "rl_rewards.scorers.metric_folder.scorer:MetricFolder",
        "formula": "rl_rewards.scorers.formula:Formula",
        "string_match": "rl_rewards.scorers.string_match:StringMatch",
        "regex_match": "rl_rewards.scorers.regex_match:RegexMatch",
        "number_match": "rl_rewards.scorers.number_match:NumberMatch",
        "instruction_following": "rl_rewards.scorers.instruction_following:InstructionFollowing",
        "multiple_choice": "rl_rewards.scorers.multiple_choice:MultipleChoice",
        "exact_match": "rl_rewards.scorers.words:ExactMatch",
        "token_f1": "rl_rewards.scorers.words:TokenF1",
        "string_check": "rl_rewards.scorers.graders.string_check:StringCheck",
        "text_similarity": "rl_rewards.scorers.text_similarity:TextSimilarity",
        "json_match": "rl_rewards.scorers.json_match:JsonMatch",
        "tool_call_match": "rl_rewards.scorers.tool_call_match:ToolCallMatch",
        "json_schema": "rl_rewards.scorers.json_schema:JsonSchema",
        "math_verify": "rl_rewards.scorers.math:MathVerify",
        "python_tests": "rl_rewards.scorers.code.python_tests:PythonTests",
        "python_reward": "rl_rewards.scorers.code.python_reward:PythonReward",
        "python_grader": "rl_rewards.scorers.graders.python_grader:PythonGrader",
        "score_model": "rl_rewards.scorers.graders.score_model:ScoreModel",
        "label_model": "rl_rewards.scorers.graders.label_model:LabelModel",
        "tag_count": "rl_rewards.scorers.tags:TagCount",
        "think_format": "rl_rewards.scorers.tags:ThinkFormat",
        "think_answer_format": "rl_rewards.scorers.tags:ThinkAnswerFormat",
        "reasoning_steps": "rl_rewards.scorers.reasoning_steps:ReasoningSteps",
        "soft_overlong": "rl_rewards.scorers.length:SoftOverlong",
        "length_window": "rl_rewards.scorers.length:LengthWindow",
        "cosine_length": "rl_rewards.scorers.right_length:CosineLength",
        "group_length": "rl_rewards.scorers.right_length:GroupLength",
        "repetition": "rl_rewards.scorers.repetition:Repetition",
        "cosine_similarity": "rl_rewards.scorers.embedding:CosineSimilarity",
        "reward_model": "rl_rewards.scorers.reward_model:RewardModel",
        "reward_model_ensemble": "rl_rewards.scorers.reward_model:RewardModelEnsemble",
        "judge": "rl_rewards.scorers.judge.scorer:Judge",
        "pairwise_judge": "rl_rewards.scorers.judge.pairwise:PairwiseJudge",
        "group_judge": "rl_rewards.scorers.judge.group:GroupJudge",
        "autorater": "rl_rewards.scorers.autorater:Autorater",
        "lambda_handler": "rl_rewards.scorers.lambda_handler:LambdaHandler",
        "http": "rl_rewards.scorers.http:Http",
        "remote_reward_model": "rl_rewards.scorers.remote_reward_model.scorer:RemoteRewardModel",
    },
)


def scorer(spec: Any) -> Scorer:
    """Make a scorer from a spec of a rubric file: a kind, a mapping of one kind to its options, or a Scorer as it is.

    Raises:
        ValueError: when the spec is of another form, names an unknown kind, or has wrong options.
    """
    if isinstance(spec, Scorer):
        return spec
    if isinstance(spec, type) and issubclass(spec, Scorer):
        raise ValueError(f"a scorer must be an instance, got the class {spec.__name__}: write {spec.__name__}(...)")
    if callable(spec):
        name = getattr(spec, "__name__", type(spec).__name__)
        raise ValueError(f"a scorer must be a kind, a mapping or a Scorer, got the function {name}: decorate it with @rl_rewards.reward_function")
    return KINDS.make(spec)


def __getattr__(name: str) -> Any:
    return KINDS.class_named(name, __name__)


def __dir__() -> list[str]:
    return [*globals(), *KINDS.class_names]
