"""Folders of harbor-rewardkit 0.2.3: what loads, how it scores, and what is refused by name."""

import json
import pickle
import re
import sys

import pytest

from rl_rewards import Sample
from rl_rewards.folders import FolderError, load_folders
from rl_rewards.folders.rewardkit import is_rewardkit_folder
from rl_rewards.folders.rewardkit.aggregation import Part, combined


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Writes a folder `tests` and gives `name=path`."""
    monkeypatch.chdir(tmp_path)

    def write(files):
        for file, text in files.items():
            path = tmp_path / "tests" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return ["t=tests"]

    return write


def sample(completion="hello world", **columns):
    return Sample.from_row({"prompt": "q", "completion": completion, **columns})


def evaluated(folders, *samples):
    return load_folders(folders).evaluate(list(samples or [sample()]))


def score(folders, *samples):
    evaluation = evaluated(folders, *samples)
    assert not [result.error for column in evaluation.columns.values() for result in column.results if result.error]
    return evaluation.scores("t")[0]


COMBINED = [
    # parts, how, threshold, score
    ([Part(1, 2), Part(0, 1)], "weighted-mean", 0.5, 2 / 3),
    ([Part(1, 2), Part(0.5, -1)], "weighted-sum", 0.5, 1.5),
    ([Part(1), Part(1)], "all-pass", 0.5, 1.0),
    ([Part(1), Part(0.99)], "all-pass", 0.5, 0.0),
    ([Part(0), Part(1)], "any-pass", 0.5, 1.0),
    ([Part(0.9), Part(0.9)], "any-pass", 0.5, 0.0),
    ([Part(1, 1), Part(0, 1)], "threshold", 0.5, 1.0),
    ([Part(1, 1), Part(0, 1)], "threshold", 0.51, 0.0),
    ([Part(1), Part(0, 1, True)], "required-pass", 0.5, 1.0),
    ([Part(0), Part(1, 1, True)], "required-pass", 0.5, 0.0),
    ([Part(1.5), Part(1)], "all-pass", 0.5, 1.0),
]


@pytest.mark.parametrize(("parts", "how", "threshold", "value"), COMBINED)
def test_scores_combine_as_harbor_combines_them(parts, how, threshold, value):
    assert combined(parts, how, threshold) == pytest.approx(value)


@pytest.mark.parametrize(("parts", "how"), [([Part(1, 0)], "weighted-mean"), ([Part(1, 0)], "threshold"), ([Part(1, 1, True)], "required-pass")])
def test_what_has_no_value_is_no_zero(parts, how):
    with pytest.raises(ArithmeticError):
        combined(parts, how)


CHECKS = """
from rewardkit import criteria, criterion
import rewardkit as rk

