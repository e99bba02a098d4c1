"""What goes wrong between a rubric and a trainer, trainer by trainer, and what is said of it."""

import asyncio
import json
import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import pytest
from bridge_calls import Dumped
from bridge_rows import REWARDS

from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.labels import references_of
from rl_rewards.bridges.ms_swift import reward_classes
from rl_rewards.bridges.nemo_gym import Verification
from rl_rewards.bridges.openrlhf import StopTraining, response_in, reward_function
from rl_rewards.bridges.plain import group_scorer, row_scorer
from rl_rewards.bridges.scoring import RubricScoring
from rl_rewards.bridges.skyrl_gym import CALLER as SKYRL
from rl_rewards.bridges.skyrl_gym import Episode
from rl_rewards.bridges.unscorable import Substitutes
from rl_rewards.bridges.verifiers import reward_functions
from rl_rewards.bridges.verl import compute_score
from rl_rewards.checks import RubricDataError
from rl_rewards.reward import RewardError
from rl_rewards.serving.errors import NoScoreError

SUMS = "{name: correct, parse: {tag: answer}, score: {number_match: answer}}"
BRIEF = "{name: brief, weight: 0.2, score: {length_window: {min_tokens: 1, max_tokens: 20, unit: words}}}"
GROUP = "{name: short, score: {group_length: {right: {number_match: answer}, unit: characters}}}"
TOKENS = "{name: tokens, score: {soft_overlong: {max_tokens: 100, buffer_tokens: 50}}}"
FLAKY = "{name: flaky, score: {function: 'bridge_rewards.py:flaky'}}"
FIELDS = "{name: fields, parse: json, score: {json_match: answer}}"
CALLS = "{name: called, score: {tool_call_match: calls}}"
THOUGHT = "{name: thought, score: think_format}"
RIGHT = "<answer>42</answer>"
PROMPT = [{"role": "user", "content": "What is 40 + 2?"}]


@pytest.fixture
def rubric(tmp_path):
    """Writes a rubric file of rewards and gives its path."""
    (tmp_path / "bridge_rewards.py").write_text(REWARDS)

    def write(*rewards, more="max_error_rate: 1.0"):
        path = tmp_path / f"rubric{len(list(tmp_path.glob('*.yaml')))}.yaml"
        path.write_text("rewards:\n" + "".join(f"  - {reward}\n" for reward in rewards) + more + "\n")
        return str(path)

    return write


def trace_of(*messages):
    nodes = [SimpleNamespace(message=Dumped(**message), sampled=message["role"] == "assistant") for message in messages]
    metrics = {}
    return SimpleNamespace(branches=[SimpleNamespace(nodes=nodes)], record_metrics=metrics.update, metrics=metrics)


def score_trace(path, messages, **columns):
    functions, trace = reward_functions(path), trace_of(*messages)

    async def run():
        task = Dumped(prompt="q", system_prompt=None, **columns)
        return await asyncio.gather(*(function(task=task, trace=trace) for function in functions.values()))

    return dict(zip(functions, asyncio.run(run()), strict=True)), trace.metrics


# verl


@pytest.mark.parametrize(
    "truth, extra, options, score",
    [
        ("42", {}, {}, 1.2),  # the one column that the rubric reads
        (42, {"index": 3}, {}, 1.2),
        ({"answer": "42"}, {}, {}, 1.2),
        ('{"answer": 42}', {}, {}, 1.2),
        (None, {"answer": "42"}, {}, 1.2),
        ("other", {"answer": "42"}, {}, 1.2),  # extra_info has the column: the ground truth is no column that is read
        ("43", {"answer": "42"}, {"column": "answer"}, 0.2),  # but where it is named
    ],
)
def test_a_ground_truth_is_a_mapping_of_columns_or_the_one_that_is_missing(rubric, truth, extra, options, score):
    before = json.dumps(extra)
    assert compute_score("sums", RIGHT, truth, extra, rubric=rubric(SUMS, BRIEF), **options)["score"] == score
    assert json.dumps(extra) == before


