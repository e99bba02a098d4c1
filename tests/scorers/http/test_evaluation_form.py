"""The form `evaluation`: rows as `rl-rewards score` takes them out, every reward and component back, no group divided."""

import pytest

from rl_rewards import Outcome, Reward, Rubric, Sample
from rl_rewards.scorers import Http


def result(score, **more):
    return {"score": score, "scores": {"a": score}, "outcomes": {"a": "scored"}, "reasons": {"a": None}, "components": {}, **more}


def score(url, samples, **options):
    return Rubric((Reward("it", Http(url, form="evaluation", **options)),)).evaluate(samples).columns["it"].results


def sample(index, group, prompt="q", completion="a", **columns):
    return Sample(prompt, completion, completion if isinstance(completion, str) else completion[-1]["content"], columns, group=group, index=index)


def test_rewards_and_their_components_come_back_as_components(service):
    one = result(1.5, scores={"a": 1.0, "b": None, "c": 0.5}, outcomes={"a": "scored", "b": "skipped", "c": "scored"}, reasons={"c": "half"})
    one["components"] = {"a": [{"name": "x", "score": 0.25, "reason": "r"}, {"name": "y", "score": None, "reason": ""}]}
    server = service(lambda body, number: {"results": [one], "weights": {"a": 1.0, "b": 1.0, "c": 1.0}})
    [got] = score(server.url, [sample(0, 0, answer="4", messages="a column", nothing=None)])
    assert (got.score, got.reason, {name: part.score for name, part in got.metrics.items()}) == (1.5, "c: half", {"a": 1.0, "c": 0.5, "a/x": 0.25})
    assert server.bodies == [{"samples": [{"answer": "4", "nothing": None, "prompt": "q", "completion": "a"}]}]


@pytest.mark.parametrize(
    ("outcomes", "outcome", "reason"),
    [
        ({"a": "timeout", "b": "scored"}, Outcome.TIMEOUT, "reward 'a'"),
        ({"a": "scored", "b": "error"}, Outcome.ERROR, "reward 'b': away"),
        ({"a": "unheard-of", "b": "scored"}, Outcome.ERROR, "reward 'a'"),
        ({"a": "skipped", "b": "skipped"}, Outcome.SKIPPED, "no reward of the evaluation applies"),
    ],
)
def test_a_row_without_a_score_is_none_with_its_reason(service, outcomes, outcome, reason):
    scores = {name: 1.0 if value == "scored" else None for name, value in outcomes.items()}
    reply = {"results": [result(None, scores=scores, outcomes=outcomes, reasons={"b": "away"})], "weights": {"a": 1.0, "b": 1.0}}
    [got] = score(service(lambda body, number: reply).url, [sample(0, 0)])
    assert (got.score, got.outcome) == (None, outcome) and reason in got.reason


def test_a_metrics_failure_costs_no_score(service):
    reply = {"results": [result(1.0, scores={"a": 1.0, "m": None}, outcomes={"a": "scored", "m": "error"})], "weights": {"a": 1.0, "m": 0.0}}
    assert score(service(lambda body, number: reply).url, [sample(0, 0)])[0].score == 1.0


@pytest.mark.parametrize(
    "reply",
    [
        *({}, {"results": []}, {"results": [{}]}, {"results": [5]}, {"results": [result("high")]}, {"results": [result(None, outcomes=[1])]}),
        *((500, "down", {}), (422, "no", {}), (200, "not JSON", {})),
    ],
    ids=repr,
)
def test_whatever_is_no_result_is_a_failure_and_never_a_zero(service, reply):
    [got] = score(service(lambda body, number: reply).url, [sample(0, 0)], retries=0)
    assert got.failed


@pytest.mark.parametrize(
    ("groups", "size", "requests"),
    [([0, 0, 0, 1, 1, 1], 2, [3, 3]), ([0, 0, 1, 1, 2, 2], 4, [4, 2]), ([None] * 5, 2, [2, 2, 1]), ([0, 0, 0], 1, [3])],
)
def test_no_group_is_divided(service, groups, size, requests):
    server = service(lambda body, number: {"results": [result(1.0) for _ in body["samples"]], "weights": {"a": 1.0}})
    samples = [sample(i, group, prompt=f"q{group if group is not None else i}") for i, group in enumerate(groups)]
    assert [got.score for got in score(server.url, samples, batch_size=size)] == [1.0] * len(groups)
    assert sorted(len(body["samples"]) for body in server.bodies) == sorted(requests)


