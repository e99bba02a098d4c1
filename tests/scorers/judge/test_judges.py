"""Judges against a real endpoint: criteria, references, pairs, groups; what they see, and what becomes of failures."""

from __future__ import annotations

import json

import pytest

from rl_rewards import Reward, Rubric, Sample
from rl_rewards.scorers import scorer
from rl_rewards.types import Outcome

CRITERIA = [
    {"name": "correct", "description": "Is it right?"},
    {"name": "depth", "description": "How deep?", "scale": "rating", "weight": 2},
    {"name": "tone", "description": "How kind?", "choices": ["rude", "neutral", "kind"]},
]
CALL = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}]}


def model(url, **options):
    return {"name": "m", "base_url": url, "backoff": 0.0, "retries": 2, **options}


def evaluate(score, *completions, group=None, prompt="What is 2 + 2?", **row):
    samples = [Sample.from_row({"prompt": prompt, "completion": completion, **row}, index) for index, completion in enumerate(completions)]
    for sample in samples:
        sample.group = group
    return Rubric([Reward("judged", score)]).evaluate(samples).columns["judged"].results


def test_criteria_are_components_and_their_weighted_mean_is_the_score(chat_server):
    judge = {"judge": {"model": model(chat_server.url()), "criteria": CRITERIA}}
    best, worst = evaluate(judge, "a good answer", "a bad answer")
    assert (best.score, worst.score) == (1.0, 0.0)
    assert {name: best.metrics[name] for name in ("correct", "depth", "tone")} == {"correct": 1.0, "depth": 1.0, "tone": 1.0}
    (mixed,) = evaluate(judge, 'SAY:{"correct": "no", "depth": 4, "tone": "neutral"}:YAS')
    assert mixed.score == pytest.approx((0 + 2 * 0.75 + 0.5) / 4) and mixed.metrics["depth"] == 0.75


def test_a_pitfall_takes_away_and_has_no_part_in_the_denominator(chat_server):
    criteria = [{"name": "right", "description": "?", "weight": 4}, {"name": "boasts", "description": "?", "weight": -2}]
    judge = {"judge": {"model": model(chat_server.url()), "criteria": criteria}}
    both, pitfall = evaluate(judge, "a good answer", 'SAY:{"right": "no", "boasts": "yes"}:YAS')
    assert (both.score, pitfall.score) == (0.5, -0.5)


def test_a_row_brings_its_own_criteria(chat_server):
    rubric = [{"title": "Names Bern", "criterion": "Does it name Bern?", "points": 3}, "Is it short?", {"requirement": "Is it kind?", "weight": 1}]
    judge = {"judge": {"model": model(chat_server.url()), "criteria_from": "rubric"}}
    (result,) = evaluate(judge, 'SAY:{"Names_Bern": "yes", "criterion_2": "no", "criterion_3": "no"}:YAS', rubric=rubric)
    assert result.score == pytest.approx(3 / 5) and result.metrics["Names_Bern"] == 1.0
    for broken in ([], "one text", [{"weight": 2}], [{"criterion": "x", "weight": -1}], [{"criterion": "x", "weight": "heavy"}], [5]):
        (result,) = evaluate(judge, "a good answer", rubric=broken)
        assert (result.score, result.outcome) == (None, Outcome.ERROR), broken


def test_a_reference_judge_sees_the_reference_and_a_row_without_one_has_no_score(chat_server):
    url = chat_server.url()
    judge = {"judge": {"model": model(url), "reference": "answer"}}
    (result,) = evaluate(judge, "good: four", answer="4")
    assert result.score == 1.0 and result.metrics["correct"] == 1.0
    (body,) = chat_server.seen(url)["bodies"]
    assert '<reference id="' in body["messages"][1]["content"]
    (missing,) = evaluate(judge, "good: four", answer="")
    assert missing.outcome is Outcome.ERROR and missing.score is None


def test_a_pair_is_judged_in_both_orders(chat_server):
    judge = {"pairwise_judge": {"model": model(chat_server.url()), "against": "baseline"}}
    won, tied = evaluate(judge, "a good answer", "a bad answer", baseline="a poor answer")
    (lost,) = evaluate(judge, "a bad answer", baseline="a good answer")
    assert [each.score for each in (won, tied, lost)] == [1.0, 0.5, 0.0]
    assert won.metrics["consistent"] == 1.0 and won.metrics["prompt_tokens"] == 200


def test_a_judge_that_likes_a_place_says_neither(chat_server):
    (result,) = evaluate({"pairwise_judge": {"model": model(chat_server.url("first")), "against": "baseline"}}, "one", baseline="two")
    assert (result.score, result.metrics["won_first"], result.metrics["won_second"], result.metrics["consistent"]) == (0.5, 1.0, 0.0, 0.0)


def test_a_pair_of_equals_is_not_sent_and_one_without_content_loses(chat_server):
    url = chat_server.url()
    judge = {"pairwise_judge": {"model": model(url), "against": "baseline"}}
    same, empty = evaluate(judge, "same", "", baseline="same")
    assert (same.score, empty.score, chat_server.seen(url)["requests"]) == (0.5, 0.0, 0)