def test_a_reference_that_is_itself_an_object_is_the_column(rubric):
    said = compute_score("d", '{"a": 1, "b": 2}', {"a": 1, "b": 3}, None, rubric=rubric(FIELDS))
    assert said["score"] == 0.5
    assert json.loads(said["rewards/components"]) == {"fields": {"a": 1.0, "b": 0.0}}
    assert compute_score("d", '{"a": 1}', '{"a": 1}', {}, rubric=rubric(FIELDS))["score"] == 1.0


def test_every_row_has_the_same_names_whatever_it_scores(rubric):
    path = rubric(SUMS, "{name: only, when: {data_source: b}, score: {regex_match: x}}", FIELDS.replace("json_match: answer", "json_match: record"))
    options = {"rubric": path, "components": ["fields/a"]}
    truth = {"answer": "42", "record": {"a": 1}}
    first = compute_score("a", RIGHT, truth, {}, **options)
    second = compute_score("b", '{"a": 1}', json.dumps(truth), {"split": "x"}, **options)
    assert list(first) == list(second)
    assert first["rewards/only"] is None and second["rewards/only"] == 0.0
    assert first["rewards/fields/components/a"] is None and second["rewards/fields/components/a"] == 1.0


@pytest.mark.parametrize(
    "options, error, message",
    [
        (
            {"rubrik": "r.yaml"},
            BridgeError,
            "reward_kwargs has no option 'rubrik'; allowed: rubric, unscorable, components, column; did you mean 'rubric'",
        ),
        ({}, BridgeError, "must name a rubric"),
        ({"rubric": "missing.yaml"}, OSError, "missing.yaml"),
        (
            {"unscorable": "group_men"},
            BridgeError,
            "unscorable must be one of raise, drop_group, group_mean, got 'group_men'; did you mean 'group_mean'",
        ),
        ({"unscorable": "drop_group"}, BridgeError, "VERL_USE_EXTERNAL_MODULES=rl_rewards.bridges.verl.hooks"),
        ({"components": ["correct"]}, BridgeError, "components must be names such as REWARD/COMPONENT"),
        ({"components": ["corect/near"]}, BridgeError, "of the rubric's rewards ['correct'], got 'corect/near'"),
    ],
)
def test_wrong_options_of_verl_are_named(rubric, options, error, message):
    given = {"rubric": rubric(SUMS), **options} if options and "rubrik" not in options else options
    with pytest.raises(error) as raised:
        compute_score("sums", RIGHT, "42", {}, **given)
    assert message in str(raised.value)


def test_a_row_that_lacks_a_column_is_named_with_the_nearest_one_that_it_has(rubric):
    with pytest.raises(RubricDataError, match="'correct' needs 'answer'.*did you mean 'anwser'"):
        compute_score("sums", RIGHT, None, {"anwser": "42"}, rubric=rubric(SUMS))


def test_a_label_for_two_columns_must_be_a_mapping():
    with pytest.raises(BridgeError, match=r"ground_truth must be a mapping .* columns \['a', 'b'\].*got '42'; or name the column"):
        references_of("42", {}, frozenset({"a", "b"}), None, "ground_truth")


def test_an_empty_response_is_scored_and_one_that_is_no_text_is_refused(rubric):
    said = compute_score("sums", "", "42", {}, rubric=rubric(SUMS))
    assert said["score"] == 0.0 and said["rewards/correct"] == 0.0 and said["rewards/unscorable"] == 0.0
    with pytest.raises(BridgeError, match="solution_str must be text, got NoneType"):
        compute_score("sums", None, "42", {}, rubric=rubric(SUMS))


def test_rows_of_parquet_hold_arrays_which_become_lists(rubric):
    numpy = pytest.importorskip("numpy")
    said = compute_score("sums", RIGHT, numpy.array(["41", "42"]), {"split": numpy.int64(3)}, rubric=rubric(SUMS))
    assert said["score"] == 1.0


