"""`function`: a Python function that a rubric file names."""

import pickle

import pytest
from pydantic import ValidationError

from rl_rewards import Reward, Rubric, Sample, load_rubric
from rl_rewards.scorers import Function

SOURCE = """
from rl_rewards import reward_function

@reward_function
def long_enough(response, least=3, **kwargs):
    return float(len(response) >= least)

def plain(response):
    return len(response)

def as_trl(completions, **kwargs):
    return [float(len(c)) for c in completions]

@reward_function
async def waits(response):
    return 1.0

not_callable = 3
"""
SAMPLES = [Sample("q", "abcd", "abcd"), Sample("q", "a", "a")]


@pytest.fixture
def directory(tmp_path, monkeypatch):
    (tmp_path / "my_functions_beside.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scores(scorer):
    return [result.score for result in scorer.score(SAMPLES, [None, None])]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"path": "my_functions_beside:long_enough"}, [1.0, 0.0]),
        ({"path": "my_functions_beside.py:long_enough"}, [1.0, 0.0]),
        ({"path": "my_functions_beside.py:long_enough", "args": {"least": 1}}, [1.0, 1.0]),
        ({"path": "my_functions_beside.py:plain"}, [4.0, 1.0]),
        ({"path": "my_functions_beside.py:as_trl", "mode": "batch"}, [4.0, 1.0]),
        ({"path": "my_functions_beside.py:waits"}, [1.0, 1.0]),
    ],
    ids=str,
)
def test_modules_files_plain_functions_and_arguments(directory, options, expected):
    scorer = Function(**options)
    assert scores(scorer) == expected
    assert scores(pickle.loads(pickle.dumps(scorer))) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "my_functions_beside.py"}, "write 'package.module:name' or 'path/to/file.py:name'"),
        ({"path": "nowhere.py:f"}, "there is no file 'nowhere.py'"),
        ({"path": "no_such_module_here:f"}, "cannot import 'no_such_module_here'"),
        ({"path": "my_functions_beside.py:long_enuogh"}, "did you mean 'long_enough'"),
        ({"path": "my_functions_beside.py:not_callable"}, "is a int, not a function"),
        ({"path": "my_functions_beside.py:long_enough", "mode": "batch"}, "decorated as pointwise"),
        ({"path": "my_functions_beside.py:plain", "args": {"least": 1}}, r"takes no \['least'\]; it takes \['response'\]"),
    ],
    ids=str,
)
def test_a_path_that_leads_nowhere_is_refused_when_the_scorer_is_made(directory, options, message):
    with pytest.raises(ValidationError, match=message):
        Function(**options)


@pytest.mark.parametrize("path", ["my_functions_beside:plain", "my_functions_beside.py:plain"])
def test_a_function_beside_its_rubric_is_found_from_anywhere_and_in_workers(directory, tmp_path_factory, monkeypatch, path):
    rubric = directory / "rubric.yaml"
    rubric.write_text(f"rewards:\n  - name: mine\n    score: {{function: '{path}'}}\n    isolate: true\n")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert load_rubric(rubric).evaluate(SAMPLES).columns["mine"].scores == [4.0, 1.0]


def test_an_async_function_runs_beside_the_other_rewards(directory):
    rubric = Rubric((Reward("a", {"function": "my_functions_beside.py:waits"}), Reward("b", {"function": "my_functions_beside.py:plain"})))
    assert rubric.evaluate(SAMPLES).totals() == [5.0, 2.0]
