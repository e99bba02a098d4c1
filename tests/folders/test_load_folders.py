"""`name=path ...` as one rubric."""

from pathlib import Path

import pytest

from rl_rewards import Rubric, Sample
from rl_rewards.folders import FolderError, load_folders, named_folders

ONE = "def evaluate(messages, **kwargs):\n    return {'score': 1.0, 'metrics': {'inner': {'score': 0.5, 'reason': 'half'}}}\n"
UTILS = "import utils\ndef evaluate(messages, **kwargs):\n    return utils.VALUE\n"
SAMPLE = Sample.from_row({"prompt": "q", "completion": "a"})


@pytest.fixture
def metrics(tmp_path, monkeypatch):
    for name, files in {
        "one": {"main.py": ONE},
        "low": {"main.py": UTILS, "utils.py": "VALUE = 0.25"},
        "high": {"main.py": UTILS, "utils.py": "VALUE = 0.75"},
    }.items():
        (tmp_path / "metrics" / name).mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / "metrics" / name / file).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_several_folders_are_one_rubric_with_their_names_and_weights(metrics):
    rubric = load_folders(["one=metrics/one", "low=./metrics/low", f"high={metrics / 'metrics/high'}"], {"low": 2, "high": 0})
    evaluation = rubric.evaluate([SAMPLE])
    assert [(reward.name, reward.weight) for reward in rubric] == [("one", 1.0), ("low", 2.0), ("high", 0.0)]
    assert {name: column.scores for name, column in evaluation.columns.items()} == {"one": [1.0], "low": [0.25], "high": [0.75]}
    assert evaluation.totals() == [1.5]
    assert evaluation.columns["one"].results[0].metrics["inner"].score == 0.5


def test_a_folder_may_have_several_names(metrics):
    assert [reward.name for reward in load_folders(["a=metrics/one", "b=metrics/one"])] == ["a", "b"]


def test_isolated_folders_run_in_workers(metrics):
    (metrics / "metrics/one/main.py").write_text(
        "import os\ndef evaluate(messages, **kwargs):\n    return float('RL_REWARDS_IN_WORKER' in os.environ)\n"
    )
    assert load_folders(["one=metrics/one"], isolate=True, timeout=300).evaluate([SAMPLE]).scores("one") == [1.0]
    assert load_folders(["one=metrics/one"]).evaluate([SAMPLE]).scores("one") == [0.0]


def test_it_can_be_saved_and_loaded(metrics):
    from rl_rewards.formats import load_rubric

    rubric = load_folders(["low=metrics/low", "high=metrics/high"], {"low": 0.5})
    rubric.save(metrics / "rubric.yaml")
    again = load_rubric(metrics / "rubric.yaml")
    assert isinstance(again, Rubric) and again == rubric and str(metrics) not in (metrics / "rubric.yaml").read_text()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["metrics/one"], "must be written name=path, got 'metrics/one'; did you mean one=metrics/one"),
        (["=metrics/one"], "must be written name=path, got '=metrics/one'"),
        (["one="], "must be written name=path, got 'one='"),
        (["a b=metrics/one"], "must be of letters, digits"),
        (["a=metrics/one", "a=metrics/low"], "must have different names, got 'a' more than once"),
        ([], "at least one metric folder"),
        (["a=metrics/two"], "metrics/two: a metric folder must be a directory with a main.py, found nothing of that name"),
    ],
)
def test_what_names_no_folder_is_refused(metrics, values, message):
    with pytest.raises(FolderError, match=message):
        load_folders(values)


def test_a_weight_is_of_a_folder(metrics):
    with pytest.raises(FolderError, match="must be of one of the metric folders low, high, got 'hihg'; did you mean 'high'"):
        load_folders(["low=metrics/low", "high=metrics/high"], {"hihg": 1})


def test_what_belongs_to_a_folder_is_listed(metrics):
    (metrics / "metrics/low/requirements.txt").write_text("numpy>=1\n")
    [folder] = named_folders("low=metrics/low")
    assert (folder.name, folder.path, folder.requirements) == ("low", Path("metrics/low"), ["numpy>=1"])
    assert [file.as_posix() for file in folder.files] == ["main.py", "requirements.txt", "utils.py"]