@pytest.mark.parametrize("reward, message", [(GROUP, "compares the completions of a group"), (TOKENS, "counts the policy's tokens")])
def test_a_reward_that_a_trainer_cannot_carry_out_is_refused_when_it_is_loaded(rubric, reward, message):
    path = rubric(SUMS, reward)
    for load in (lambda: compute_score("d", RIGHT, "42", {}, rubric=path), lambda: reward_function(path), lambda: reward_functions(path)):
        with pytest.raises(BridgeError, match=message):
            load()
    for load in (lambda: Verification(path), lambda: RubricScoring(path, SKYRL), lambda: row_scorer(path)):
        with pytest.raises(BridgeError, match=message):
            load()
    assert reward_classes(path) and group_scorer(path)


def test_a_rubric_of_metrics_alone_is_refused(rubric):
    with pytest.raises(RubricDataError, match="some reward must have a weight"):
        row_scorer(rubric("{name: m, weight: 0, score: {regex_match: x}}"))


# Failures of ours


def test_no_bridge_makes_a_number_of_a_failure(rubric):
    path, said = rubric(FLAKY), "kaboom"
    reason = "reward 'flaky': ConnectionError: the service is down"
    with pytest.raises(RewardError, match=reason):
        compute_score("d", said, None, {}, rubric=path)
    with pytest.raises(StopTraining, match=reason):
        reward_function(path)(["q" + said], ["q"], [None])
    with pytest.raises(RewardError, match=reason):
        score_trace(path, [*PROMPT, {"role": "assistant", "content": said}])
    with pytest.raises(NoScoreError, match=reason):
        asyncio.run(Verification(path).reply(nemo_request(said)))
    with pytest.raises(RewardError, match=reason):
        Episode(RubricScoring(path, SKYRL), {}, None).score(said)
    with pytest.raises(RewardError, match=reason):
        row_scorer(path)("q", said)
    (made,) = reward_classes(path).values()
    with pytest.raises(RewardError, match=reason):
        made()([said, "fine"])
    with pytest.raises(RewardError, match=reason):
        group_scorer(path)("q", [said, "fine"])


def nemo_request(text, **columns):
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}]
    return {"responses_create_params": {"input": PROMPT}, "response": {"output": output}, **columns}


def test_openrlhf_swallows_exceptions_and_not_what_this_one_raises(rubric):
    function = reward_function(rubric(SUMS))
    for queries, prompts, labels in [(["q" + RIGHT], ["q"], [None]), (["other"], ["prompt"], ["42"]), (["q"], ["q", "q"], ["42"])]:
        with pytest.raises(StopTraining) as raised:
            try:
                function(queries, prompts, labels)
            except Exception as error:  # as SingleTurnAgentExecutor.execute does
                pytest.fail(f"swallowed: {error}")
        assert "Error: " in str(raised.value)


def test_openrlhf_drops_a_group_by_a_reward_that_its_filter_takes_for_none(rubric):
    said = reward_function(rubric(FLAKY), unscorable="drop_group")(["qkaboom", "q12"], ["q", "q"], [None, None])
    scores = said["scores"].tolist()
    assert scores[0] != scores[0] and scores[1] == 0.02
    average = sum(scores) / 2
    assert not (0.0 < average < 1.0)  # OpenRLHF's test in samples_generator.py: the group is filtered out
    assert said["extra_logs"]["rewards/flaky/scored"].tolist() == [0.0, 1.0]
    assert said["extra_logs"]["rewards/unscorable"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "query, prompt, response",
    [
        ("ab" + RIGHT, "ab", RIGHT),
        ("a" * 5 + "the end of a long prompt" + RIGHT, "a" * 50 + "the end of a long prompt", RIGHT),  # cut on the left
        ("prompt", "prompt", ""),
    ],
)
def test_the_response_is_what_follows_the_prompt_even_where_its_beginning_was_cut(query, prompt, response):
    assert response_in(query, prompt) == response


