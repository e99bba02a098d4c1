"""Reward Kit's names: the decorator, RewardFunction here and over HTTP, the TRL adapter, load_jsonl."""

import importlib

import pytest

from rl_rewards import EvaluateResult, Message
from rl_rewards.compat import reward_kit
from rl_rewards.compat.reward_kit import RewardFunction, load_jsonl, models, reward_function, rewards
from rl_rewards.compat.reward_kit.integrations.trl import create_trl_adapter
from rl_rewards.compat.reward_kit.rewards.length import cosine_length_reward, length_reward
from rl_rewards.compat.reward_kit.rewards.math import math_reward
from rl_rewards.runtime.calling.errors import CallError

TURNS = [{"role": "user", "content": "40 + 2?"}, {"role": "assistant", "content": "The answer is 42"}]


@reward_function
def says_it(messages: list[Message], ground_truth=None, bonus: float = 0.0, **kwargs) -> EvaluateResult:
    if "boom" in messages[-1].content:
        raise ConnectionError("the database is away")
    return EvaluateResult(float(str(ground_truth) in messages[-1].content) + bonus, reason=messages[0].role)


def test_the_types_are_this_librarys_own():
    assert models.EvaluateResult is EvaluateResult and reward_kit.Message is Message
    assert {"Message", "MetricResult", "EvaluateResult", "reward_function", "RewardFunction", "load_jsonl"} <= set(dir(reward_kit))


@pytest.mark.parametrize(("name", "what"), [("make", "TRL's"), ("create_llm_resource", "judge"), ("nothing", "no attribute")])
def test_a_name_that_is_not_here_says_what_is(name, what):
    with pytest.raises(AttributeError, match=what):
        getattr(reward_kit, name)


def test_the_built_in_rewards_are_found_as_modules_and_as_functions():
    assert rewards.math.math_reward is math_reward
    assert rewards.fractional_code_reward is rewards.code_execution.fractional_code_reward
    with pytest.raises(AttributeError, match="there are accuracy, "):
        rewards.made_up  # noqa: B018


def test_what_a_deployment_reads_is_on_the_function():
    made = reward_function(lambda messages, **kwargs: 1.0, id="brief", requirements=["numpy>=2"])
    assert (made._reward_function_id, made._reward_function_requirements, made._reward_function_mode) == ("brief", ["numpy>=2"], "pointwise")


def test_resources_are_set_up_once_and_handed_over():
    class Counter:
        ups = 0

        def setup(self):
            self.ups += 1

        def get_client(self):
            return self

    counter = Counter()

    @reward_function(resources={"counters": [counter]})
    def ups(messages, resources, **kwargs):
        return float(resources["counters"][0].ups)

    assert [ups(messages=TURNS).score for _ in range(2)] == [1.0, 1.0]


@pytest.mark.parametrize("path", [f"{__name__}:says_it", f"{__name__}.says_it"])
def test_a_local_function_is_called_by_itself_or_by_its_path(path):
    by_path = RewardFunction(func_path=path, bonus=1.0)
    assert by_path(messages=TURNS, ground_truth="42").score == RewardFunction(func=says_it)(TURNS, "42", bonus=1.0).score == 2.0


def test_older_results_are_taken():
    result = RewardFunction(func=lambda messages, ground_truth, **kwargs: (0.5, {"part": 0.25}))(TURNS)
    assert (result.score, result.metrics["part"].score) == (0.5, 0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs func or func_path"),
        ({"mode": "remote"}, "needs endpoint or name"),
        ({"mode": "fireworks_hosted"}, "needs model_id"),
        ({"mode": "cloud"}, "mode must be one of local, remote, fireworks_hosted"),
        ({"mode": "remote", "endpoint": "ftp://x"}, "endpoint must begin with http"),
    ],
)
def test_a_reward_function_without_what_it_needs_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RewardFunction(**options)


def test_an_endpoint_is_sent_the_call_and_its_reply_is_the_result(service, monkeypatch):
    monkeypatch.setenv("FIREWORKS_API_KEY", "fw-secret-key-1234")
    reply = {"score": 0.5, "reason": "half", "metrics": {"a": {"score": 0.25, "success": False, "reason": "r"}, "b": 1}}
    server = service(lambda body, number: reply)
    result = RewardFunction(mode="remote", endpoint=server.url, level=3)(TURNS, ground_truth={"answer": 42})
    assert (result.score, result.reason, result.metrics["a"].is_score_valid, result.metrics["b"].score) == (0.5, "half", False, 1.0)
    [(_, headers, body)] = server.seen
    assert headers["authorization"] == "Bearer fw-secret-key-1234"
    assert body == {"messages": TURNS, "ground_truth": {"answer": 42}, "level": 3}
    RewardFunction(mode="remote", endpoint=server.url.replace("/score", "/evaluate"), level=3)(TURNS)
    assert server.bodies[1] == {"messages": TURNS, "ground_truth": None, "kwargs": {"level": 3}}


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        ((401, "who are you", {}), CallError, "401.*who are you"),
        ({"points": 1}, ValueError, "'score'"),
        ({"score": "high"}, ValueError, "must be a number"),
    ],
)
def test_an_endpoint_that_gives_no_score_is_an_error(service, reply, error, message):
    with pytest.raises(error, match=message):
        RewardFunction(mode="remote", endpoint=service(lambda body, number: reply).url)(TURNS, "42")


