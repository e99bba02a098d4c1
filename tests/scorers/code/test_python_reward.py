"""A snippet of the user's own: what it is given, what it may return, and that its failures are never a zero."""

import math
import pickle

import pytest

from rl_rewards.scorers.code.python_reward import PythonReward
from rl_rewards.types import Outcome, Sample

ENGINES = [("process",), ("monty",), ("monty", "process")]


def snippet(body):
    return "def evaluate(example, response):\n    " + body.replace("\n", "\n    ")


def score(body, response="4", references=None, prompt="2+2?", answer=..., **options):
    sample = Sample(prompt, response, response, references)
    [result] = PythonReward(snippet(body), **options).score([sample], [response if answer is ... else answer])
    return result


@pytest.fixture(params=ENGINES, ids=", ".join)
def engines(request):
    if "monty" in request.param:
        pytest.importorskip("pydantic_monty")
    return request.param


def test_it_is_given_what_vertex_gives(engines):
    body = """
turns = [("user", "2+2?"), ("model", "?"), ("user", "4?")]
assert example["contents"] == [{"role": role, "parts": [{"text": text}]} for role, text in turns]
assert example["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
assert example["references"] == {"answer": "4", "tests": [1, {"a": None}]}
assert response == {"role": "model", "parts": [{"text": "4"}]}
return 1.0""".strip()
    turns = [("system", "Be brief."), ("user", "2+2?"), ("assistant", "?"), ("user", [{"type": "text", "text": "4?"}])]
    prompt = [{"role": role, "content": content} for role, content in turns]
    result = score(body, "the answer is 4", {"answer": "4", "tests": [1, {"a": None}], "image": object()}, prompt, "4", engines=engines)
    assert result.score == 1.0, result


def test_vertex_own_example_runs(engines):
    # origin: the documented form of Vertex AI's code execution reward
    body = """
import re
predicted = response.get("parts", [])[0]["text"].strip()
expected = example.get("references", {}).get("ground_truth_answer", "")
return 1.0 if re.sub(r"\\s", "", predicted) == expected else -1.0""".strip()
    assert score(body, " 3 91 ", {"ground_truth_answer": "391"}, engines=engines).score == 1.0
    assert score(body, "392", {"ground_truth_answer": "391"}, engines=engines).score == -1.0


RETURNS = [("0.25", 0.25), ("-3", -3.0), ("True", 1.0), ("False", 0.0), ("1e300", 1e300)]


@pytest.mark.parametrize(("returned", "wanted"), RETURNS)
def test_a_finite_number_is_the_score(engines, returned, wanted):
    result = score(f"return {returned}", engines=engines)
    assert result.score == wanted and type(result.score) is float


FAILURES = [
    # body, outcome, part of the error
    ("return None", "error", "must return a finite number, got None"),
    ("return '1.0'", "error", "got '1.0'"),
    ("return [1.0]", "error", "got [1.0]"),
    ("return float('nan')", "error", "got nan"),
    ("return float('inf')", "error", "got inf"),
    ("return {'score': 1}", "error", "must return a finite number"),
    ("return example['references']['answer']", "crashed", "KeyError"),
    ("return 1 / 0", "crashed", "ZeroDivisionError"),
    ("while True: pass", "timeout", "ran out of time"),
]


@pytest.mark.parametrize(("body", "outcome", "error"), FAILURES)
def test_whatever_goes_wrong_in_it_is_ours(engines, body, outcome, error):
    result = score(body, engines=engines, timeout=1.0 if outcome == "timeout" else 30.0)
    assert (result.score, result.outcome) == (None, outcome) and error in result.error


def test_what_monty_lacks_is_named_or_goes_to_cpython():
    pytest.importorskip("pydantic_monty")
    body = "import difflib\nreturn difflib.SequenceMatcher(None, 'ab', 'ab').ratio()"
    alone = score(body, engines=("monty",))
    assert (alone.score, alone.outcome) == (None, Outcome.UNSUPPORTED) and "module difflib" in alone.error
    assert score(body, engines=("monty", "process")).score == 1.0


def test_a_response_without_an_answer_has_the_wrong_answer_score():
    result = score("return 1.0", answer=None, wrong=-1.0)
    assert (result.score, result.outcome) == (-1.0, Outcome.UNPARSED)


def test_calls_share_nothing(engines):
    source = "seen = []\ndef evaluate(example, response):\n    seen.append(1)\n    return len(seen)"
    scorer = PythonReward(source, engines=engines)
    assert [result.score for result in scorer.score([Sample("q", "a", "a")] * 5, ["a"] * 5)] == [1.0] * 5


def test_it_sees_neither_files_nor_network_nor_the_environment(monkeypatch):
    monkeypatch.setenv("RL_REWARDS_TEST_SECRET", "x")
    assert score("import os\nreturn float('RL_REWARDS_TEST_SECRET' in os.environ)").score == 0.0
    error = score("return len(open('/etc/passwd').read())").error
    assert "FileNotFoundError" in error or "PermissionError" in error  # by the root of its own, or by Landlock
    assert "PermissionError" in score("import socket\nsocket.socket()\nreturn 1").error


def test_numpy_can_be_used_where_it_is_installed():
    pytest.importorskip("numpy")
    assert score("import numpy as np\nreturn np.float64(np.mean([1, 2]))", timeout=60).score == 1.5


REFUSED = [
    ("def evaluate(", "does not compile"),
    ("reward = 1.0", "must define"),
    ("def grade(sample, item): return 1.0", "it defines ['grade']"),
    ("def evaluate(example): return 1.0", "takes two arguments"),
]


@pytest.mark.parametrize(("source", "message"), REFUSED)
def test_a_snippet_that_cannot_work_is_refused_at_construction(source, message):
    with pytest.raises(ValueError) as refused:
        PythonReward(source)
    assert message in str(refused.value)


@pytest.mark.parametrize("options", [{"timeout": 0}, {"memory_mb": 0}, {"engines": ("docker",)}, {"workers": 0}, {"tiemout": 1}], ids=repr)
def test_wrong_options_are_refused_at_construction(options):
    with pytest.raises(ValueError):
        PythonReward(snippet("return 1.0"), **options)


def test_it_is_a_value_that_can_be_sent_to_a_process():
    scorer = PythonReward(snippet("return 0.5"))
    copy = pickle.loads(pickle.dumps(scorer))
    assert copy == scorer and hash(copy) == hash(scorer)
    assert math.isclose(copy.score([Sample("q", "a", "a")], ["a"])[0].score, 0.5)