def test_special_tokens_that_openrlhf_keeps_are_not_part_of_the_answer(rubric):
    path = rubric("{name: exact, score: {string_match: answer}}")
    said = reward_function(path)(["q42<|im_end|>", "q42</s>", "q42<|eot_id|>\n"], ["q"] * 3, ["42"] * 3)
    assert said["rewards"].tolist() == [1.0, 1.0, 1.0]
    length = rubric("{name: length, score: {soft_overlong: {max_tokens: 20, buffer_tokens: 10, unit: characters}}}")
    said = reward_function(length)(["q" + "a" * 14 + "\n<|im_end|>", "q" + "a" * 14 + "\n"], ["q"] * 2, [None] * 2)
    assert said["rewards"].tolist() == [-0.5, -0.5]  # 15 characters, as trainers have it that skip special tokens


# Rows without a score in trainers that see groups


@pytest.mark.parametrize(
    "policy, expected",
    [
        ("group_mean", [1.0, 0.5, 0.0, 2.0, 1.0, 1.0]),
        ("drop_group", [0.5, 0.5, 0.5, 2.0, 1.0, 1.0]),
    ],
)
def test_a_substitute_is_the_mean_of_the_group_and_a_dropped_group_is_flat(policy, expected):
    totals = [1.0, None, 0.0, 2.0, None, None]
    # A group without any score gets the mean of the batch.
    assert Substitutes().fill([totals], [total is not None for total in totals], [0, 0, 0, 1, 2, 2], policy) == [expected]


def test_a_batch_without_any_score_gets_the_mean_of_what_came_before_and_raises_before_the_first():
    substitutes = Substitutes()
    with pytest.raises(RewardError, match="no row has had a score yet"):
        substitutes.fill([[None]], [False], [0], "group_mean")
    substitutes.fill([[1.0, 0.5]], [True, True], [0, 0], "group_mean")
    assert substitutes.fill([[None, None]], [False, False], [0, 0], "group_mean") == [[0.75, 0.75]]


def test_a_substitute_of_several_rewards_weighs_as_the_mean_of_the_totals():
    columns = [[1.0, 0.0, None], [None, 4.0, None]]  # a reward that does not apply to the first row
    filled = Substitutes().fill(columns, [True, True, False], [0, 0, 0], "group_mean")
    assert [column[2] for column in filled] == [0.5, 2.0]  # 1 * 0.5 + 0.1 * 2 is the mean of 1 and 0.4


def test_ms_swift_names_each_class_after_its_reward_and_checks_the_weights(rubric):
    classes = reward_classes(rubric(SUMS, BRIEF))
    assert [made.__name__ for made in classes.values()] == ["correct", "brief"]
    args = SimpleNamespace(reward_funcs=["correct", "brief"], reward_weights=[1.0, 0.2])
    assert classes["correct"](args=args)
    args.reward_weights = None
    with pytest.raises(BridgeError, match="--reward_funcs correct brief --reward_weights 1 0.2; got {'brief': 1.0}"):
        classes["correct"](args=args)


def test_ms_swift_evaluates_a_batch_once_for_all_of_its_classes(rubric):
    made = {name: each(args=None) for name, each in reward_classes(rubric(SUMS, BRIEF)).items()}
    batch = {"messages": [[*PROMPT, {"role": "assistant", "content": RIGHT}]] * 2, "answer": ["42", "43"], "request_id": [1, 2]}
    shared = made["correct"].scoring._shared
    counted, shared.rubric = [], SimpleNamespace(rewards=shared.rubric.rewards, evaluate=lambda samples: counted.append(1) or rubric_of(samples))
    rubric_of = made["correct"].scoring.rows.rubric.evaluate
    assert made["correct"]([RIGHT, RIGHT], **batch) == [1.0, 0.0]
    assert made["brief"]([RIGHT, RIGHT], **batch) == [1.0, 1.0]
    assert len(counted) == 1


