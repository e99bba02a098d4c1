"""`autorater`: a model is asked the user's question; what cannot be read from its replies is never a score."""

import pytest
from loopback.processes import chat_server  # noqa: F401

from rl_rewards import Outcome, Reward, Rubric, Sample
from rl_rewards.formats.vertex import validate_reward
from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.scorers import Autorater
from tests.formats.vertex_cases import EXAMPLE, MODEL, rater, said

ROW = {"prompt": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "2 + 2?"}], "answer": "4", "meta": {"unit": "m"}}


def results(scorer, *completions, parse="identity"):
    samples = [Sample.from_row({**ROW, "completion": text}, i) for i, text in enumerate(completions)]
    return Rubric([Reward("r", scorer, parse)]).evaluate(samples).columns["r"].results


def echo(url, **options):
    """A rater whose model says what the response says."""
    return Autorater("SAY:{{response}}:YAS", model=ChatModel("m", base_url=url, cache=False, backoff=0.01), **options)


READ = [
    ({}, "0.5", 0.5),
    ({}, " -3 \n", -3.0),
    ({}, "1e-1", 0.1),
    ({}, "The score is 0.5", None),
    ({}, "0.5.", None),
    ({}, "NaN", None),
    ({}, "inf", None),
    ({}, "", None),
    ({}, "٣", None),
    ({"parse": {"tag": "v"}}, "Good. <v>0.75</v>", 0.75),
    ({"parse": {"tag": "v"}}, "Good.", None),
    ({"equals": "yes", "wrong": -1.0}, "yes", 1.0),
    ({"equals": "yes", "wrong": -1.0}, "Yes", -1.0),
    ({"equals": "yes", "wrong": -1.0}, "yes.", -1.0),
    ({"equals": "{{references.answer}}"}, "4", 1.0),
    ({"equals": "4", "parse": {"regex": "is ([0-9]+)"}}, "It is 3, no, it is 4", 1.0),
    ({"equals": "4", "parse": {"regex": "is ([0-9]+)"}}, "I cannot tell", None),
]


@pytest.mark.parametrize(("options", "reply", "score"), READ)
def test_a_reply_is_a_score_or_an_error(chat_server, options, reply, score):  # noqa: F811
    [result] = results(echo(chat_server.url(), **options), reply)
    assert result.score == score and result.outcome is (Outcome.ERROR if score is None else Outcome.SCORED)


def test_the_prompt_is_filled_once_from_the_sample(chat_server):  # noqa: F811
    url = chat_server.url()
    prompt = "{{system_instruction}}|{{prompt}}|{{response}}|{{references.answer}}|{{references.meta.unit}} SAY:1:YAS"
    results(Autorater(prompt, model=ChatModel("m", base_url=url)), "four {{references.answer}} {{prompt}}")
    [body] = chat_server.seen(url)["bodies"]
    assert body["messages"] == [{"role": "user", "content": "Be kind.|2 + 2?|four {{references.answer}} {{prompt}}|4|m SAY:1:YAS"}]


def test_a_response_without_an_answer_is_scored_wrong_and_not_rated(chat_server):  # noqa: F811
    url = chat_server.url()
    found = results(echo(url, wrong=-1.0), "<a>0.5</a>", "no tag", parse={"tag": "a"})
    assert [(result.score, result.outcome) for result in found] == [(0.5, Outcome.SCORED), (-1.0, Outcome.UNPARSED)]
    assert chat_server.seen(url)["requests"] == 1


def test_several_replies_are_averaged_and_their_spread_is_a_component(chat_server):  # noqa: F811
    url = chat_server.url()
    [result] = results(echo(url, samples=3), "0.5")
    assert result.score == 0.5 and {name: each.score for name, each in result.metrics.items()} == {"spread": 0.0, "unread": 0.0}
    assert chat_server.seen(url)["requests"] == 3


def test_an_endpoint_that_is_down_is_an_error(chat_server):  # noqa: F811
    [result] = results(Autorater("{{response}}", model=ChatModel("m", base_url=chat_server.url("down"), retries=1, backoff=0.0)), "x")
    assert result.score is None and result.outcome is Outcome.ERROR


def test_a_missing_reference_is_an_error_and_nothing_is_asked(chat_server):  # noqa: F811
    url = chat_server.url()
    [result] = results(Autorater("{{response}} {{references.gold}}", model=ChatModel("m", base_url=url)), "x")
    assert "no reference 'gold'" in result.error and chat_server.seen(url)["requests"] == 0


REFUSED = [
    ({"prompt": "Rate it"}, "must have {{response}}"),
    ({"prompt": "{{response}} {{answer}}"}, "got '{{answer}}'"),
    ({"prompt": "{{response}}", "equals": " "}, "must not be blank"),
    ({"prompt": "{{response}}", "samples": 0}, "greater than or equal to 1"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_a_wrong_option_is_refused(options, words):
    with pytest.raises(ValueError) as caught:
        Autorater(**options, model=ChatModel("m", base_url="http://h/v1"))
    assert words in str(caught.value)


def test_a_vertex_config_is_rated_at_the_endpoint_that_the_environment_names(chat_server, monkeypatch):  # noqa: F811
    url = chat_server.url()
    monkeypatch.setenv("RL_REWARDS_AUTORATER_URL", url)
    monkeypatch.setenv("RL_REWARDS_AUTORATER_KEY", "the-rater-key-1234")
    config = rater("SAY:<v>{{response}}</v>:YAS", equals="{{references.answer}}", reply="<v>(.*?)</v>", extract="<ans>(.*?)</ans>", samplingCount=2)
    answers = [validate_reward(config, EXAMPLE, said(text))["overallReward"] for text in ("<ans>Paris</ans>", "<ans>Rome</ans>", "Paris")]
    assert answers == [1, -1, -1]
    seen = chat_server.seen(url)
    assert seen["requests"] == 4 and seen["bodies"][0]["model"] == MODEL.rpartition("/")[2]
    assert seen["headers"][0]["authorization"] == "Bearer the-rater-key-1234"