criteria.file_contains("out.txt", "hello", weight=3.0)
rk.file_contains("out.txt", "farewell")
"""


def test_a_file_of_criteria_is_a_reward_with_a_component_for_each(folder):
    folders = folder({"checks.py": CHECKS})
    evaluation = evaluated(folders)
    assert list(evaluation.columns) == ["t"] and evaluation.scores("t") == [0.75]
    metrics = evaluation.columns["t"].results[0].metrics
    assert {name: part.score for name, part in metrics.items()} == {"file_contains:out.txt": 1.0, "file_contains:out.txt (2)": 0.0}


@pytest.mark.parametrize(("how", "value"), [("all-pass", 0.0), ("all_pass", 0.0), ("any-pass", 1.0), ("threshold", 1.0), ("weighted-sum", 3.0)])
def test_reward_toml_says_how_a_file_combines(folder, how, value):
    assert score(folder({"checks.py": CHECKS, "reward.toml": f'[scoring.checks]\naggregation = "{how}"\nthreshold = 0.75\n'})) == value


CUSTOM = {
    "at once": "@criterion\ndef check(workspace):\n    return True",
    "called": "@criterion\ndef check(workspace, n: int):\n    return n == 3\ncriteria.check(3)",
    "by keyword": "@criterion(description='{n}')\ndef check(workspace, n: int):\n    return n == 3\nrk.check(n=3, name='three', weight=2)",
    "a number": "@criterion\ndef check(workspace):\n    return 1",
    "a dict": "@criterion\ndef check(workspace):\n    return {'score': 1.0, 'reasoning': 'why', 'confidence': 0.5}",
    "reads the response": "@criterion\ndef check(workspace):\n    return (workspace / 'response.txt').read_text() == 'hello world'",
    "called again": "@criterion\ndef check(workspace):\n    return True\ncriteria.check(weight=4.0)",
    "with a helper of the folder": "from helper import yes\n@criterion\ndef check(workspace):\n    return yes()",
    "isolated": "@criterion(shared=True)\ndef check(workspace):\n    (workspace / 'out.txt').write_text('gone')\n    return True\n"
    "criteria.check(isolated=True)\ncriteria.file_contains('out.txt', 'hello')",
}


@pytest.mark.parametrize("name", CUSTOM)
def test_criteria_of_the_folders_own_are_called_as_they_ask(folder, name):
    code = f"from rewardkit import criteria, criterion\nimport rewardkit as rk\n{CUSTOM[name]}\n"
    assert score(folder({"checks.py": code, "helper.py": "def yes():\n    return True\n"})) == 1.0


def test_a_shared_criterion_is_used_by_files_below(folder):
    shared = "from rewardkit import criterion\n@criterion(shared=True)\ndef longer(workspace, n: int):\n    return len((workspace / 'response.txt').read_text()) > n\n"
    folders = folder(
        {
            "shared.py": shared,
            "a/checks.py": "from rewardkit import criteria\ncriteria.longer(3)\n",
            "b/checks.py": "import rewardkit\nrewardkit.longer(30)\n",
        }
    )
    evaluation = evaluated(folders)
    assert {name: column.scores[0] for name, column in evaluation.columns.items()} == {"t.a": 1.0, "t.b": 0.0}


FILES = {
    "a.txt": "one two",
    "b.txt": " one two \n",
    "data.json": json.dumps({"k": 1, "deep": [{"x": "y"}]}),
    "t.csv": "name,age\nAda,36\nBob,41\n",
    "broken.json": "{",
}
BUILTIN = [
    ("file_exists('a.txt')", 1), ("file_exists('/app/a.txt')", 1), ("file_exists('z.txt')", 0), ("file_not_exists('z.txt')", 1),
    ("file_contains('a.txt', 'two')", 1), ("file_contains('z.txt', '')", 0), ("file_contains_regex('a.txt', r'o\\w+ t')", 1),
    ("file_contains_regex('z.txt', '')", 0), ("file_matches('b.txt', 'one two')", 1), ("files_equal('a.txt', 'b.txt')", 1),
    ("files_equal('a.txt', 'z.txt')", 0), ("diff_ratio('a.txt', 'one two')", 1), ("diff_ratio('a.txt', 'one')", 0.6), ("diff_ratio('z.txt', 'one')", 0),
    ("json_key_equals('data.json', 'k', 1)", 1), ("json_key_equals('data.json', 'z', None)", 0), ("json_key_equals('broken.json', 'k', 1)", 0),
    ("json_path_equals('data.json', 'deep.0.x', 'y')", 1), ("json_path_equals('data.json', 'deep.1.x', 'y')", 0), ("json_path_equals('data.json', 'k.x', 1)", 0),
    ("csv_cell_equals('t.csv', 1, 'age', '41')", 1), ("csv_cell_equals('t.csv', 1, 1, '36')", 1), ("csv_cell_equals('t.csv', 9, 'age', '41')", 0),
    ("csv_cell_equals('t.csv', 1, 'none', '41')", 0), ("sqlite_query_equals('z.db', 'select 1', 1)", 0),
    ("sqlite_query_equals('a.txt', 'select 1 from x', 1)", 0), ("trajectory_turn_count(2)", 1), ("trajectory_tool_used('search')", 1),
    ("trajectory_tool_used('search', 2)", 0), ("trajectory_tool_not_used('shell')", 1), ("trajectory_tool_not_used('search')", 0),
]  # fmt: skip
TURNS = [
    {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "search", "arguments": "{}"}}]},
    {"role": "tool", "content": "found"},
    {"role": "assistant", "content": "done"},
]


@pytest.mark.parametrize(("call", "value"), BUILTIN)
def test_criteria_of_rewardkit_score_the_files_of_a_row(folder, call, value):
    folders = folder({"checks.py": f"from rewardkit import criteria\ncriteria.{call}\n"})
    assert score(folders, sample(TURNS, files=FILES)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("http_status_equals('http://localhost', 200)", "no server"),
        ("image_size_equals('a.png', 1, 1)", "text"),
        ("xlsx_cell_equals('a.xlsx', 'A1', 1)", "text"),
    ],
)
def test_criteria_that_are_not_supported_are_refused_by_name(folder, call, why):
    with pytest.raises(FolderError, match=rf"checks\.py:2: .*'{call.partition('(')[0]}' is not supported here: .*{why}"):
        load_folders(folder({"checks.py": f"from rewardkit import criteria\ncriteria.{call}\n"}))


PROGRAM = "import sys\nprint('out', sys.argv[1:], open('a.txt').read())\nsys.exit(3 if 'fail' in sys.argv else 0)\n"
RUN = [
    ("command_succeeds('python main.py')", PROGRAM, 1),
    ("command_succeeds('python3 /app/main.py --n 3')", PROGRAM, 1),
    ("command_succeeds('python main.py fail')", PROGRAM, 0),
    ("command_succeeds('python main.py')", "1 / 0", 0),
    ("command_succeeds('python none.py')", PROGRAM, 0),
    ("command_succeeds('python main.py', timeout=1)", "while True: pass", 0),
    ("command_output_contains('python main.py x', \"['x'] one\")", PROGRAM, 1),
    ("command_output_contains('python main.py fail', 'out')", PROGRAM, 1),
    ("command_output_matches('python main.py', 'out [] one two')", PROGRAM, 1),
    ("command_output_matches_regex('python main.py', '^out .* two$')", "print('out one two', end='')", 1),
    ("command_succeeds('python main.py')", "import socket\nsocket.create_connection(('127.0.0.1', 9))", 0),
]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox of programs needs Linux")
@pytest.mark.parametrize(("call", "program", "value"), RUN)
def test_a_python_program_of_the_policys_runs_in_the_sandbox(folder, call, program, value):
    folders = folder({"checks.py": f"from rewardkit import criteria\ncriteria.{call}\n"})
    assert score(folders, sample(files={"main.py": program, "a.txt": "one two"})) == value


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox of programs needs Linux")
def test_a_program_that_the_sandbox_cannot_run_as_harbor_would_is_our_failure(folder):
    folders = folder({"checks.py": "from rewardkit import criteria\ncriteria.command_succeeds('python main.py')\n"})
    [result] = evaluated(folders, sample(files={"main.py": "import helper", "helper.py": ""})).columns["t"].results
    assert result.score is None and "a program must be one file in the sandbox, with data beside it, got helper.py as well" in result.error
    [reward] = load_folders(folders, isolate=True, timeout=9)
    assert not reward.isolate and reward.score.traits.runs_in_workers


@pytest.mark.parametrize(
    "command", ["make", "python -m pytest", "python main.py | sort", "cat a.txt", "python main.py && ls", "python", "python ../x.py", "bash -c 'x"]
)
def test_a_command_that_no_sandbox_runs_is_refused(folder, command):
    with pytest.raises(
        FolderError, match=r"checks\.py:2: .*(a command must be `python FILE \.\.\.` in the workspace|a file must lie in the workspace)"
    ):
        load_folders(folder({"checks.py": f"from rewardkit import criteria\ncriteria.command_succeeds({command!r})\n"}))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, r"name several files, a\.txt, b\.txt: a row must have a column 'files'"),
        ({"files": ["a"]}, "must be a mapping of names to texts"),
        ({"files": {"../a": "x"}}, "must lie in the workspace"),
        ({"files": {"/etc/passwd": "x"}}, "must lie in the workspace"),
    ],
)
def test_a_row_without_its_files_is_our_failure(folder, columns, message):
    folders = folder({"checks.py": "from rewardkit import criteria\ncriteria.files_equal('a.txt', 'b.txt')\n"})
    [result] = evaluated(folders, sample(**columns)).columns["t"].results
    assert result.score is None and result.outcome.value == "error"
    assert re.search(message, result.error)


@pytest.mark.parametrize("body", ["raise KeyError('x')", "return 'yes'", "return None", "return {'scor': 1}", "return float('nan')"])
def test_what_a_criterion_does_wrong_is_our_failure(folder, body):
    folders = folder({"checks.py": f"from rewardkit import criterion\n@criterion\ndef check(workspace):\n    {body}\n"})
    [result] = evaluated(folders).columns["t"].results
    assert result.score is None and result.outcome.value == "error"
    assert "nan" in body or "criterion 'check'" in result.error


MULTI = {
    "correctness/checks.py": "from rewardkit import criteria\ncriteria.file_contains('out.txt', 'hello')\n",
    "structure/files.py": "from rewardkit import criteria\ncriteria.file_contains('out.txt', 'farewell')\ncriteria.file_exists('out.txt')\n",
}


def columns_of(folders):
    rubric = load_folders(folders)
    evaluation = rubric.evaluate([sample()])
    return {name: (rubric[name].weight, evaluation.scores(name)[0]) for name in evaluation.columns}


def test_dimensions_without_a_reward_are_trained_on_each(folder):
    assert columns_of(folder(MULTI)) == {"t.correctness": (1.0, 1.0), "t.structure": (1.0, 0.5)}


def test_a_reward_combines_dimensions_which_are_metrics_then(folder):
    toml = '[[reward]]\nname = "reward"\nweights = { correctness = 3.0 }\n[[reward]]\nname = "strict"\naggregation = "all-pass"\n'
    found = columns_of(folder({**MULTI, "reward.toml": toml}))
    assert found == {"t.correctness": (0.0, 1.0), "t.structure": (0.0, 0.5), "t": (1.0, 0.875), "t.strict": (0.0, 0.0)}


def test_flat_files_combine_into_one_reward(folder):
    files = {"a.py": MULTI["correctness/checks.py"], "b.py": MULTI["structure/files.py"]}
    assert columns_of(folder(files)) == {"t.a": (0.0, 1.0), "t.b": (0.0, 0.5), "t": (1.0, 0.75)}
    toml = '[[reward]]\nname = "reward"\naggregation = "weighted-mean"\nweights = { a = 3.0 }\n'
    assert columns_of(folder({**files, "reward.toml": toml}))["t"] == (1.0, 0.875)


def test_groups_nest(folder):
    files = {
        "d/one.py": MULTI["correctness/checks.py"],
        "d/inner/two.py": MULTI["structure/files.py"],
        "d/reward.toml": '[[reward]]\naggregation = "any-pass"\n',
    }
    assert columns_of(folder(files)) == {"t.d.inner": (0.0, 0.5), "t.d.one": (0.0, 1.0), "t.d": (1.0, 1.0)}


WRONG = {
    "a field": (
        {"reward.toml": '[[reward]]\nname = "reward"\nwieghts = {}\n'},
        r"reward\.toml:3: reward\[0\]\.wieghts: there is no such field; .*did you mean 'weights'",
    ),
    "an aggregation": (
        {"reward.toml": '[scoring.checks]\naggregation = "al-pass"\n'},
        r"reward\.toml:2: scoring\.checks\.aggregation: must be one of .*did you mean 'all-pass'",
    ),
    "scoring of nothing": ({"reward.toml": "[scoring.chekcs]\n"}, r"scoring\.chekcs: .*did you mean 'checks'"),
    "a weight of nothing": ({"reward.toml": '[[reward]]\nname = "reward"\nweights = { chek = 1 }\n'}, r"weights\.chek: .*did you mean 'checks'"),
    "no name": ({"reward.toml": "[[reward]]\n"}, r"reward\[0\]\.name: is missing"),
    "two of a name": ({"reward.toml": '[[reward]]\nname = "r"\n[[reward]]\nname = "r"\n'}, r"reward\[1\]\.name: must differ"),
    "no TOML": ({"reward.toml": "[[reward]\n"}, r"reward\.toml:1: no valid TOML"),
    "a negative weight": (
        {"reward.toml": '[[reward]]\nname = "reward"\nweights = { checks = -1 }\n'},
        "weights below 0 need the aggregation 'weighted-sum'",
    ),
    "a name of two": ({"checks/x.py": CHECKS}, "inputs must have different names, got checks.py and a directory 'checks'"),
    "a file outside": (
        {"checks.py": "from rewardkit import criteria\ncriteria.file_exists('../x')\n"},
        r"checks\.py:2: .*a file must lie in the workspace",
    ),
    "code that raises": ({"checks.py": "import rewardkit\n1 / 0\n"}, r"checks\.py:2: cannot be imported: ZeroDivisionError"),
    "an unknown criterion": (
        {"checks.py": "from rewardkit import criteria\ncriteria.file_exits('x')\n"},
        r"checks\.py:2: .*rewardkit has no 'file_exits'",
    ),
    "nothing to score": ({"checks.py": "from rewardkit import criteria\n"}, "must have criteria or judge files, and has none"),
    "a weight that is none": ({"checks.py": "from rewardkit import criteria\ncriteria.file_exists('x', weight=float('nan'))\n"}, "must be finite"),
    "a missing package": ({"requirements.txt": "no-such-package-9\n"}, "no-such-package-9 is required, and it is not installed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_folder_that_is_wrong_says_what_and_where(folder, name):
    files, message = WRONG[name]
    with pytest.raises(FolderError, match=message):
        load_folders(folder({"checks.py": CHECKS, **files}))


JUDGE = """
[judge]
judge = "hosted_vllm/judge"
{judge}

