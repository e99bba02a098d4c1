"""Hostile rows through every bridge: what TRL gets of them, every other trainer gets; a failure of ours is never a number of its own."""

import math

import bridge_rows
import pytest
from bridge_calls import ONE_ROW, WHOLE_GROUPS, is_absent, verl_trainer
from bridge_compare import close_to_mean, compare, compare_scored

from rl_rewards.reward import RewardError

RIGHT = "<answer>42</answer>"
FUNCTIONS = '''
import asyncio
import decimal
import fractions

import numpy as np

from rl_rewards import EvaluateResult, reward_function
from rl_rewards.types import MetricResult


class NoFloat(float):
    def __float__(self):
        raise RuntimeError("it has no value")


class Unreadable(Exception):
    def __str__(self):
        raise RuntimeError("it has no message")


RETURNS = {
    "true": True, "false": False, "integer": 3, "float32": np.float32(0.1), "zero-d": np.array(0.25), "array": np.array([1.0, 2.0]), "text": "1.0",
    "none": None, "nan": float("nan"), "inf": float("inf"), "huge": 1e30, "list": [1.0], "dict": {"score": 0.5, "reason": "half"},
    "wrong dict": {"points": 1}, "complex": 1j, "decimal": decimal.Decimal("0.5"), "fraction": fractions.Fraction(1, 3), "no float": NoFloat(1.0),
    "component": EvaluateResult(0.5, metrics={"near": MetricResult(0.25), "far": float("nan"), "\\ud800": 1.0}),
    "contradiction": EvaluateResult(1.0, error="it went wrong"),
}
RAISES = {
    "value": ValueError("no"), "exit": SystemExit(0), "stop": StopIteration(), "recursion": RecursionError("deep"), "cancelled": asyncio.CancelledError(),
    "generator": GeneratorExit(), "surrogate": KeyError("\\ud800"), "unreadable": Unreadable(), "group": ExceptionGroup("several", [OSError("disk")]),
}


def returns(response):
    return RETURNS.get(response, 0.75)


def raises(response):
    if response in RAISES:
        raise RAISES[response]
    return 0.75


@reward_function(isolate=True, timeout=0.4)
def hangs(response):
    while response == "hang":
        pass
    return len(response) / 10


@reward_function(pure=True)
def once(response):
    if "kaboom" in response:
        raise ConnectionError("the service is down")
    return EvaluateResult(len(response) / 7, metrics={"letters": MetricResult(float(len(response)))})


def nested(response, record):
    """Reads deep into a column."""
    return float(len(record["parts"][-1]["inner"][0].get("text") or "")) / 8
'''
NUMBER = {"parse": {"tag": "answer"}, "score": {"number_match": "answer"}}
TEXT = {"score": {"exact_match": "answer"}}
REPEATED = {"score": {"repetition": {"n": 2, "penalty": -1, "unit": "words"}}}


def function(name):
    return {"score": {"function": f"hostile_functions.py:{name}"}}


ODD = [
    "42",
    42,
    42.0,
    "42.0",
    True,
    None,
    math.nan,
    math.inf,
    "",
    " ",
    "NaN",
    ["41", "42"],
    [],
    [None],
    {"value": 42},
    {},
    "\ud800",
    [["42"]],
    10**400,
]
TEXTS = [
    RIGHT, "", " ", "\n", "\0", "\ud800", "<answer>\udfff</answer>", "<answer></answer>", "<answer>NaN</answer>", "<answer>" * 5000, "\u202e" + RIGHT,
    "nan", "None", "null", "{}", "x" * 2**20 + RIGHT, "<think>" + "so " * 2**18 + "</think>" + RIGHT,
]  # fmt: skip
RECORDS = [
    {"parts": [{"inner": [{"text": "\ud800 deep"}]}]},
    {"parts": [1, None, {"inner": [{"text": None}]}]},
    {"parts": [{"inner": [{}]}], "more": {"list": [[], {}, [None, math.nan]]}},
    {"parts": []},
    {"parts": [{"inner": "text"}]},
    None,
]
BROKEN = ["kaboom 1", "kaboom 2", "kaboom 1", "kaboom 3"]

# name -> rewards, and for each prompt its columns and completions
CASES = {
    "references of any type": ([NUMBER, TEXT], [({"answer": odd}, [RIGHT, "42", "wrong"]) for odd in ODD]),
    "texts of any kind": ([NUMBER, TEXT, REPEATED], [({"answer": "42"}, TEXTS[i : i + 4]) for i in range(0, len(TEXTS), 4)]),
    "nested columns": ([function("nested"), REPEATED], [({"record": record}, ["a b", "a b a b"]) for record in RECORDS]),
    "missing references": ([NUMBER, REPEATED], [(columns, [RIGHT, "a b a b"]) for columns in ({"answer": "42"}, {}, {"answer": None}, {"other": 1})]),
    "returned values": (
        [function("returns")],
        [({}, [*each, "fine"]) for each in (
            ("true", "false", "integer"), ("float32", "zero-d", "array"), ("text", "none", "nan"), ("inf", "huge", "list"), ("dict", "wrong dict", "complex"),
            ("decimal", "fraction", "no float"), ("component", "contradiction"),
        )],
    ),
    "raised exceptions": (
        [function("raises"), REPEATED],
        [({}, [*each, "fine"]) for each in (("value", "exit", "stop"), ("recursion", "cancelled", "generator"), ("surrogate", "unreadable", "group"))],
    ),
    "one that hangs": ([function("hangs"), REPEATED], [({}, ["a b", "hang", "a b a b"])]),
    "duplicates": ([function("once"), REPEATED], [({}, ["same", "same", "other", "same", "kaboom", "kaboom"])] * 2),
    "a batch of one": ([function("once"), NUMBER], [({"answer": "42"}, [RIGHT])]),
}  # fmt: skip
ALL_FAIL = ([function("once")], [({}, BROKEN)])


