"""A chat endpoint in a process of its own, well-behaved and not."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from rl_rewards.runtime.calling.chat import ChatModel, ChatReply
from rl_rewards.runtime.calling.chat_reply import read_chat_reply
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.types import Outcome

QUESTION = [{"role": "user", "content": "SAY:yes:YAS"}]
SCHEMA = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"], "additionalProperties": False}


def model(url: str, **options: Any) -> ChatModel:
    return ChatModel("m", base_url=url, **{"backoff": 0.0, "retries": 2, "timeout": 120.0, **options})


def ask(made: ChatModel, *texts: str, **options: Any) -> list[Any]:
    """The reply to each text, or the error, all asked at once."""

    async def all_of_them() -> list[Any]:
        calls = (made.complete([{"role": "user", "content": text}], **options) for text in texts or ["SAY:yes:YAS"])
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(all_of_them())


def test_a_reply_has_text_tokens_and_finish_reason(chat_server):
    url = chat_server.url()
    (reply,) = ask(model(url, price={"prompt": 2.0, "completion": 10.0}, temperature=0.7, seed=3, extra_body={"top_k": 5}), sample=2)
    assert reply == ChatReply(
        text="yes", finish_reason="stop", model="m", prompt_tokens=100, completion_tokens=10, cost=(100 * 2.0 + 10 * 10.0) / 1e6
    )
    (body,) = chat_server.seen(url)["bodies"]
    assert body == {"model": "m", "messages": QUESTION, "max_tokens": 2048, "temperature": 0.7, "seed": 5, "top_k": 5}


def test_no_key_is_sent_but_the_one_that_is_named(chat_server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else-entirely")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody-else")
    monkeypatch.setenv("MY_JUDGE_KEY", "open sesame".replace(" ", "-"))
    bare, keyed = chat_server.url(), chat_server.url()
    ask(model(bare))
    ask(model(keyed, api_key_env="MY_JUDGE_KEY"))
    (without,), (with_key,) = chat_server.seen(bare)["headers"], chat_server.seen(keyed)["headers"]
    assert "authorization" not in without and "openai-organization" not in without
    assert with_key["authorization"] == "Bearer open-sesame"


def test_a_key_that_the_server_echoes_is_in_no_error(chat_server, monkeypatch):
    monkeypatch.setenv("MY_JUDGE_KEY", "open-sesame-4711")
    (error,) = ask(model(chat_server.url("refuses", status=401), api_key_env="MY_JUDGE_KEY"))
    assert "open-sesame" not in str(error) and "HTTP 401" in str(error) and "***" in str(error)


def test_a_key_that_is_corrected_in_the_environment_is_sent_at_once(chat_server, monkeypatch):
    url = chat_server.url()
    made = model(url, api_key_env="MY_JUDGE_KEY", cache=False)

    async def ask_with(*keys: str) -> None:
        for key in keys:
            monkeypatch.setenv("MY_JUDGE_KEY", key)
            await made.complete(QUESTION)

    asyncio.run(ask_with("first-key-of-mine", "second-key-of-mine"))
    assert [headers["authorization"] for headers in chat_server.seen(url)["headers"]] == ["Bearer first-key-of-mine", "Bearer second-key-of-mine"]


def test_a_key_that_is_not_set_is_named(chat_server):
    (error,) = ask(model(chat_server.url(), api_key_env="NOT_SET_ANYWHERE"))
    assert isinstance(error, ValueError) and "'NOT_SET_ANYWHERE' (api_key_env) is not set" in str(error)


@pytest.mark.parametrize(
    ("mode", "options", "outcome", "text", "requests"),
    [
        ("down", {}, Outcome.ERROR, "failed 3 times, last with HTTP 503: down", 3),
        ("hangs", {}, Outcome.TIMEOUT, "within 1 s", 1),
        ("half_closes", {}, Outcome.ERROR, "failed 3 times", 3),
        ("drips", {}, Outcome.TIMEOUT, "within 1 s", 1),
        ("floods", {}, Outcome.ERROR, "must be at most 16777216 bytes", 1),
        ("floods", {"status": 500}, Outcome.ERROR, "must be at most 16777216 bytes", 1),
        ("redirects", {}, Outcome.ERROR, "HTTP 307", 1),
        ("refuses", {"status": 404}, Outcome.ERROR, "refused the request with HTTP 404", 1),
        ("refuses", {"status": 429, "why": "insufficient_quota"}, Outcome.ERROR, "insufficient_quota", 1),
        ("lies", {"how": "empty"}, Outcome.ERROR, "the reply is not JSON", 3),
        ("lies", {"how": "html"}, Outcome.ERROR, "the reply is not JSON", 3),
        ("lies", {"how": "half"}, Outcome.ERROR, "the reply is not JSON", 3),
        ("lies", {"how": "deep"}, Outcome.ERROR, "nested too deeply", 3),
        ("lies", {"how": "null"}, Outcome.ERROR, "a reply without a message", 3),
        ("lies", {"how": "array"}, Outcome.ERROR, "a reply without a message", 3),
        ("lies", {"how": "choices"}, Outcome.ERROR, "a reply without a message", 3),
        ("lies", {"how": "message"}, Outcome.ERROR, "a reply without a message", 3),
        ("lies", {"how": "error"}, Outcome.ERROR, "no provider", 3),
        ("lies", {"how": "part"}, Outcome.ERROR, "502", 3),
        ("lies", {"how": "content"}, Outcome.ERROR, "a message without text", 3),
        ("lies", {"how": "number"}, Outcome.ERROR, "a message without text", 3),
    ],
)
def test_an_endpoint_that_does_not_answer_is_an_error(chat_server, mode, options, outcome, text, requests):
    url = chat_server.url(mode, **options)
    (error,) = ask(model(url, timeout=1.0 if outcome is Outcome.TIMEOUT else 120.0))
    assert isinstance(error, CallError) and error.outcome is outcome and text in str(error)
    assert chat_server.seen(url)["requests"] == requests


def test_of_a_flaky_endpoint_no_reply_is_lost_or_mixed_up(chat_server):
    url = chat_server.url("flaky", every=5)
    replies = ask(model(url, retries=8, concurrency=8), *[f"SAY:{number}:YAS" for number in range(200)])
    assert [reply.text for reply in replies] == [str(number) for number in range(200)]


def test_connections_that_are_closed_behind_a_reply_cost_no_reply(chat_server):
    url = chat_server.url("closes")
    replies = ask(model(url, concurrency=4, retries=6), *[f"SAY:{number}:YAS" for number in range(60)])
    assert [reply.text for reply in replies] == [str(number) for number in range(60)]


def test_a_model_that_was_cut_off_while_it_reasoned_said_nothing():
    message = {"role": "assistant", "content": None, "reasoning_content": "hmm"}
    reply = read_chat_reply({"choices": [{"message": message, "finish_reason": "length"}]}, False)
    assert (reply.text, reply.cut_off) == ("", True)


def test_an_endpoint_that_limits_its_rate_gets_fewer_requests_at_once_and_no_reply_is_lost(chat_server):
    url = chat_server.url("limited", rate=40, after=0)
    replies = ask(model(url, backoff=0.1), *[f"SAY:{number}:YAS" for number in range(100)])
    assert [reply.text for reply in replies] == [str(number) for number in range(100)]


def test_no_more_requests_run_at_once_than_allowed(chat_server):
    url = chat_server.url(delay=0.01, meet=5)
    ask(model(url, concurrency=5), *[f"SAY:{number}:YAS" for number in range(60)])
    assert chat_server.seen(url)["busiest"] == 5


def test_the_deadline_does_not_count_what_a_request_waits_for_its_turn(chat_server):
    url = chat_server.url(delay=0.1)
    replies = ask(model(url, concurrency=1, timeout=1.5), *[f"SAY:{number}:YAS" for number in range(25)])  # 2.5 s for the last one
    assert [reply.text for reply in replies] == [str(number) for number in range(25)]


def test_processes_of_a_node_share_the_requests_at_once(chat_server, monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    url = chat_server.url(delay=0.01, meet=2)
    ask(model(url, concurrency=8), *[f"SAY:{number}:YAS" for number in range(20)])
    assert chat_server.seen(url)["busiest"] == 2


@pytest.mark.parametrize("mode", ["ok", "plain"])
def test_a_schema_is_sent_where_the_endpoint_takes_one(chat_server, mode):
    url = chat_server.url(mode)
    made = model(url)
    asked = [{"role": "user", "content": "JSON, please. good"}]
    without = [{"role": "user", "content": "SAY:<sure>true</sure>:YAS"}]
    replies = [asyncio.run(made.complete(asked, schema=SCHEMA, fallback=without, sample=sample)) for sample in range(2)]
    expected = ('{"sure": true}', True) if mode == "ok" else ("<sure>true</sure>", False)
    assert [(reply.text, reply.structured) for reply in replies] == [expected, expected]
    assert chat_server.seen(url)["requests"] == (2 if mode == "ok" else 3)  # the refusal is remembered


def test_an_input_that_is_refused_with_and_without_a_schema_says_so_and_is_not_remembered(chat_server):
    made = model(chat_server.url("refuses", why="too-long"))
    (error,) = ask(made, schema=SCHEMA)
    assert "too-long" in str(error) and error.of_the_input
    url = chat_server.url()
    assert asyncio.run(model(url).complete([{"role": "user", "content": "good"}], schema=SCHEMA)).structured


@pytest.mark.parametrize("how", ["negative", "text", "none"])
def test_token_counts_that_cannot_be_are_not_believed(chat_server, how):
    (reply,) = ask(model(chat_server.url("usage", how=how), price={"prompt": 1.0, "completion": 1.0}))
    assert (reply.prompt_tokens, reply.completion_tokens) == (None, None)
    assert reply.cost > 2048 / 1e6  # as much as it may have cost


def test_a_refusal_and_a_cut_off_reply_are_marked(chat_server):
    (refused,) = ask(model(chat_server.url("refusal")))
    (cut,) = ask(model(chat_server.url("finish", reason="length")))
    assert (refused.text, refused.refusal) == ("", "I can't help with that.")
    assert cut.cut_off and not refused.cut_off


def test_a_model_can_be_pickled_after_it_was_used(chat_server):
    made = model(chat_server.url(), requests_per_minute=6000.0)
    ask(made)
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "http://me:secret@host/v1"}, "base_url must hold no user or password"),
        ({"base_url": "localhost:8000"}, "base_url must begin with http:// or https://"),
        ({"max_cost": 5.0}, "max_cost needs a `price`"),
        ({"top_p": 1.5}, "top_p must be above 0 and up to 1, got 1.5"),
        ({"extra_body": {"n": 4}}, r"extra_body must hold no field that is set elsewhere, got \['n'\]"),
        ({"api_key_env": "sk-abc def"}, "api_key_env must be the name of an environment variable"),
        ({"concurrency": 0}, "greater than 0"),
        ({"timeout": -1}, "greater than 0"),
        ({"price": {"prompt": -1, "completion": 0}}, "greater than or equal to 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ChatModel("m", **options)


def test_a_model_without_a_name_is_refused():
    with pytest.raises(ValueError, match="name must be the model's name"):
        ChatModel(" ")
