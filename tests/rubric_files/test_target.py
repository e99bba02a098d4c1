"""What a command line names."""

import pytest

from rl_rewards import Reward, Rubric
from rl_rewards.loading import LoadError
from rl_rewards.rubric_files.target import load_target

MODULE = """
from rl_rewards import Reward, Rubric, reward_function

@reward_function
def decorated(response, **kwargs):
    return 1.0

def plain(response, **kwargs):
    return 1.0

class Holder:
    inner = decorated

reward = Reward("named", {"string_match": "x"})
rubric = Rubric((reward,))
number = 5
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "place.py").write_text(MODULE)
    (tmp_path / "with:colon.yaml").write_text("rewards: [{name: r, score: {string_match: x}}]")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("place.py:decorated", "decorated"),
        ("place.py:plain", "plain"),
        ("place.py:Holder.inner", "inner"),
        ("place.py:reward", "named"),
        ("place.py:rubric", "named"),
        ("with:colon.yaml", "r"),
    ],
)
def test_a_file_or_a_python_object_is_a_rubric(place, target, name):
    rubric = load_target(target)
    assert isinstance(rubric, Rubric) and [reward.name for reward in rubric] == [name]
    assert isinstance(rubric[name], Reward)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("place.py:nope", "has no 'nope'"),
        ("place.py:rubik", "did you mean 'rubric'"),
        ("place.py:number", "is a int; allowed: a Rubric, a Reward, a scorer or a function"),
        ("place.py:Holder", "is a type; allowed"),
        ("nope.py:f", "there is no file 'nope.py'"),
        ("no.such.module:f", "No module named"),
        (":f", "no path to a Python object"),
    ],
)
def test_what_is_none_of_these_is_refused(place, target, message):
    with pytest.raises(LoadError, match=message):
        load_target(target)