def case_of(directory, rewards, prompts):
    """A rubric file and rows of a case."""
    (directory / "hostile_functions.py").write_text(FUNCTIONS)
    path = bridge_rows.write_rubric(directory, bridge_rows.by_kind(*({**reward, "weight": 1} for reward in rewards)))
    rows = [
        {"prompt": [{"role": "user", "content": f"Prompt {group}?"}], "completion": completion, "group": group, "columns": columns}
        for group, (columns, completions) in enumerate(prompts)
        for completion in completions
    ]
    return path, rows


@pytest.fixture
def hooks_on(monkeypatch):
    """verl's trainer has the hooks, as its environment variable says; verl itself is not here."""
    from rl_rewards.bridges.verl import hooks

    monkeypatch.setenv("VERL_USE_EXTERNAL_MODULES", hooks.__name__)


@pytest.mark.parametrize("trainer", ONE_ROW)
@pytest.mark.parametrize("case", CASES)
def test_rows_one_at_a_time_get_what_trl_gets(case, trainer, tmp_path):
    path, rows = case_of(tmp_path, *CASES[case])
    expected = bridge_rows.trl_numbers(path, rows)
    compare(ONE_ROW[trainer](path, rows), expected)


@pytest.mark.parametrize("policy", ["group_mean", "drop_group"])
@pytest.mark.parametrize("trainer", ["ms_swift", "tinker", "verl_trainer"])
@pytest.mark.parametrize("case", CASES)
def test_whole_groups_get_what_trl_gets_and_a_policys_number_where_there_is_none(case, trainer, policy, tmp_path, hooks_on):
    path, rows = case_of(tmp_path, *CASES[case])
    expected = bridge_rows.trl_numbers(path, rows)
    said = {**WHOLE_GROUPS, "verl_trainer": verl_trainer}[trainer](path, rows, policy)
    assert not any(is_absent(total) for total, _, _ in said)
    if policy == "group_mean":
        compare_scored(said, expected)
        close_to_mean(said, expected, rows)
    else:
        whole = {row["group"] for row, total in zip(rows, expected[0], strict=True) if total is None}
        for group in {row["group"] for row in rows}:
            places = [i for i, row in enumerate(rows) if row["group"] == group]
            if group in whole:
                assert len({said[i][0] for i in places}) == 1  # no advantages
            else:
                assert [said[i][0] for i in places] == [expected[0][i] for i in places]


@pytest.mark.parametrize("trainer", ["ms_swift", "tinker"])
@pytest.mark.parametrize("case", CASES)
def test_whole_groups_stop_at_a_row_without_a_score_unless_a_policy_is_named(case, trainer, tmp_path):
    path, rows = case_of(tmp_path, *CASES[case])
    if None in bridge_rows.trl_numbers(path, rows)[0]:
        with pytest.raises(RewardError, match="a row has no score"):
            WHOLE_GROUPS[trainer](path, rows, "raise")
    else:
        assert not any(is_absent(total) for total, _, _ in WHOLE_GROUPS[trainer](path, rows, "raise"))


@pytest.mark.parametrize("case", CASES)
def test_openrlhf_gets_no_number_of_a_row_whose_prompt_it_is_to_drop(case, tmp_path):
    path, rows = case_of(tmp_path, *CASES[case])
    expected = bridge_rows.trl_numbers(path, rows)
    said = ONE_ROW["openrlhf"](path, rows, "drop_group")
    compare(said, expected)
    assert all(math.isnan(said[i][0]) for i, total in enumerate(expected[0]) if total is None)


@pytest.mark.parametrize("case", CASES)
def test_workers_of_axolotl_get_trls_numbers(case, tmp_path):
    path, rows = case_of(tmp_path, *CASES[case])
    compare(WHOLE_GROUPS["axolotl"](path, rows), bridge_rows.trl_numbers(path, rows))


@pytest.mark.parametrize("trainer", ONE_ROW)
def test_where_every_row_fails_no_row_has_a_number(trainer, tmp_path):
    path, rows = case_of(tmp_path, *ALL_FAIL)
    assert all(is_absent(total) for total, _, _ in ONE_ROW[trainer](path, rows))


@pytest.mark.parametrize("policy", ["group_mean", "drop_group"])
def test_where_every_row_fails_verls_trainer_stops(policy, tmp_path, hooks_on):
    path, rows = case_of(tmp_path, *ALL_FAIL)
    with pytest.raises(RewardError, match="no row has had a score yet"):
        verl_trainer(path, rows, policy)


@pytest.mark.parametrize("policy", ["raise", "group_mean", "drop_group"])
@pytest.mark.parametrize("trainer", ["ms_swift", "tinker"])
def test_where_every_row_fails_there_is_no_mean_to_give(trainer, policy, tmp_path):
    path, rows = case_of(tmp_path, *ALL_FAIL)
    with pytest.raises(RewardError, match="a score|no score"):
        WHOLE_GROUPS[trainer](path, rows, policy)
