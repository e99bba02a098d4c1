"""Rewards that compare the completions to a prompt: every call groups them as `rl-rewards score` does, or is refused."""

import json

import pytest
from fastapi.testclient import TestClient

from rl_rewards import Reward, Rubric
from rl_rewards.serving import create_app

RIGHT = {"string_match": "answer"}
RUBRIC = Rubric([Reward("short", {"group_length": {"right": RIGHT, "unit": "characters"}})])
# Two prompts in turn, as OnlineDPO hands them over: `a`, `ab`, `abb` to each.
ROWS = [{"prompt": prompt, "completion": text, "answer": "a"} for text in ("a", "ab", "abb") for prompt in ("p", "q")]
SCORES = [0.5, 0.5, 0.0, 0.0, -0.5, -0.5]


@pytest.fixture(scope="module")
def client():
    with TestClient(create_app({"short": RUBRIC})) as made:
        yield made


def turns(row):
    return [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]


def queries(rows):
    return {"query": [row["prompt"] + row["completion"] for row in rows], "labels": [row["answer"] for row in rows]}


CALLS = {
    "/v1/score": (lambda rows: {"samples": rows}, lambda reply: [row["score"] for row in reply["results"]]),
    "/get_reward": (lambda rows: {**queries(rows), "prompts": [row["prompt"] for row in rows]}, lambda reply: reply["rewards"]),
    "/lambda": (
        lambda rows: [{"id": str(i), "messages": turns(row), "metadata": {"answer": row["answer"]}} for i, row in enumerate(rows)],
        lambda reply: [row["aggregate_reward_score"] for row in reply],
    ),
}


@pytest.mark.parametrize("path", CALLS)
def test_completions_to_one_prompt_are_a_group_wherever_they_are(client, path):
    body, scores = CALLS[path]
    assert scores(client.post(path, json=body(ROWS)).json()) == SCORES
    assert scores(client.post(path, json=body(sorted(ROWS, key=lambda row: row["prompt"]))).json()) == [0.5, 0.0, -0.5] * 2


def test_a_prompt_id_tells_groups_apart_before_the_prompt_does(client):
    rows = [
        row | {"prompt_id": place % 3} for place, row in enumerate([{**ROWS[0], "completion": text} for text in ("a", "ab", "a", "abb", "a", "a")])
    ]
    body, scores = CALLS["/v1/score"]
    assert scores(client.post("/v1/score", json=body(rows)).json()) == [0.5, -0.5, 0.0, -0.5, 0.5, 0.0]


ONE = ROWS[0]
ALONE = {
    "/": {
        "example": {"contents": [{"parts": [{"text": "p"}]}], "references": {"answer": "a"}},
        "response": {"parts": [{"text": "a"}]},
    },
    "/evaluate": {"messages": turns(ONE), "ground_truth": "a"},
    "/get_reward": queries(ROWS),
    "/verify": {"responses_create_params": {"input": "p"}, "response": {"output": []}, "answer": "a"},
    "/grade": {"sample": {"output_text": "a"}, "item": {"answer": "a"}},
}


@pytest.mark.parametrize("path", ALONE)
def test_where_nobody_can_know_the_group_the_call_is_refused_and_no_zero(client, path):
    reply = client.post(path, json=ALONE[path])
    assert reply.status_code == 422 and reply.json()["error"]["code"] == "no_groups" and "'short' compares" in reply.text


@pytest.mark.parametrize("path", [*ALONE, "/lambda", "/v1/score"])
def test_where_no_call_has_token_ids_it_is_refused_once_for_all(path):
    rubric = Rubric([Reward("right", RIGHT), Reward("brief", {"soft_overlong": {"max_tokens": 20, "buffer_tokens": 10}})])
    bodies = {**ALONE, "/lambda": CALLS["/lambda"][0](ROWS), "/v1/score": {"samples": [ONE, {**ONE, "completion_ids": [1]}]}}
    with TestClient(create_app({"brief": rubric})) as client:
        reply = client.post(path, json=bodies[path])
        one = client.post(f"{path}?reward=right", json=bodies[path])
    if path == "/v1/score":
        assert [row["outcomes"]["brief"] for row in reply.json()["results"]] == ["error", "scored"]
    else:
        assert (reply.status_code, reply.json()["error"]["code"], one.status_code) == (422, "no_token_ids", 200), reply.text


def test_a_metric_of_groups_costs_no_score_where_they_are_not_known():
    rubric = Rubric([Reward("right", RIGHT), Reward("short", RUBRIC.rewards[0].score, weight=0)])
    with TestClient(create_app({"both": rubric})) as client:
        reply = client.post("/evaluate", json=ALONE["/evaluate"]).json()
    assert reply["score"] == 1.0 and reply["metrics"]["short"]["outcome"] == "error"
    assert json.dumps(reply["metrics"]["short"]).count("not known here") == 1
