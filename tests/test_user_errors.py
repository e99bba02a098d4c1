"""Errors that a user can correct: one line, and the extra that a missing package is in."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rl_rewards.user_errors import EXTRAS, MissingPackageError, UserError, one_line_errors, require, user_message

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.yaml"), "a.yaml: No such file or directory"),
        (ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"), "the package torch is not installed: pip install 'rl_rewards[train]'"),
        (ModuleNotFoundError("No module named 'nope'", name="nope"), "No module named 'nope'"),
        (UserError("x must be y"), "x must be y"),
        (BrokenPipeError(), None),
        (ValueError("a defect"), None),
        (KeyError("a defect"), None),
    ],
)
def test_what_a_user_can_correct_has_a_line(error, message):
    assert user_message(error) == message


def test_the_extras_are_those_of_the_package():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, modules in EXTRAS.items():
        listed = " ".join(declared[extra]).replace("scikit-learn", "sklearn").replace("-", "_")
        assert all(module in listed for module in modules)


def test_a_missing_package_is_told_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "math_verify", None)
    with pytest.raises(MissingPackageError, match=r"x needs math_verify: pip install 'rl_rewards\[math\]'"):
        require("x", "math_verify")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingPackageError, match=r"x needs math_verify and uvicorn: pip install 'rl_rewards\[math,serve\]'"):
        require("x", "math_verify", "uvicorn", "json")


def test_a_defect_keeps_its_traceback_and_a_user_error_ends_with_status_2(capsys):
    with pytest.raises(ZeroDivisionError), one_line_errors():
        1 / 0  # noqa: B018
    with pytest.raises(SystemExit) as stopped, one_line_errors():
        raise UserError("x must be y")
    assert stopped.value.code == 2 and capsys.readouterr().err == "error: x must be y\n"


# Without what the extra `train` installs.
BASE = """
import sys
for name in ("torch", "transformers", "trl", "datasets"):
    sys.modules[name] = None
from rl_rewards.cli import app
app(sys.argv[1:], prog_name="rl-rewards")
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["validate", "model.yaml"],
            "error: model.yaml:3: rewards[1]: the reward_model scorer needs torch and transformers: pip install 'rl_rewards[train]'",
        ),
        (
            ["preview", "plain.yaml", "--samples", "rows.jsonl", "--tokenizer", "x"],
            "error: --tokenizer needs transformers: pip install 'rl_rewards[train]'",
        ),
        (["validate", "plain.yaml", "--data", "some/dataset"], "error: dataset 'some/dataset' needs datasets: pip install 'rl_rewards[train]'"),
    ],
)
def test_a_base_install_says_which_extra_it_wants(tmp_path, arguments, message):
    (tmp_path / "plain.yaml").write_text("rewards: [{name: r, score: {string_match: answer}}]")
    (tmp_path / "model.yaml").write_text("rewards:\n- {name: a, score: {string_match: answer}}\n- {name: r, score: {reward_model: ./model}}")
    (tmp_path / "rows.jsonl").write_text('{"prompt": "q", "completion": "4", "answer": "4"}\n')
    told = subprocess.run([sys.executable, "-c", BASE, *arguments], cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert (told.returncode, told.stderr.strip()) == (2, message)