@pytest.mark.parametrize("more", [{}, {"request_id": ["a", "b"]}], ids=["no ids", "equal ids"])
def test_equal_completions_with_other_columns_are_another_batch_of_ms_swift(rubric, more):
    made = {name: each(args=None) for name, each in reward_classes(rubric(SUMS, BRIEF)).items()}
    assert made["correct"]([RIGHT, RIGHT], answer=["42", "43"], **more) == [1.0, 0.0]
    assert made["brief"]([RIGHT, RIGHT], answer=["43", "42"], **more) == [1.0, 1.0]
    assert made["correct"]([RIGHT, RIGHT], answer=["43", "42"], **more) == [0.0, 1.0]


def test_a_component_is_a_function_of_weight_0_in_ms_swift(rubric):
    made = {name: each(args=None) for name, each in reward_classes(rubric(FIELDS), components=["fields/a"]).items()}
    assert [type(each).__name__ for each in made.values()] == ["fields", "fields.a"]
    batch = {"answer": [{"a": 1, "b": 2}] * 2, "request_id": [1, 2]}
    texts = ['{"a": 1}', '{"b": 2}']
    assert made["fields"](texts, **batch) == [0.5, 0.5]
    assert made["fields.a"](texts, **batch) == [1.0, 0.0]
    with pytest.raises(BridgeError, match="components must be names such as REWARD/COMPONENT"):
        reward_classes(rubric(FIELDS), components=["a"])


# Conversations


TOOLS = [
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 40, "b": 2}'}}],
    },
    {"role": "tool", "content": "42", "tool_call_id": "1"},
    {"role": "assistant", "content": RIGHT},
]


def test_tool_calls_and_several_turns_reach_the_rewards_of_ms_swift(rubric):
    made = {name: each(args=None) for name, each in reward_classes(rubric(SUMS, CALLS)).items()}
    earlier = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "<answer>1</answer>"}]
    calls = [{"name": "add", "arguments": {"a": 40, "b": 2}}]
    batch = {"messages": [[*earlier, *PROMPT, *TOOLS]], "answer": ["42"], "calls": [calls], "images": [["cat.png"]], "tools": [None]}
    assert made["correct"]([RIGHT], **batch) == [1.0]
    assert made["called"]([RIGHT], **batch) == [1.0]


def test_tool_calls_and_reasoning_reach_the_rewards_of_verifiers(rubric):
    flat = [{"id": "1", "type": "function", "name": "add", "arguments": '{"a": 40, "b": 2}'}]  # as verifiers has them
    messages = [*PROMPT, {**TOOLS[0], "tool_calls": flat}, TOOLS[1], {**TOOLS[2], "reasoning_content": "40 and 2"}]
    said, _ = score_trace(rubric(SUMS, CALLS, THOUGHT), messages, answer="42", calls=[{"name": "add", "arguments": {"a": 40, "b": 2}}])
    assert said == {"correct": 1.0, "called": 1.0, "thought": 1.0}


def test_a_rollout_that_was_cut_off_before_the_model_said_anything_is_an_empty_response(rubric):
    said, _ = score_trace(rubric(SUMS), PROMPT, answer="42")
    assert said == {"correct": 0.0}


def test_verifiers_records_nothing_for_a_reward_that_does_not_apply_and_components_as_metrics(rubric):
    path = rubric(SUMS, "{name: only, when: {kind: b}, score: {regex_match: x}}", "{name: tags, score: {tag_count: {names: [answer]}}}")
    said, metrics = score_trace(path, [*PROMPT, {"role": "assistant", "content": RIGHT}], answer="42", kind="a")
    assert said == {"correct": 1.0, "only": {}, "tags": 1.0}
    assert metrics == {"rewards/tags/components/answer": 1.0}


def test_a_trace_that_is_scored_again_is_evaluated_again(rubric):
    functions, trace = reward_functions(rubric(SUMS, BRIEF)), trace_of(*PROMPT, {"role": "assistant", "content": RIGHT})

    async def run():
        task = Dumped(prompt="q", answer="42")
        first = await functions["correct"](task=task, trace=trace)
        trace.branches[0].nodes[-1].message.content = "<answer>41</answer>"
        return first, await functions["correct"](task=task, trace=trace), await functions["brief"](task=task, trace=trace)

    assert asyncio.run(run()) == (1.0, 0.0, 1.0)