def test_an_endpoints_failure_is_no_score():
    from rl_rewards.compat.reward_kit.reward_function import _result_of_reply

    result = _result_of_reply({"score": None, "is_score_valid": False, "error": "the reward hangs"})
    assert result.failed and result.error == "the reward hangs"


def test_an_adapter_keeps_the_conversation_and_its_failures_are_none(caplog):
    adapter = create_trl_adapter(says_it, {"answer": "ground_truth"}, static_reward_kwargs={"bonus": 0.5})
    prompt = [{"role": "system", "content": "Be brief."}, TURNS[0]]
    completions = [[TURNS[1]], [{"role": "assistant", "content": "boom"}]]
    assert adapter(prompts=[prompt, prompt], completions=completions, answer=["42", "42"], other=["x", "y"]) == [1.5, None]
    assert adapter.__name__ == "says_it" and "the database is away" in caplog.text


def test_an_adapter_of_a_batch_function_calls_it_once():
    sizes = []

    @reward_function(mode="batch")
    def lengths(rollouts_messages: list[list[Message]], **kwargs):
        sizes.append(len(rollouts_messages))
        return [EvaluateResult(float(len(turns[-1].content))) for turns in rollouts_messages]

    assert create_trl_adapter(lengths, {})(prompts=["a", "b"], completions=["one", "four"]) == [3.0, 4.0]
    assert sizes == [2]


def test_an_adapters_own_texts_take_the_place_of_the_messages():
    adapter = create_trl_adapter(says_it, {"answer": "ground_truth"}, None, lambda prompt: "Q", lambda completion: completion.upper())
    assert adapter(prompts=["x"], completions=["yes"], answer=["YES"]) == [1.0]


def test_the_adapter_of_a_reward_function_reads_the_solution():
    adapter = RewardFunction(func=says_it).get_trl_adapter()
    assert adapter(prompts=[TURNS[:1]] * 2, completions=["It is 42", "boom"], solution=["42", "42"]) == [1.0, None]


def test_the_adapter_of_a_reward_function_reads_ground_truth_where_there_is_no_solution():
    adapter = RewardFunction(func=lambda messages, ground_truth=None, **_: float(messages[-1]["content"] == ground_truth)).get_trl_adapter()
    rows = {"prompts": ["q", "q", "q"], "completions": ["42", "41", "7"], "ground_truth": ["42", "42", "42"], "solution": [None, None, "7"]}
    assert adapter(**rows) == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("module", "name", "why"),
    [
        ("rewards", "language_consistency", "a heuristic that nothing checks"),
        ("rewards", "deepcoder_reward", "use fractional_code_reward"),
        ("rewards.code_execution", "e2b_code_execution_reward", "no program leaves this machine; use local_code_execution_reward"),
        ("rewards.function_calling", "schema_jaccard_reward", "use exact_tool_match_reward"),
    ],
)
def test_a_name_of_reward_kit_that_is_left_out_says_why_when_it_is_imported(module, name, why):
    with pytest.raises(ImportError, match=why):
        getattr(importlib.import_module(f"rl_rewards.compat.reward_kit.{module}"), name)


def test_load_jsonl_reads_every_line_or_says_which_it_cannot(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert load_jsonl(file) == [{"a": 1}, {"a": 2}]
    file.write_text('{"a": 1}\nnot JSON\n')
    with pytest.raises(ValueError, match="line 2"):
        load_jsonl(str(file))
    with pytest.raises(OSError):
        load_jsonl(str(tmp_path / "nothing.jsonl"))


@pytest.mark.parametrize("turns", [[], TURNS[:1]])
def test_a_conversation_without_a_response_is_no_score(turns):
    assert math_reward(messages=turns, ground_truth="42").failed


@pytest.mark.parametrize(
    ("arguments", "score"),
    [
        ({"min_length": 6}, 0.5),
        ({"max_length": 2}, 0.5),
        ({"min_length": 4, "max_length": 4}, 0.75),
        ({"target_length": 3, "reward_range": [-1, 1]}, 1.0),
    ],
)
def test_lengths(arguments, score):
    assert length_reward(messages=[{"role": "assistant", "content": "one two three"}], **arguments).score == pytest.approx(score)


@pytest.mark.parametrize("arguments", [{"scaling": "square"}, {"token_method": "bytes"}, {"reward_range": [1, 0]}])
def test_a_wrong_argument_is_no_score(arguments):
    assert length_reward(messages=TURNS, target_length=3, **arguments).failed
    assert cosine_length_reward(messages=TURNS).failed