def test_two_groups_of_one_prompt_are_two_requests(service):
    server = service(lambda body, number: {"results": [result(1.0) for _ in body["samples"]], "weights": {"a": 1.0}})
    score(server.url, [sample(i, i // 2) for i in range(4)])
    assert [len(body["samples"]) for body in server.bodies] == [2, 2]


@pytest.mark.parametrize(
    ("rows", "size", "requests"),
    [
        # (group, prompt, prompt_id): each request as the places of its samples
        ([(0, "p", None), (1, "q", None), (0, "p", None), (1, "q", None)], 4, [[0, 2, 1, 3]]),
        ([(0, "p", None), (1, "q", None), (0, "p", None), (1, "q", None)], 1, [[0, 2], [1, 3]]),
        ([(0, "p", None), (1, "q", None), (2, "p", None)], 4, [[0, 1], [2]]),
        ([(0, "p", 7), (1, "q", 7)], 4, [[0], [1]]),
        ([(0, "p", 0), (1, "p", 1)], 4, [[0, 1]]),
        ([(0, [{"role": "user", "content": "p"}], None), (1, [{"content": "p", "role": "user"}], None)], 4, [[0], [1]]),
    ],
)
def test_a_group_is_in_one_request_wherever_its_rows_are_and_scores_come_back_in_order(service, rows, size, requests):
    server = service(lambda body, number: {"results": [result(float(row["completion"])) for row in body["samples"]], "weights": {"a": 1.0}})
    columns = [{} if number is None else {"prompt_id": number} for *_, number in rows]
    samples = [sample(i, group, prompt, str(i), **columns[i]) for i, (group, prompt, _) in enumerate(rows)]
    assert [got.score for got in score(server.url, samples, batch_size=size)] == [float(i) for i in range(len(rows))]
    assert sorted([int(row["completion"]) for row in body["samples"]] for body in server.bodies) == sorted(requests)


def test_token_ids_are_sent_where_they_are_the_policys_own(service):
    server = service(lambda body, number: {"results": [result(1.0) for _ in body["samples"]], "weights": {}})
    own = Sample("q", "a", "a", {}, [5, 6], group=0)
    turns = [{"role": "assistant", "content": ""}, {"role": "tool", "content": "4"}, {"role": "assistant", "content": "4"}]
    with_tool = Sample("p", turns, "4", {}, [5, 6, 7], group=1, index=1)
    score(server.url, [own, with_tool])
    [first, second] = server.bodies[0]["samples"]
    assert first["completion_ids"] == [5, 6] and "completion_ids" not in second and second["completion"] == turns


def test_columns_are_asked_of_the_data_and_groups_of_one_form_alone():
    assert Rubric((Reward("it", Http("http://x/v1/evaluations/y", form="evaluation", columns=["answer"])),)).columns == {"answer"}
    with pytest.raises(ValueError, match="needs_groups is an option of form evaluation, got form 'batch'"):
        Http("http://x", form="batch", needs_groups=True)


FIRST = {"digest": "aa", "package": "1.0"}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (FIRST, None),
        ({"digest": "bb", "package": "1.0"}, "bb rl_rewards 1.0"),
        ({"digest": "aa", "package": "1.1"}, "aa rl_rewards 1.1"),
        ({"digest": "aa"}, "a reply without a version"),
        ({}, "a reply without a version"),
    ],
    ids=repr,
)
def test_scores_of_another_version_than_the_runs_are_failures(service, said, found):
    server = service(lambda body, number: {"results": [result(1.0)], "weights": {"a": 1.0}, **said})
    [got] = score(server.url, [sample(0, 0)], version="aa rl_rewards 1.0")
    assert got.score == (1.0 if found is None else None)
    assert found is None or (got.failed and "the one that the run began with, aa rl_rewards 1.0, got " + found in got.error)
    [unasked] = score(server.url, [sample(0, 0)])
    assert unasked.score == 1.0


def test_a_version_is_an_option_of_one_form_alone():
    with pytest.raises(ValueError, match="version is an option of form evaluation, got form 'batch'"):
        Http("http://x", form="batch", version="aa rl_rewards 1.0")
