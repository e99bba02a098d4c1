"""A request without a reference that the rubric can use is the caller's mistake, 422 with its place; a failure of ours is a 503, to be asked again."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from running_server import Server

PROMPT, RIGHT = "What is 40 + 2?", "<answer>42</answer>"
CODE = """
import os, threading
from rl_rewards import reward_function
from rl_rewards.references import MissingReferenceError

@reward_function
def asks(response: str, answer: str) -> float:
    if answer == "?":
        raise MissingReferenceError("answer must be a number, got a question mark", ["answer"])
    if answer == "fail":
        raise ConnectionError("the database is away")
    if answer == "leave":
        os._exit(3)
    if answer == "hang":
        threading.Event().wait()
    return float(answer in response)

@reward_function(mode="batch")
def together(response: list[str], answer: list[str]) -> list[float]:
    return [float(float(right) == 42) for right in answer]
"""
NUMBER = "parse: {tag: answer}, score: {number_match: answer}"
RUBRICS = {
    "numbers": f"  - {{name: correct, {NUMBER}}}",
    "raising": f"  - {{name: correct, {NUMBER}, on_error: raise}}",
    "isolated": f"  - {{name: correct, {NUMBER}, isolate: true, timeout: 60}}",
    "gated": f"  - {{name: correct, {NUMBER}, weight: 0}}\n  - {{name: brief, score: {{length_window: {{min_tokens: 1, max_tokens: 100, unit: characters}}}}, gate: {{reward: correct}}}}",
    "combined": f"  - {{name: correct, {NUMBER}, weight: 0}}\n  - {{name: twice, score: {{formula: 2 * correct}}}}",
    "nested": "  - {name: correct, parse: {tag: answer}, score: {number_match: '{{references.gold.value}}'}}",
    "choices": "  - {name: choice, score: {multiple_choice: {reference: answer, options: options}}}",
    "calls": "  - {name: tools, score: {tool_call_match: calls}}",
    "similar": "  - {name: near, score: {string_check: '{{ item.gold.text }}'}}",
    "routed": f"  - {{name: correct, {NUMBER}, when: {{kind: sum}}}}",
    "logged": f"  - {{name: brief, score: {{length_window: {{min_tokens: 1, max_tokens: 100, unit: characters}}}}}}\n  - {{name: correct, {NUMBER}, weight: 0}}",
    "function": "  - {name: asks, score: {function: code.py:asks}}",
    "caged": "  - {name: asks, score: {function: code.py:asks}, isolate: true, timeout: 1}",
    "batch": "  - {name: together, score: {function: code.py:together}}",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("mistakes")
    (home / "code.py").write_text(CODE)
    for name, rewards in RUBRICS.items():
        (home / f"{name}.yaml").write_text(f"rewards:\n{rewards}\n")
    return home


@pytest.fixture(scope="module")
def served(home):
    with Server(home, "--timeout", "30", cwd=home) as server:
        yield server.wait()


def turns(text=RIGHT):
    return [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": text}]


def vertex(columns):
    return {
        "example": {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}], "references": columns},
        "response": {"role": "model", "parts": [{"text": RIGHT}]},
    }


def nemo_gym(columns):
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": RIGHT}]}
    return {"responses_create_params": {"input": PROMPT}, "response": {"output": [item]}, **columns}


# Contract and form of the row's columns -> (path, body, pointer to a column of that name).
FORMS = {
    "vertex": ("/", vertex, "/example/references/{}"),
    "reward kit, ground truth": ("/evaluate", lambda columns: {"messages": turns(), "ground_truth": columns}, "/ground_truth/{}"),
    "reward kit, kwargs": ("/evaluate", lambda columns: {"messages": turns(), "kwargs": columns or {"other": 1}}, "/kwargs/{}"),
    "openrlhf, object": ("/get_reward", lambda columns: {"query": [PROMPT + RIGHT], "prompts": [PROMPT], "labels": [columns]}, "/labels/0/{}"),
    "openrlhf, text": ("/get_reward", lambda columns: {"query": [RIGHT], "labels": [json.dumps(columns)]}, "/labels/0"),
    "openrlhf, several": (
        "/get_reward",
        lambda columns: {"query": [RIGHT] * 3, "labels": [{"answer": "42", "gold": {"value": 42}}, {"answer": "41", "gold": {"value": 1}}, columns]},
        "/labels/2/{}",
    ),
    "grader": ("/grade", lambda columns: {"sample": {"output_text": RIGHT}, "item": columns}, "/item/{}"),
    "bedrock": (
        "/lambda",
        lambda columns: [{"id": "1", "messages": turns(), "metadata": {"reference_answer": columns}}],
        "/0/metadata/reference_answer/{}",
    ),
    "bedrock, metadata": (
        "/lambda",
        lambda columns: {"batch": [{"id": "1", "messages": turns(), "metadata": columns or {"reference_answer": {}}}]},
        "/batch/0/metadata/{}",
    ),
}
MISSING, READ = "no reference 'answer'", "not a number"
# columns of the row -> what is said of them.
UNUSABLE = {
    "absent": ({}, MISSING),
    "null": ({"answer": None}, "no reference|is empty"),
    "blank": ({"answer": "  "}, "is empty"),
    "text that is no number": ({"answer": "forty"}, READ),
    "misspelt": ({"anwser": "42"}, "is it 'anwser'"),
    "an object": ({"answer": {"value": 42}}, "must be text|found a dict"),
    "an empty list": ({"answer": []}, "must be text|is empty"),
    "a list of words": ({"answer": ["forty", "two"]}, "must be text|not a number"),
    "a truth value": ({"answer": True}, "must be text|not a number"),
}


def refused(reply):
    assert reply.status_code == 422 and "retry-after" not in reply.headers, reply.text
    return reply.json()["error"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("columns", UNUSABLE)
def test_a_reference_that_is_missing_or_of_no_use_is_a_422_with_its_place_as_the_contract_writes_it(served, form, columns):
    path, body, place = FORMS[form]
    given, said = UNUSABLE[columns]
    error = refused(served.post(f"{path}?rubric=numbers", body(given)))
    expected = place.format("answer")
    if form == "bedrock, metadata" and "answer" not in given and not given:
        expected = "/batch/0/metadata/reference_answer/answer"
    if form == "bedrock, metadata" and columns == "misspelt":
        expected = "/batch/0/metadata/reference_answer/answer"
    assert error["pointer"] == expected, error
    assert any(words in error["message"] for words in said.split("|")), error
    assert error["code"] == ("invalid_request" if "must be text" in error["message"] else "unusable_reference")


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/evaluate", {"messages": turns()}, "/ground_truth"),
        ("/evaluate", {"messages": turns(), "ground_truth": None, "kwargs": {}}, "/ground_truth"),
        ("/evaluate", {"messages": turns(), "ground_truth": "forty"}, "/ground_truth"),
        ("/evaluate", {"messages": turns(), "ground_truth": ["forty"]}, "/ground_truth"),
        ("/get_reward", {"query": [RIGHT]}, "/labels"),
        ("/get_reward", {"query": [RIGHT, RIGHT], "labels": ["42", None]}, "/labels/1"),
        ("/get_reward", {"query": [RIGHT, RIGHT], "labels": ["42", "forty"]}, "/labels/1"),
        ("/lambda", {"input": {"messages": turns()}}, "/input/metadata/reference_answer/answer"),
        (
            "/lambda",
            {"body": json.dumps([{"messages": turns(), "metadata": {"answer": "42"}}, {"messages": turns()}])},
            "/body/1/metadata/reference_answer/answer",
        ),
        ("/lambda", [{"messages": turns(), "answer": "forty"}], "/0/answer"),
        ("/lambda", [{"messages": turns(), "metadata": {"reference_answer": "42"}}], "/0/metadata/reference_answer"),
        ("/evaluate", {"messages": turns(), "ground_truth": [{"role": "assistant", "content": "forty"}]}, "/ground_truth"),
        ("/evaluate", {"messages": turns(), "ground_truth": [{"role": "assistant", "content": 42}]}, "/ground_truth/0/content"),
        ("/", vertex(["42"]), "/example/references"),
        ("/", vertex({"answer": 42}), "/example/references/answer"),
        ("/", {**vertex({"answer": "42"}), "example": {"contents": 3, "references": {"answer": "42"}}}, "/example/contents"),
    ],
)
def test_what_holds_the_references_may_be_missing_or_no_object(served, path, body, pointer):
    assert refused(served.post(f"{path}?rubric=numbers", body))["pointer"] == pointer


@pytest.mark.parametrize(
    ("rubric", "columns", "place", "said"),
    [
        ("raising", {}, "answer", MISSING),
        ("raising", {"answer": "forty"}, "answer", READ),
        ("isolated", {}, "answer", MISSING),
        ("isolated", {"answer": "forty"}, "answer", READ),
        ("gated", {"answer": "forty"}, "answer", READ),
        ("combined", {"answer": "forty"}, "answer", READ),
        ("nested", {"gold": {"unit": "m"}}, "gold/value", "no reference 'gold.value'"),
        ("nested", {"gold": "42"}, "gold/value", "no reference 'gold.value'"),
        ("choices", {"answer": "A"}, "options", "no reference 'options'"),
        ("choices", {"answer": "A", "options": 3}, "options", "a list of texts"),
        ("choices", {"answer": "Q", "options": ["1", "2"]}, "answer", "got 'Q'"),
        ("similar", {"gold": {}}, "gold/text", "no item.gold.text"),
        ("similar", {"gold": {"text": " "}}, "gold", "is blank"),
        ("calls", {"calls": "add(1, 2)"}, "calls", "must be tool calls"),
        ("calls", {"calls": [{"name": 3}]}, "calls", "must have a name"),
        ("function", {}, "answer", "needs the column 'answer'"),
        ("function", {"answer": "?"}, "answer", "got a question mark"),
        ("caged", {}, "answer", "needs the column 'answer'"),
        ("caged", {"answer": "?"}, "answer", "got a question mark"),
        ("batch", {}, "answer", "needs the column 'answer'"),
    ],
)
def test_however_a_reward_reads_a_reference_it_is_the_callers_where_it_cannot(served, rubric, columns, place, said):
    grader = served.post(f"/grade?rubric={rubric}", {"sample": {"output_text": RIGHT}, "item": columns})
    error = refused(grader)
    assert (error["pointer"], error["code"]) == (f"/item/{place}", "unusable_reference") and said in error["message"], error


@pytest.mark.parametrize(
    ("rubric", "columns", "said"),
    [
        ("function", {"answer": "fail"}, "the database is away"),
        ("caged", {"answer": "leave"}, "exit"),
        ("caged", {"answer": "hang"}, "1 s"),
        ("batch", {"answer": "forty"}, "could not convert"),
    ],
)
@pytest.mark.parametrize("form", ["vertex", "openrlhf, several", "grader", "bedrock"])
def test_what_a_reward_raises_and_what_becomes_of_its_worker_is_a_503_to_be_asked_again(served, form, rubric, columns, said):
    path, body, _ = FORMS[form]
    reply = served.post(f"{path}?rubric={rubric}", body(columns))
    assert reply.status_code == 503 and reply.headers["retry-after"] == "5", reply.text
    assert said in reply.json()["error"]["message"]


def test_where_one_row_of_a_batch_lacks_it_and_a_reward_failed_on_another_asking_again_is_in_vain(served):
    body = {"query": [RIGHT] * 3, "labels": [{"answer": "fail"}, {"answer": "42"}, {}]}
    assert refused(served.post("/get_reward?rubric=function", body))["pointer"] == "/labels/2/answer"


def test_contracts_that_can_say_it_of_a_row_score_the_others(served):
    rows = [{"prompt": PROMPT, "completion": RIGHT, "answer": answer} for answer in ("42", "forty", "41")]
    rows.append({"prompt": PROMPT, "completion": RIGHT})
    reply = served.post("/v1/evaluations/numbers", {"samples": rows}).json()
    assert [row["score"] for row in reply["results"]] == [1.0, None, 0.0, None]
    assert [row["outcomes"]["correct"] for row in reply["results"]] == ["scored", "error", "scored", "error"]
    masked = served.post("/verify?rubric=numbers", nemo_gym({"answer": "forty"})).json()
    assert (masked["mask_sample"], masked["failure_kind"]) == (True, "error") and READ in masked["failure_reason"]


@pytest.mark.parametrize(
    ("columns", "pointer"),
    [
        ({}, "/answer"),
        ({"answer": "forty"}, "/answer"),
        ({"verifier_metadata": {"answer": "forty"}}, "/verifier_metadata/answer"),
        ({"verifier_metadata": {"unit": "m"}}, "/verifier_metadata/answer"),
    ],
)
def test_a_nemo_gym_that_wants_errors_gets_the_callers_mistakes_as_such(home, columns, pointer, strict):
    assert refused(strict.post("/verify?rubric=numbers", nemo_gym(columns)))["pointer"] == pointer


@pytest.fixture(scope="module")
def strict(home):
    with Server(home / "numbers.yaml", "--verify-failures", "error", cwd=home) as server:
        yield server.wait()


@pytest.mark.parametrize(("reward", "status"), [("correct", 422), ("brief", 200), (None, 200)])
def test_a_reward_that_is_not_asked_for_or_has_no_weight_refuses_nothing(served, reward, status):
    query = "" if reward is None else f"&reward={reward}"
    assert served.post(f"/grade?rubric=logged{query}", {"sample": {"output_text": RIGHT}, "item": {}}).status_code == status


@pytest.mark.parametrize("form", [form for form in FORMS if form != "openrlhf, several"])
def test_a_row_that_no_reward_applies_to_is_refused_with_what_they_want(served, form):
    path, body, place = FORMS[form]
    error = refused(served.post(f"{path}?rubric=routed", body({"answer": "42", "kind": "product"})))
    assert error["pointer"] == place.format("kind") and "{'kind': 'sum'}" in error["message"] and "'product'" in error["message"]


def test_one_requests_row_does_not_cost_another_request_its_score_in_a_batch_of_both(served):
    def ask(answer):
        return served.post("/grade?rubric=batch", {"sample": {"output_text": RIGHT}, "item": {"answer": answer}})

    with ThreadPoolExecutor(16) as pool:
        answers = ["42", "41", "forty"] * 32
        replies = list(pool.map(ask, answers))
    expected = {"42": (200, 1.0), "41": (200, 0.0), "forty": (503, None)}
    assert [(reply.status_code, reply.json().get("score")) for reply in replies] == [expected[answer] for answer in answers]


def test_the_openapi_document_says_whose_mistake_is_what(served):
    paths = served.client.get("/openapi.json").json()["paths"]
    for path in ("/", "/evaluate", "/get_reward", "/verify", "/grade", "/lambda", "/v1/score", "/v1/evaluations/{rubric_id}"):
        said = paths[path]["post"]["responses"]
        assert "reference" in said["422"]["description"] and "Retry-After" in said["503"]["description"]


def test_the_log_has_neither_completion_nor_reference_of_a_row_that_stopped_its_batch(served):
    served.post("/grade?rubric=raising", {"sample": {"output_text": "a secret of the policy"}, "item": {"answer": "forty"}})
    served.post("/grade?rubric=function", {"sample": {"output_text": "a secret of the policy"}, "item": {"answer": "fail"}})
    assert "a secret of the policy" not in "".join(map(json.dumps, served.lines()))
