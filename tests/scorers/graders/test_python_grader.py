import sys

import pytest

from rl_rewards import Reward, Rubric
from rl_rewards.scorers import PythonGrader
from rl_rewards.types import Outcome, Sample

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")
CALL = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}


def grade(body, answer="Paris", row=None, completion=None, **options):
    rubric = Rubric([Reward("r", PythonGrader(f"def grade(sample, item):\n    {body}", **options))])
    return rubric.evaluate([Sample("Where?", completion or answer, answer, row or {"gold": "Paris"})]).columns["r"].results[0]


@pytest.mark.parametrize(
    ("body", "answer", "score"),
    [
        ("return float(sample['output_text'] == item['gold'])", "Paris", 1.0),
        ("return float(sample['output_text'] == item['gold'])", "Rome", 0.0),
        ("return sample['output_json']['a'] / 4", '{"a": 1}', 0.25),
        ("return 'output_json' in sample", "no json", 0.0),
        ("return len(sample.get('output_tools', []))", "x", 0.0),
        ("return sample['choices'][0]['message']['content'] == 'x'", "x", 1.0),
        ("return item['messages'][0]['content'] == 'Where?'", "x", 1.0),
        ("return 7", "x", 7.0),
        ("return -0.5", "x", -0.5),
        ("import json, re; return float(bool(re.search('a', json.dumps(sample))))", "a", 1.0),
    ],
)
def test_grade_sees_the_completion_and_the_row(body, answer, score):
    result = grade(body, answer)
    assert (result.score, result.outcome) == (score, Outcome.SCORED), result


def test_grade_sees_tool_calls_in_openais_form():
    turns = [{"role": "assistant", "content": "", "tool_calls": [CALL]}]
    assert grade("import json; return json.loads(sample['output_tools'][0]['function']['arguments'])['a']", "", completion=turns).score == 1.0


@pytest.mark.parametrize(
    ("body", "outcome", "message"),
    [
        ("return None", Outcome.ERROR, "must return a finite number, got None"),
        ("return 'x'", Outcome.ERROR, "must return a finite number"),
        ("return float('nan')", Outcome.ERROR, "must return a finite number"),
        ("return item['absent']", Outcome.CRASHED, "KeyError"),
        ("while True: pass", Outcome.TIMEOUT, "grade"),
        ("import socket; socket.create_connection(('127.0.0.1', 9), 1); return 1", Outcome.CRASHED, "Error"),
    ],
)
def test_what_goes_wrong_in_it_is_ours_and_never_a_zero(body, outcome, message):
    result = grade(body, timeout=2.0)
    assert result.score is None and result.outcome is outcome and message in result.error


def test_libraries_that_are_installed_can_be_used():
    pytest.importorskip("rapidfuzz")
    assert grade("from rapidfuzz import fuzz; return fuzz.ratio(sample['output_text'], item['gold']) / 100").score == 1.0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def grade(sample):\n    return 1", r"takes two arguments, sample and item; this one has sample"),
        ("def grade(sample, item, third):\n    return 1", "takes two arguments"),
        ("def evaluate(a, b): return 1", r"must define `def grade\(sample, item\)`; it defines \['evaluate'\]"),
        ("def grade(sample, item):\n    return (1", r"does not compile: '\(' was never closed \(line 2\): 'return \(1'"),
        ("x = '" + "a" * (256 << 10) + "'", "at most 262144 bytes"),
        ("", "must define"),
    ],
)
def test_a_source_that_cannot_grade_is_refused(source, message):
    with pytest.raises(ValueError, match=message):
        PythonGrader(source)


@pytest.mark.parametrize("signature", ["sample, item", "sample, item, strict=True", "*arguments", "sample, item=None", "a, b, /"])
def test_signatures_that_take_two_arguments_are_taken(signature):
    PythonGrader(f"def grade({signature}):\n    return 1.0")