[[criterion]]
description = "Is it friendly?"
name = "friendly"

[[criterion]]
description = "How clear is it?"
name = "clear"
type = "likert"
points = 5
weight = 3.0

[[criterion]]
description = "Is it rude?"
name = "rude"
negate = true

{more}
"""


@pytest.fixture
def judge_folder(folder, service, monkeypatch):
    """Writes a folder with a judge file whose model answers with these verdicts; gives the folder and the requests."""

    def write(verdict, judge="", more="", **files):
        def respond(body, number):
            wanted = body["response_format"]["json_schema"]["schema"]["properties"]
            said = json.dumps({name: verdict.get(name, "because") for name in wanted})
            return {
                "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1},
            }

        server = service(respond)
        monkeypatch.setenv("HOSTED_VLLM_API_BASE", server.url.removesuffix("/score") + "/v1")
        return folder({"quality.toml": JUDGE.format(judge=judge, more=more), **files}), server

    return write


VERDICT = {"friendly": "yes", "clear": "3", "rude": "no"}


def test_a_judge_file_asks_its_model_and_combines_its_criteria(judge_folder):
    folders, server = judge_folder(VERDICT)
    [result] = evaluated(folders, sample("You are welcome.")).columns["t"].results
    assert (result.score, result.error) == (pytest.approx((1 + 3 * 0.5 + 1) / 5), None)
    assert {name: result.metrics[name] for name in ("friendly", "clear", "rude")} == {"friendly": 1.0, "clear": 0.5, "rude": 1.0}
    assert [body["model"] for body in server.bodies] == ["judge"] and "You are welcome." in str(server.bodies[0]["messages"])


def test_individual_mode_asks_for_each_criterion(judge_folder):
    folders, server = judge_folder(VERDICT, 'mode = "individual"')
    assert score(folders) == pytest.approx(3.5 / 5) and len(server.bodies) == 3


def test_a_judge_sees_files_a_template_and_a_reference(judge_folder):
    judge = 'files = ["/app/main.py"]\nprompt_template = "p.md"\nreference = "/tests/solution.txt"'
    folders, server = judge_folder(VERDICT, judge, **{"p.md": "Be strict. {criteria}", "solution.txt": "print(42)"})
    assert score(folders, sample(files={"main.py": "print(41)"})) == pytest.approx(0.7)
    sent = str(server.bodies[0]["messages"])
    assert all(part in sent for part in ("Be strict.", "print(42)", "print(41)", "main.py"))


@pytest.mark.parametrize(("guard", "addressed", "value"), [("flag", "yes", 0.7), ("penalize", "yes", 0.0), ("penalize", "no", 0.7)])
def test_a_guard_looks_for_text_to_the_judge(judge_folder, guard, addressed, value):
    folders, _ = judge_folder({**VERDICT, "guard": addressed}, f'guard = "{guard}"')
    assert score(folders) == pytest.approx(value)


def test_a_judge_without_a_verdict_is_our_failure(judge_folder):
    folders, _ = judge_folder({**VERDICT, "clear": "9"})
    [result] = evaluated(folders).columns["t"].results
    assert result.score is None and result.outcome.value == "error"


REFUSED = [
    ('judge = "claude-code"', r"judge\.judge: the agent 'claude-code' is not supported"),
    ('judge = "jev"', r"judge\.judge: 'jev' is not supported"),
    ('judge = "acme/model-1"', r"judge\.judge: the provider of a model must be one of .*got 'acme'"),
    ('judge = "openai/m"\natif-trajectory = "/logs/t.json"', r"judge\.atif-trajectory: is not supported"),
    ('judge = "openai/m"\nisolated = true', r"judge\.isolated: is for agents"),
    ('judge = "openai/m"\nmcp_servers = [{name = "x"}]', r"judge\.mcp_servers: is for agents"),
    ('judge = "openai/m"\nmodel = "x"', r"judge\.model: is for agents"),
    ('judge = "openai/m"\nsampels = 3', r"judge\.sampels: there is no such field; .*did you mean 'samples'"),
    ('judge = "openai/m"\nreference = "nothing.txt"', r"judge\.reference: must be a file of the folder"),
    ('judge = "openai/m"\nprompt_template = "p.py"', r"judge\.prompt_template: must be a \.txt or \.md file"),
]


@pytest.mark.parametrize(("judge", "message"), REFUSED)
def test_a_judge_that_is_not_supported_is_refused_by_name(folder, judge, message):
    with pytest.raises(FolderError, match=message):
        load_folders(folder({"quality.toml": f'[judge]\n{judge}\n[[criterion]]\ndescription = "Good?"\n'}))


def test_criteria_of_a_judge_have_names_of_their_own(folder):
    text = '[judge]\njudge = "openai/m"\n[[criterion]]\ndescription = "Good?"\n[[criterion]]\ndescription = "Good?"\n'
    with pytest.raises(FolderError, match=r"criterion\[1\]\.name: .*'good' twice"):
        load_folders(folder({"quality.toml": text}))


def test_criteria_survive_pickling_and_run_in_workers(folder):
    folders = folder({"checks.py": CHECKS, "b/more.py": "from rewardkit import criteria\ncriteria.file_contains('out.txt', 'hello')\n"})
    rubric = load_folders(folders)
    assert pickle.loads(pickle.dumps(rubric["t.checks"].score)) == rubric["t.checks"].score
    evaluation = load_folders(folders, isolate=True, timeout=300).evaluate([sample()])
    assert {name: column.scores[0] for name, column in evaluation.columns.items()} == {"t.b": 1.0, "t.checks": 0.75}


def test_such_a_rubric_can_be_saved(folder, tmp_path):
    from rl_rewards.formats import load_rubric

    rubric = load_folders(folder({"checks.py": CHECKS, "more.py": CHECKS}))
    rubric.save(tmp_path / "rubric.yaml")
    assert load_rubric(tmp_path / "rubric.yaml").evaluate([sample()]).scores("t") == [0.75]


def test_the_two_kinds_of_folders_are_told_apart(folder, tmp_path):
    folder({"checks.py": CHECKS})
    assert is_rewardkit_folder(tmp_path / "tests")
    folder({"main.py": "def evaluate(messages, **kwargs):\n    return 1.0\n"})
    assert not is_rewardkit_folder(tmp_path / "tests") and not is_rewardkit_folder(tmp_path / "nothing")
