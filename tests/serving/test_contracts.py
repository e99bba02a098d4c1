"""Every contract, right and wrong, by HTTP."""

import json

import pytest

from rl_rewards.serving.contracts import CONTRACTS

PROMPT, RIGHT, WRONG = "What is 40 + 2?", "<answer>42</answer>", "<answer>41</answer>"


def content(text, role="model"):
    return {"role": role, "parts": [{"text": text}]}


def turns(text):
    return [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": text}]


def vertex(text, **references):
    return {"example": {"contents": [content(PROMPT, "user")], "references": references}, "response": content(text), "metadata": {"tuningJobId": "1"}}


def reward_kit(text, **references):
    return {"messages": turns(text), "ground_truth": references or None, "kwargs": {}}


def openrlhf(text, **references):
    return {"query": [PROMPT + text], "prompts": [PROMPT], "labels": [json.dumps(references)]}


def nemo_gym(text, **references):
    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "40 and 2"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
    ]
    return {"responses_create_params": {"input": [{"role": "user", "content": PROMPT}]}, "response": {"output": items}, **references}


def grader(text, **references):
    return {"sample": {"output_text": text}, "item": references, "trace_id": "trace_1"}


def bedrock(text, **references):
    return [{"id": "a", "messages": turns(text), "metadata": {"reference_answer": references}}]


CALLS = {
    "/": (vertex, lambda reply: reply["reward"]),
    "/evaluate": (reward_kit, lambda reply: reply["score"]),
    "/get_reward": (openrlhf, lambda reply: reply["rewards"][0]),
    "/verify": (nemo_gym, lambda reply: reply["reward"]),
    "/grade": (grader, lambda reply: reply["score"]),
    "/lambda": (bedrock, lambda reply: reply[0]["aggregate_reward_score"]),
}


@pytest.mark.parametrize("path", CALLS)
def test_every_contract_gives_the_weighted_total_of_right_and_wrong_answers(sums, path):
    body, score = CALLS[path]
    for text, expected in ((RIGHT, 1.5), (WRONG, 0.5), ("no answer", 0.5)):
        reply = sums.post(path, body(text, answer="42"))
        assert reply.status_code == 200, reply.text
        assert score(reply.json()) == expected


@pytest.mark.parametrize("path", CALLS)
def test_one_reward_of_the_rubric_can_be_asked_for(sums, path):
    body, score = CALLS[path]
    assert score(sums.post(f"{path}?reward=correct", body(WRONG, answer="42")).json()) == 0.0
    assert score(sums.post(f"{path}?reward=brief", body(WRONG, answer="42")).json()) == 1.0
    refused = sums.post(f"{path}?reward=corect", body(WRONG, answer="42"))
    assert refused.status_code == 404 and "['correct', 'brief']" in refused.json()["error"]["message"]


@pytest.mark.parametrize("path", [path for path in CALLS if path not in ("/evaluate", "/verify")])
def test_where_a_contract_has_no_word_for_no_score_a_failure_is_a_503(server, path):
    reply = server.post(f"{path}?rubric=broken", CALLS[path][0]("fail"))
    assert reply.status_code == 503 and reply.headers["retry-after"] == "5"
    assert reply.json()["error"]["code"] == "reward_error" and "the database is away" in reply.json()["error"]["message"]


def test_reward_kit_gets_a_result_that_is_not_valid_where_a_reward_failed(server):
    reply = server.post("/evaluate?rubric=broken", reward_kit("fail")).json()
    assert (reply["score"], reply["is_score_valid"]) == (None, False) and "the database is away" in reply["error"]
    assert reply["metrics"]["broken"]["outcome"] == "error"


def test_nemo_gym_gets_a_masked_sample_where_a_reward_failed(sums):
    reply = sums.post("/verify", nemo_gym(RIGHT)).json()
    assert reply["mask_sample"] is True and reply["failure_kind"] == "error" and "no reference 'answer'" in reply["failure_reason"]
    right = sums.post("/verify", nemo_gym(RIGHT, answer="42")).json()
    assert (right["mask_sample"], right["failure_kind"], right["correct"]) == (False, None, 1.0)
    assert right["response"] and right["answer"] == "42"  # what came in comes back


THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": RIGHT}]}
CALLED = {"type": "function_call", "call_id": "1", "name": "add", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "1", "output": "42"}


@pytest.mark.parametrize(
    ("items", "correct"),
    [
        ([THOUGHT, SAID, CALLED], 1.0),
        ([SAID, CALLED, CALLED], 1.0),
        ([SAID, THOUGHT, CALLED], 1.0),
        ([CALLED, SAID], 1.0),
        ([SAID, CALLED, RESULT], 1.0),
        ([SAID, CALLED, RESULT, CALLED], 0.0),  # the last turn is a call alone
        ([SAID, CALLED, RESULT, SAID], 1.0),
        ([CALLED, RESULT], 0.0),
    ],
    ids=lambda value: "-".join(item["type"] for item in value) if isinstance(value, list) else None,
)
def test_nemo_gyms_text_and_calls_of_one_turn_are_one_message_as_in_chat_completions(sums, items, correct):
    reply = sums.post("/verify", {"responses_create_params": {"input": PROMPT}, "response": {"output": items}, "answer": "42"}).json()
    assert (reply["mask_sample"], reply["correct"]) == (False, correct)


@pytest.mark.parametrize("truth", ["42", {"answer": "42"}, {"answer": 42, "more": [1]}])
def test_reward_kits_ground_truth_is_text_or_a_mapping(sums, truth):
    assert sums.post("/evaluate", {"messages": turns(RIGHT), "ground_truth": truth}).json()["score"] == 1.5


