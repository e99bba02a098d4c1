"""The values that every reward speaks in: Reward Kit's names, defaults and dict-style reads."""

import json
import math
import pickle

import pytest

from rl_rewards import EvaluateResult, Message, MetricResult, Outcome, Sample, StepOutput
from rl_rewards.types import response_of, text_of


def test_an_evaluate_result_has_reward_kits_fields_and_defaults():
    result = EvaluateResult(score=0.5)
    assert dict(result) == {
        "score": 0.5,
        "is_score_valid": True,
        "reason": None,
        "metrics": {},
        "step_outputs": None,
        "error": None,
        "outcome": Outcome.SCORED,
    }


def test_results_and_metrics_read_like_dicts():
    result = EvaluateResult(score=0.5, reason="half", metrics={"a": MetricResult(score=0.25, reason="quarter", is_score_valid=False)})
    assert result["score"] == 0.5
    assert "reason" in result and "model_dump" not in result
    assert result.get("nothing", 7) == 7 and result.get("model_dump") is None
    assert result["metrics"]["a"]["score"] == 0.25
    assert dict(result["metrics"]["a"]) == {"is_score_valid": False, "score": 0.25, "reason": "quarter"}
    with pytest.raises(KeyError):
        result["nothing"]


def test_scores_are_unbounded():
    assert EvaluateResult(score=-3.0).score == -3.0
    assert MetricResult(score=41.5).score == 41.5


def test_a_dump_is_plain_and_its_json_has_no_nan():
    result = EvaluateResult(score=math.nan, metrics={"a": MetricResult(1.0, "why")}, step_outputs=[StepOutput(step_index=0, base_reward=math.inf)])
    assert result.model_dump()["metrics"] == {"a": {"is_score_valid": True, "score": 1.0, "reason": "why"}}
    read = json.loads(result.model_dump_json())
    assert read["score"] is None and read["step_outputs"][0]["base_reward"] is None and read["outcome"] == "scored"


def test_metrics_are_not_shared_between_results():
    first, second = EvaluateResult(1.0), EvaluateResult(1.0)
    first.metrics["a"] = MetricResult(1.0)
    assert second.metrics == {}


def test_a_failure_has_no_score_and_is_not_a_skip():
    failure = EvaluateResult.failure(Outcome.TIMEOUT, "took 5 s")
    assert failure.score is None and failure.failed and failure.error == "took 5 s"
    assert not EvaluateResult.skip("other task").failed
    assert not EvaluateResult(0.0, outcome=Outcome.TIMEOUT).failed, "the policy's own timeout is scored"


def test_results_survive_pickling():
    result = EvaluateResult(0.5, "half", {"a": MetricResult(1.0)}, outcome=Outcome.UNPARSED)
    assert pickle.loads(pickle.dumps(result)) == result


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hello", "hello"),
        (None, ""),
        ([], ""),
        ([{"type": "text", "text": "a"}, {"type": "image", "image": object()}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "text", "text": None}], ""),
        (["a", "b"], "ab"),
    ],
)
def test_the_text_of_a_content_is_its_text_parts(content, text):
    assert text_of(content) == text
    assert Message("assistant", content).text == text


def test_a_message_takes_any_role_and_keeps_what_it_does_not_know():
    message = Message.model_validate({"role": "critic", "content": None, "reasoning_content": "hm", "weight": 0})
    assert message.role == "critic" and message.extra == {"reasoning_content": "hm", "weight": 0}
    assert message.model_dump()["reasoning_content"] == "hm"


@pytest.mark.parametrize("value", [{"content": "x"}, {"role": None}, {"role": 3}, "text", None])
def test_a_message_without_a_role_is_refused(value):
    with pytest.raises(ValueError, match="[Rr]ole|must be a dict"):
        Message.model_validate(value)


ASSISTANT, TOOL = {"role": "assistant", "content": "final"}, {"role": "tool", "content": "42"}


@pytest.mark.parametrize(
    ("completion", "response"),
    [
        ("plain", "plain"),
        ([ASSISTANT], "final"),
        ([{"role": "assistant", "tool_calls": [{}]}, TOOL, ASSISTANT], "final"),
        ([{"role": "assistant", "content": "asks"}, TOOL], "asks"),
        ([{"role": "assistant", "tool_calls": [{}]}], ""),
        ([TOOL], ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_response_is_the_last_thing_the_policy_said(completion, response):
    assert response_of(completion) == response


def test_a_sample_makes_one_conversation_of_prompt_and_completion():
    sample = Sample("2+2?", "4", "4")
    assert [(m.role, m.content) for m in sample.messages] == [("user", "2+2?"), ("assistant", "4")]
    chat = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert [m.role for m in Sample(chat, [ASSISTANT], "final").messages] == ["system", "user", "assistant"]