def test_nemo_gym_masks_a_failed_row_where_it_is_asked_to(rubric):
    reply = asyncio.run(Verification(rubric(FLAKY), failures="mask").reply(nemo_request("kaboom")))
    assert reply["mask_sample"] is True and reply["failure_kind"] == "error" and "the service is down" in reply["failure_reason"]
    with pytest.raises(BridgeError, match="failures must be error or mask, got 'masc'; did you mean 'mask'"):
        Verification(rubric(FLAKY), failures="masc")


def test_skyrl_takes_columns_from_the_row_and_the_ground_truth(rubric):
    scoring = RubricScoring(rubric(SUMS, BRIEF), SKYRL)
    for extras in (
        {"reward_spec": {"ground_truth": "42"}},
        {"reward_spec": {"ground_truth": {"answer": 42}}},
        {"answer": "42"},
        {"extra_info": {"answer": 42}},
    ):
        assert Episode(scoring, {**extras, "data_source": "x"}, None).score(RIGHT).total == 1.2
    with pytest.raises(BridgeError, match="an action must be text, got list"):
        Episode(scoring, {"answer": "42"}, None).score([1, 2])
    with pytest.raises(BridgeError, match="unscorable must be raise for SkyRL-gym, got 'group_mean'"):
        RubricScoring(scoring.rubric, SKYRL, "group_mean")


# verl's trainer


def test_curves_of_rewards_and_components_are_means_over_the_rows_that_have_them():
    from rl_rewards.bridges.verl.hooks import component_curves

    rows = [
        {"score": 1.0, "rewards/a": 1.0, "rewards/b": None, "rewards/unscorable": 0.0, "rewards/components": '{"a": {"near": 0.5}}'},
        {"score": 0.0, "rewards/a": 0.0, "rewards/b": 3.0, "rewards/unscorable": 1.0, "rewards/components": "{}"},
    ]
    assert component_curves(rows) == {
        "rewards/a/mean": 0.5,
        "rewards/a/min": 0.0,
        "rewards/a/max": 1.0,
        "rewards/b/mean": 3.0,
        "rewards/b/min": 3.0,
        "rewards/b/max": 3.0,
        "rewards/a/components/near/mean": 0.5,
        "rewards/a/components/near/min": 0.5,
        "rewards/a/components/near/max": 0.5,
        "rewards/unscorable_rate": 0.5,
    }
    assert component_curves([]) == {}


@pytest.mark.parametrize(
    "marks, expected",
    [
        ({1: "group_mean"}, [1.0, 0.5, 0.0, 1.0, 1.0]),
        ({1: "drop_group"}, [0.5, 0.5, 0.5, 1.0, 1.0]),
        ({3: "drop_group", 0: "group_mean"}, [0.5, 1.0, 0.0, 1.0, 1.0]),
    ],
)
def test_an_advantage_estimator_sees_substitutes_for_marked_rows(marks, expected):
    torch = pytest.importorskip("torch")
    from rl_rewards.bridges.verl import hooks

    def sums(token_level_rewards, response_mask, index, **kwargs):
        return token_level_rewards.sum(-1).tolist()

    scores = torch.tensor([[0.0, value, 0.0] for value in (1.0, 1.0, 0.0, 1.0, 1.0)])
    for row, policy in marks.items():
        scores[row, 1] = hooks.GROUP_MEAN if policy == "group_mean" else hooks.DROP_GROUP
    estimator = hooks._without_marks(sums)
    assert estimator(scores, response_mask=None, index=["p", "p", "p", "q", "q"]) == expected
    assert estimator(token_level_rewards=torch.ones(2, 1), response_mask=None, index=["p", "q"]) == [1.0, 1.0]