@pytest.mark.parametrize(
    "truth", [["41", "42"], [{"role": "assistant", "content": "42"}], [{"role": "user", "content": [{"type": "text", "text": "42"}]}]]
)
def test_reward_kits_ground_truth_may_be_a_list_of_answers_or_of_messages(sums, truth):
    reply = sums.post("/evaluate", {"messages": turns(RIGHT), "ground_truth": truth}).json()
    assert reply["score"] == 1.5 and reply["metrics"]["correct"]["outcome"] == "scored"


@pytest.mark.parametrize(
    "labels", [["42", "41"], [json.dumps({"answer": "42"}), json.dumps({"answer": "41"})], [42, 41]], ids=["texts", "objects", "numbers"]
)
def test_openrlhf_sends_lists_and_gets_lists_with_every_component(sums, labels):
    body = {"query": [PROMPT + RIGHT, PROMPT + RIGHT], "prompts": [PROMPT, PROMPT], "labels": labels}
    reply = sums.post("/get_reward", body).json()
    assert reply["rewards"] == reply["scores"] == [1.5, 0.5]
    assert reply["extra_logs"] == {"correct": [1.0, 0.0], "brief": [1.0, 1.0]}


@pytest.mark.parametrize("envelope", ["batch", "input", "body"])
def test_bedrocks_list_may_come_in_an_envelope(sums, envelope):
    items = bedrock(RIGHT, answer="42")
    reply = sums.post("/lambda", {envelope: json.dumps(items) if envelope == "body" else items}).json()
    assert reply["statusCode"] == 200 and json.loads(reply["body"])[0]["aggregate_reward_score"] == 1.5


def test_bedrocks_metrics_list_tells_rewards_from_metrics(sums):
    metrics = sums.post("/lambda", bedrock(RIGHT, answer="42")).json()[0]["metrics_list"]
    assert {"name": "correct", "value": 1.0, "type": "Reward"} in metrics


def test_our_own_batch_has_every_component_outcome_and_reason(server):
    samples = [{"prompt": str(i), "completion": str(i)} for i in range(5)]
    reply = server.post("/v1/evaluations/batched", {"samples": samples}).json()
    assert [row["score"] for row in reply["results"]] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert reply["results"][3]["components"]["batched"][0]["name"] == "rows"
    failed = server.post(
        "/v1/score", {"rubric": "broken", "samples": [{"prompt": "?", "completion": "fail"}, {"prompt": "?", "completion": "ok"}]}
    ).json()
    assert [row["score"] for row in failed["results"]] == [None, 1.0] and [row["scorable"] for row in failed["results"]] == [False, True]
    assert "the database is away" in failed["results"][0]["reasons"]["broken"]


WRONG_BODIES = [
    ("/", {"response": {}}, "/example"),
    ("/", {"example": {"contents": [content(PROMPT, "user")], "references": {"answer": "42"}}, "response": 3}, "/response"),
    ("/evaluate", {}, "/messages"),
    ("/evaluate", {"messages": "Hello"}, "/messages"),
    ("/evaluate", {"messages": [{"role": "user", "content": "?"}]}, "/messages"),
    ("/evaluate", {"messages": [{"content": "?"}]}, "/messages"),
    ("/evaluate", {"messages": turns(RIGHT), "kwargs": [1]}, "/kwargs"),
    ("/get_reward", {"query": [1]}, "/query/0"),
    ("/get_reward", {"query": ["a", "b"], "prompts": ["a"]}, "/prompts"),
    ("/get_reward", {"query": ["ab"], "prompts": ["b"]}, "/query/0"),
    ("/verify", {"response": {"output": []}}, "/responses_create_params"),
    ("/verify", {"responses_create_params": {"input": "?"}, "response": {"output": "text"}}, "/response/output"),
    ("/grade", {"item": {}, "sample": {}}, "/sample/output_text"),
    ("/grade", {"item": {}, "sample": {"output_text": 3}}, "/sample/output_text"),
    ("/lambda", {"rows": []}, ""),
    ("/lambda", [], ""),
    ("/lambda", [{"messages": turns(RIGHT)}, 3], "/1"),
    ("/lambda", {"batch": [{"id": "1"}]}, "/batch/0/messages"),
    ("/v1/score", {"samples": []}, "/samples"),
    ("/v1/score", {"samples": [{"prompt": "?"}]}, "/samples/0"),
    ("/v1/score", [], ""),
]


@pytest.mark.parametrize(("path", "body", "pointer"), WRONG_BODIES)
def test_a_wrong_field_is_a_422_with_its_pointer(sums, path, body, pointer):
    reply = sums.post(path, body)
    assert (reply.status_code, reply.json()["error"]["pointer"]) == (422, pointer), reply.text


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_a_400(sums, content):
    reply = sums.client.post("/evaluate", content=content)
    assert reply.status_code == 400 and reply.json()["error"]["code"] == "invalid_json"


def test_a_rubric_must_be_named_where_there_are_several(server):
    reply = server.post("/grade", grader("4"))
    assert reply.status_code == 400 and "['batched', 'broken', 'slow', 'sums']" in reply.json()["error"]["message"]
    assert server.post("/grade?rubric=batched", grader("4")).json() == {"score": 4.0}
    assert server.post("/grade?rubric=nothing", grader("4")).status_code == 404


def test_the_openapi_document_has_every_contract_with_its_example(sums):
    paths = sums.client.get("/openapi.json").json()["paths"]
    for contract in CONTRACTS:
        content = paths[contract.path]["post"]["requestBody"]["content"]["application/json"]
        assert sums.post(contract.path, content["example"]).status_code == 200
