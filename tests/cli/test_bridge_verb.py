"""`rl-rewards bridge`: what it writes for each trainer can be used as it is, and what it refuses is named."""

import shlex
import sys

import pytest
from typer.testing import CliRunner

from rl_rewards.bridges.lines import TRAINERS
from rl_rewards.cli import app

RUBRIC = """
rewards:
  - {name: correct, parse: {tag: answer}, score: {number_match: answer}}
  - {name: brief, weight: 0.2, score: {length_window: {min_tokens: 1, max_tokens: 20, unit: words}}}
"""
GROUPED = "rewards: [{name: short, score: {group_length: {right: {number_match: answer}, unit: characters}}}]"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    (tmp_path / "grouped.yaml").write_text(GROUPED)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["bridge", *arguments])


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_trainer_gets_lines_with_the_rubrics_absolute_path_and_python_that_compiles(trainer, place):
    said = run(trainer, "--rubric", "rubric.yaml")
    assert said.exit_code == 0, said.output
    assert str(place / "rubric.yaml") in said.stdout
    if trainer == "verl":
        assert "reward.custom_reward_function.path=pkg://rl_rewards.bridges.verl" in said.stdout
        return
    written = run(trainer, "--rubric", "rubric.yaml", "--out", "made.py")
    assert written.exit_code == 0, written.output
    compile((place / "made.py").read_text(), "made.py", "exec")
    assert "correct" in written.stdout or trainer in ("trl", "unsloth", "openrlhf", "nemo-gym", "skyrl-gym", "tinker", "open-instruct", "slime")


def names_of(place, trainer):
    run(trainer, "--rubric", "rubric.yaml", "--out", "made.py")
    names = {}
    exec(compile((place / "made.py").read_text(), "made.py", "exec"), names)
    return names


def test_the_files_score_as_they_are_written(place):
    right = "<answer>42</answer>"
    assert names_of(place, "openrlhf")["reward_func"](["q" + right], ["q"], ["42"])["rewards"].tolist() == [1.2]
    assert names_of(place, "axolotl")["correct"](["q"], [right], answer=["42"]) == [1.0]
    assert names_of(place, "trl")["rubric"].reward_weights == [1.0, 0.2]
    assert names_of(place, "slime")["score"]("q", right, {"answer": "42"})[0] == 1.2
    assert set(names_of(place, "verifiers")) >= {"correct", "brief"}


def test_the_weights_of_the_rubric_are_in_the_flags(place):
    assert "--reward_funcs correct brief \\\n    --reward_weights 1.0 0.2" in run("ms-swift", "--rubric", "rubric.yaml").stdout
    assert 'fn = "rewards.py:brief"\nweight = 0.2' in run("prime-rl", "--rubric", "rubric.yaml").stdout
    assert "reward_funcs: [rewards.correct, rewards.brief]\n  reward_weights: [1.0, 0.2]" in run("axolotl", "--rubric", "rubric.yaml").stdout


def test_verl_gets_its_reward_manager_where_a_reward_compares_completions(place):
    said = run("verl", "--rubric", "grouped.yaml").stdout
    assert "reward.reward_manager.name=RubricRewardManager" in said and "reward.num_workers=1" in said


def test_the_policy_and_what_it_needs_are_written(place):
    assert "unscorable='group_mean'" in run("ms-swift", "--rubric", "rubric.yaml", "--unscorable", "group_mean").stdout
    said = run("openrlhf", "--rubric", "rubric.yaml", "--unscorable", "drop_group", "--column", "answer", "--component", "correct/near").stdout
    assert "unscorable='drop_group', column='answer', components=['correct/near']" in said and "--algo.dynamic_filtering_enable" in said


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["verll", "--rubric", "rubric.yaml"], "did you mean 'verl'?"),
        (["OpenRLFH", "--rubric", "rubric.yaml"], "did you mean 'openrlhf'?"),
        (["verl", "--rubric", "missing.yaml"], "missing.yaml: No such file or directory"),
        (
            ["slime", "--rubric", "grouped.yaml"],
            "compares the completions of a group, and a function of one row hands over one at a time: use group_scorer",
        ),
        (["skyrl-gym", "--rubric", "rubric.yaml", "--unscorable", "drop_group"], "unscorable must be raise for SkyRL-gym, got 'drop_group'"),
        (["tinker", "--rubric", "rubric.yaml", "--unscorable", "dropgroup"], "did you mean 'drop_group'?"),
        (
            ["openrlhf", "--rubric", "rubric.yaml", "--out", "reward.yaml"],
            "--out must be a Python file for OpenRLHF, got 'reward.yaml'; did you mean 'reward.py'?",
        ),
    ],
)
def test_what_cannot_be_written_is_said_in_a_line(arguments, message, place):
    said = run(*arguments)
    assert said.exit_code == 2
    assert message in said.stderr
    assert said.stdout == ""


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("plain-1.yaml", "+reward.custom_reward_function.reward_kwargs.rubric=PLACE/plain-1.yaml"),
        ("two words.yaml", "+reward.custom_reward_function.reward_kwargs.rubric='PLACE/two words.yaml'"),
        ("it's.yaml", r"+reward.custom_reward_function.reward_kwargs.rubric='PLACE/it\'s.yaml'"),
        ("a,b=(c).yaml", "+reward.custom_reward_function.reward_kwargs.rubric='PLACE/a,b=(c).yaml'"),
        ('say "x".yaml', """+reward.custom_reward_function.reward_kwargs.rubric='PLACE/say "x".yaml'"""),
        (r"odd\'s.yaml", r"+reward.custom_reward_function.reward_kwargs.rubric='PLACE/odd\\\'s.yaml'"),
    ],
)
def test_a_path_reaches_verl_through_the_shell_and_hydra(name, flag, place):
    (place / name).write_text(RUBRIC)
    said = run("verl", "--rubric", name)
    assert said.exit_code == 0, said.output
    words = shlex.split(said.stdout.partition("python -m")[2])
    assert words[-1] == flag.replace("PLACE", str(place))


@pytest.mark.parametrize("trainer", ["tinker", "axolotl", "slime", "open-instruct"])
@pytest.mark.parametrize(("out", "near"), [("my-rewards.py", "my_rewards.py"), ("2nd.py", "nd.py"), ("class.py", "class_.py"), ("a b.py", "a_b.py")])
def test_a_file_that_is_imported_must_be_named_as_a_module(trainer, out, near, place):
    said = run(trainer, "--rubric", "rubric.yaml", "--out", out)
    assert said.exit_code == 2 and "--out must be named as a module is" in said.stderr and repr(out) in said.stderr
    assert not (place / out).exists() and f"did you mean {near!r}?" in said.stderr


def test_a_reward_that_axolotl_cannot_find_is_named(place):
    (place / "dotted.yaml").write_text(RUBRIC.replace("correct", "is.correct"))
    said = run("axolotl", "--rubric", "dotted.yaml")
    assert said.exit_code == 2 and "reward 'is.correct' must have a name without a dot" in said.stderr and "call it 'is_correct'" in said.stderr
    assert '[env.taskset.task.rewards."is.correct"]' in run("verifiers", "--rubric", "dotted.yaml").stdout


def test_names_are_taken_as_people_write_them(place):
    assert run("NeMo_Gym", "--rubric", "rubric.yaml").exit_code == 0
    assert run("swift", "--rubric", "rubric.yaml").exit_code == 0