def test_an_estimator_without_groups_refuses_a_row_without_a_score():
    torch = pytest.importorskip("torch")
    from rl_rewards.bridges.verl import hooks

    def gae(token_level_rewards, values):
        return token_level_rewards

    with pytest.raises(RewardError, match="gae compares no groups"):
        hooks._without_marks(gae)(torch.tensor([[float("nan")]]), None)


# Event loops, processes


@pytest.mark.parametrize("reward", [SUMS, FLAKY])
def test_scoring_within_an_event_loop_neither_blocks_nor_fails_in_it(rubric, reward):
    scorer = row_scorer(rubric(reward))

    async def run():
        return await asyncio.gather(*(scorer.aio("q", RIGHT, {"answer": "42"}) for _ in range(3)))

    assert len({total for total, _ in asyncio.run(run())}) == 1


@pytest.mark.parametrize("make", [row_scorer, group_scorer, reward_function])
def test_a_scorer_goes_to_another_process_and_scores_there_as_here(rubric, make):
    made = make(rubric(SUMS, BRIEF))
    again = pickle.loads(pickle.dumps(made))
    if make is row_scorer:
        assert again("q", RIGHT, {"answer": "42"}) == made("q", RIGHT, {"answer": "42"})
    elif make is group_scorer:
        assert again("q", [RIGHT], {"answer": "42"}) == made("q", [RIGHT], {"answer": "42"})
    else:
        assert again(["q" + RIGHT], ["q"], ["42"])["rewards"] == made(["q" + RIGHT], ["q"], ["42"])["rewards"]


def test_functions_that_are_pickled_to_a_worker_share_one_rubric_there(rubric):
    from rl_rewards.bridges.workers import reward_functions as by_file

    functions = by_file(rubric(SUMS, BRIEF))
    correct, brief = pickle.loads(pickle.dumps([functions["correct"], functions["brief"]]))
    assert correct is functions["correct"] and correct._scoring is brief._scoring
    assert len(pickle.dumps(functions["correct"])) < 400
    assert correct(["q"], [RIGHT], answer=["42"]) == [1.0]


def test_a_rubric_file_that_changes_is_read_again(rubric):
    from rl_rewards.bridges.workers import reward_functions as by_file

    path = rubric(SUMS, BRIEF)
    assert list(by_file(path)) == ["correct", "brief"]
    os.replace(rubric(SUMS), path)
    assert list(by_file(path)) == ["correct"]


def test_no_bridge_imports_a_trainer(rubric):
    code = f"""
import sys
from rl_rewards.bridges import lines, ms_swift, nemo_gym, openrlhf, plain, skyrl_gym, tinker, verifiers, verl, workers
verl.compute_score("d", {RIGHT!r}, "42", {{}}, rubric={rubric(SUMS)!r})
trainers = {{"verl", "openrlhf", "swift", "skyrl_gym", "tinker", "tinker_cookbook", "verifiers", "nemo_gym", "torch", "trl", "transformers"}}
assert not trainers & sys.modules.keys(), trainers & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd="/")


# Gathering


def test_a_group_is_scored_when_it_is_whole_and_one_that_stays_in_part_raises():
    from rl_rewards.bridges.gathering import Gathering

    async def run(size, patience=60.0):
        groups = Gathering(lambda items: [len(items) * item for item in items], size, patience)
        return await asyncio.gather(*(groups.add(key, item) for key, item in [("a", 1), ("b", 2), ("a", 3), ("b", 4)]), return_exceptions=True)

    assert asyncio.run(run(2)) == [2, 4, 6, 8]
    assert all("a group of 3, and 2 of group" in str(error) for error in asyncio.run(run(3, patience=0.01)))


def test_an_error_while_a_group_is_scored_reaches_each_of_its_completions():
    from rl_rewards.bridges.gathering import Gathering

    def fail(items):
        raise RewardError("no")

    async def run():
        groups = Gathering(fail, 2, 60.0)
        return await asyncio.gather(*(groups.add("a", item) for item in (1, 2)), return_exceptions=True)

    assert [str(error) for error in asyncio.run(run())] == ["no", "no"]