def test_a_group_is_scored_in_one_call(chat_server):
    url = chat_server.url()
    judge = {"group_judge": {"model": model(url)}}
    results = evaluate(judge, "a good answer", "a bad answer", "Solution", "a good answer", "worse", group=0)
    assert [result.score for result in results] == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert [result.outcome for result in results][2] is Outcome.UNPARSED
    seen = chat_server.seen(url)
    assert seen["requests"] == 1 and seen["bodies"][0]["messages"][1]["content"].count("<response_") == 3  # equal ones once, empty ones never
    assert sum(result.metrics.get("prompt_tokens", 0) for result in results) == 100


def test_ranks_of_a_group_spread_from_0_to_1(chat_server):
    judge = {"group_judge": {"model": model(chat_server.url()), "score_by": "rank"}}
    assert [result.score for result in evaluate(judge, "good", "bad", "worse", group=0)] == [1.0, 0.25, 0.25]
    assert [result.outcome for result in evaluate(judge, "good", "good", group=0)] == [Outcome.SKIPPED] * 2


def test_completions_of_no_known_group_have_no_score(chat_server):
    (result,) = evaluate({"group_judge": {"model": model(chat_server.url())}}, "good")
    assert result.outcome is Outcome.ERROR and "which completions belong to one prompt" in result.error


def test_groups_of_a_failing_judge_fail_and_others_do_not(chat_server):
    (one, two) = evaluate({"group_judge": {"model": model(chat_server.url("down"))}}, "good", "bad", group=0)
    assert {one.outcome, two.outcome} == {Outcome.ERROR}


def test_samples_are_averaged_and_their_spread_is_a_component(chat_server):
    judge = {"judge": {"model": model(chat_server.url("wavers"), temperature=1.0, concurrency=1), "reference": "answer", "samples": 4}}
    (result,) = evaluate(judge, "four", answer="4")
    assert result.score == 0.5 and result.metrics["verdicts"] == 4
    assert result.metrics["spread"] == pytest.approx(0.57735, abs=1e-4) and result.metrics["prompt_tokens"] == 400


def test_equal_responses_are_paid_for_once(chat_server):
    url = chat_server.url()
    results = evaluate({"judge": {"model": model(url), "criteria": CRITERIA}}, *["a good answer"] * 8)
    assert chat_server.seen(url)["requests"] == 1
    assert sorted(result.metrics["cached"] for result in results) == [0.0] + [1.0] * 7


def test_a_malformed_reply_is_asked_for_again_once(chat_server):
    url = chat_server.url("in_turn")
    judge = {"judge": {"model": model(url), "reference": "answer"}}
    (result,) = evaluate(judge, 'TURN:I think it is fine, mostly.:NRUTTURN:{"correct": "yes"}:NRUT', answer="4")
    assert (result.score, result.metrics["repaired"], result.metrics["prompt_tokens"]) == (1.0, 1.0, 200)
    bodies = chat_server.seen(url)["bodies"]
    assert [len(body["messages"]) for body in bodies] == [2, 4]
    assert "holds no verdict that can be read" in bodies[1]["messages"][3]["content"]


def test_two_malformed_replies_are_an_error_and_no_score(chat_server):
    url = chat_server.url("in_turn")
    judge = {"judge": {"model": model(url), "reference": "answer"}}
    (result,) = evaluate(judge, 'TURN:Fine.:NRUTTURN:{"correct": "maybe"}:NRUT', answer="4")
    assert (result.score, result.outcome) == (None, Outcome.ERROR) and "asked twice" in result.error and "maybe" in result.error
    assert chat_server.seen(url)["requests"] == 2
    evaluate(judge, 'TURN:Fine.:NRUTTURN:{"correct": "maybe"}:NRUT', answer="4")
    assert chat_server.seen(url)["requests"] == 4  # a malformed reply is not cached


def test_without_repair_it_is_asked_once(chat_server):
    url = chat_server.url("in_turn")
    (result,) = evaluate({"judge": {"model": model(url), "reference": "answer", "repair": False}}, "TURN:Fine.:NRUT", answer="4")
    assert result.outcome is Outcome.ERROR and chat_server.seen(url)["requests"] == 1


@pytest.mark.parametrize(
    ("mode", "options", "outcome"),
    [("down", {}, Outcome.ERROR), ("hangs", {"timeout": 0.3}, Outcome.TIMEOUT), ("refusal", {}, Outcome.ERROR), ("lies", {}, Outcome.ERROR)],
)
def test_a_judge_that_fails_is_no_fault_of_the_policy(chat_server, mode, options, outcome):
    url = chat_server.url(mode, **({"how": "html"} if mode == "lies" else {}))
    (result,) = evaluate({"judge": {"model": model(url, **options), "criteria": CRITERIA}}, "a good answer")
    assert (result.score, result.outcome) == (None, outcome)


def test_no_verdict_of_a_flaky_judge_is_lost_or_mixed_up(chat_server):
    judge = {"judge": {"model": model(chat_server.url("flaky", every=4), retries=8), "criteria": CRITERIA[:1]}}
    results = evaluate(judge, *[f"a {'good' if number % 3 else 'bad'} answer, number {number}" for number in range(60)])
    assert [result.score for result in results] == [float(number % 3 > 0) for number in range(60)]


def test_an_endpoint_without_schemas_is_asked_for_tags(chat_server):
    url = chat_server.url("plain")
    judge = {"judge": {"model": model(url), "reference": "answer"}}
    (result,) = evaluate(judge, 'SAY:It agrees.\n<verdict>{"correct": "no"}</verdict>:YAS', answer="4")
    assert result.outcome is Outcome.ERROR  # a verdict that stands in the response word for word is a quote
    body = chat_server.seen(url)["bodies"][1]
    mark = body["messages"][1]["content"].split('id="')[1][:12]
    assert f'<verdict id="{mark}">' in body["messages"][1]["content"] and "response_format" not in body


def test_a_budget_that_is_spent_leaves_rows_without_a_score(chat_server):
    options = {"price": {"prompt": 1000.0, "completion": 1000.0}, "max_cost": 3.5, "concurrency": 1, "max_tokens": 100}
    judge = {"judge": {"model": model(chat_server.url(), **options), "criteria": CRITERIA[:1]}}
    results = evaluate(judge, *[f"good {number}" for number in range(40)])
    scored = [result for result in results if result.score is not None]
    assert 0 < len(scored) < 40 and {result.outcome for result in results if result.score is None} == {Outcome.ERROR}
    assert max(result.metrics["spent"] for result in scored) <= 3.5 + 0.11


def test_the_judge_sees_what_show_names(chat_server):
    url = chat_server.url()
    judge = {"judge": {"model": model(url), "criteria": CRITERIA[:1], "show": ["context", "tool_calls[0].arguments.city", "tool_calls[3]"]}}
    evaluate(judge, [CALL], context="Swiss towns")
    content = chat_server.seen(url)["bodies"][0]["messages"][1]["content"]
    assert "context:\nSwiss towns" in content and "tool_calls[0].arguments.city:\nBern" in content and "tool_calls[3]:\n(absent" in content


def test_a_response_that_was_not_found_is_scored_0_without_a_call(chat_server):
    url = chat_server.url()
    reward = Reward("judged", {"judge": {"model": model(url), "criteria": CRITERIA}}, parse={"tag": "answer"})
    samples = [Sample.from_row({"prompt": "?", "completion": text}) for text in ("nothing", "<answer>good</answer>")]
    without, found = Rubric([reward]).evaluate(samples).columns["judged"].results
    assert (without.score, without.outcome, found.score, chat_server.seen(url)["requests"]) == (0.0, Outcome.UNPARSED, 1.0, 1)


def test_thinking_is_not_judged(chat_server):
    url = chat_server.url()
    (result,) = evaluate({"judge": {"model": model(url), "criteria": CRITERIA[:1]}}, "<think>a good idea</think>a bad answer")
    assert result.score == 0.0 and "good idea" not in json.dumps(chat_server.seen(url)["bodies"])


M = {"name": "m"}
ONE = {"name": "a", "description": "?"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": M}, "a judge needs `criteria`, `criteria_from`, or a `reference`"),
        ({"model": M, "criteria": [ONE], "criteria_from": "rubric"}, "`criteria` or `criteria_from`, not both"),
        ({"model": M, "criteria": [ONE, ONE]}, "'a' is there more than once"),
        ({"model": M, "criteria": [{**ONE, "weight": -1}]}, "at least one criterion must have a weight above 0"),
        ({"model": M, "criteria": [{**ONE, "weight": 0}]}, "weight must not be 0"),
        ({"model": M, "criteria": [{**ONE, "scale": "rating", "range": [0, 1]}]}, "must have one of choices, scale and range, got scale and range"),
        ({"model": M, "criteria": [{**ONE, "choices": ["good"]}]}, "at least two choices"),
        ({"model": M, "criteria": [{**ONE, "choices": ["good", "Good."]}]}, "differ in more than case and punctuation"),
        ({"model": M, "criteria": [{**ONE, "choices": {"a": 0, "b": 2}}]}, "values of choices must be from 0 to 1"),
        ({"model": M, "criteria": [{**ONE, "range": [5, 1]}]}, r"lowest < highest, got \[5.0, 1.0\]"),
        ({"model": M, "criteria": [{**ONE, "name": "cost"}]}, "must not be that of a component of every judge, got 'cost'"),
        ({"model": M, "criteria": [{**ONE, "name": "how good?"}]}, "a criterion's name must be letters"),
        ({"model": M, "criteria": [ONE], "samples": 3}, "samples: 3 verdicts are all the same at temperature 0"),
        ({"model": M, "criteria": [ONE], "show": ["tool_calls[x]"]}, "an address goes on with"),
        ({"model": {"name": "m", "max_cost": 1}, "criteria": [ONE]}, "max_cost needs a `price`"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        scorer({"judge": options})
