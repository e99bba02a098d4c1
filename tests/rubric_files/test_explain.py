"""The page of all kinds: complete, current, and every example of it run."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from rl_rewards import Reward, Rubric, aggregates, load_rubric, parsers, scorers
from rl_rewards.cli import app
from rl_rewards.rubric_files.explain import PAGE, examples_of, page
from rl_rewards.rubric_files.locations import TABLES, option_names
from rl_rewards.types import Sample

KINDS = [(kinds, kind) for kinds in TABLES for kind in kinds.table]
EXAMPLES = [(kinds, kind, example) for kinds, kind in KINDS for example in examples_of(kinds, kind)]
OF_PARSERS = [(kind, example) for kinds, kind, example in EXAMPLES if kinds is parsers.KINDS]
RUN = [(kind, example) for kinds, kind, example in EXAMPLES if "gives" in example]
READ_ONLY = [(kind, example) for kinds, kind, example in EXAMPLES if kinds is scorers.KINDS and "gives" not in example]


def ids(examples):
    return [f"{kind}-{i}" for i, (kind, _) in enumerate(examples)]


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "write it anew: python -m rl_rewards.rubric_files.explain"


@pytest.mark.parametrize(("kinds", "kind"), KINDS, ids=[kind for _, kind in KINDS])
def test_every_kind_has_an_example_and_every_option_a_meaning(kinds, kind):
    assert examples_of(kinds, kind)
    told = CliRunner().invoke(app, ["explain", kind, "--markdown"])
    assert told.exit_code == 0
    for option in option_names(kinds.load(kind)):
        [row] = [line for line in told.stdout.splitlines() if line.startswith(f"| `{option}` |")]
        assert all(cell.strip() for cell in row.replace("\\|", "").strip("|").split("|")), row


@pytest.mark.parametrize(("kind", "example"), OF_PARSERS, ids=ids(OF_PARSERS))
def test_an_example_of_a_parser_parses_what_it_says(kind, example):
    assert parsers.parser(example["parse"]).parse(example["response"]) == example["parsed"]


@pytest.mark.parametrize(("kind", "example"), RUN, ids=ids(RUN))
def test_an_example_of_a_scorer_scores_what_it_says(kind, example, tmp_path):
    if kind == "math_verify":
        pytest.importorskip("math_verify")
    reward = {"name": "r", "score": example["score"], "parse": example.get("parse", "identity")}
    (tmp_path / "rubric.yaml").write_text(yaml.safe_dump({"rewards": [reward]}))
    rubric, row = load_rubric(tmp_path / "rubric.yaml"), dict(example["row"])
    completion = row.pop("completion")
    [score] = rubric.evaluate([Sample("q", completion, completion, row, group=0)]).columns["r"].scores
    assert score == pytest.approx(example["gives"], abs=1e-4)


@pytest.mark.parametrize(("kind", "example"), READ_ONLY, ids=ids(READ_ONLY))
def test_an_example_that_needs_more_can_be_read(kind, example, tmp_path, monkeypatch):
    (tmp_path / "my_package").mkdir()
    for file in ("my_rewards.py", "my_package/rewards.py"):
        (tmp_path / file).write_text("def brevity(response, longest=100):\n    return float(len(response) < longest)\n")
    (tmp_path / "my_lambda.py").write_text("def lambda_handler(event, context):\n    return []\n")
    (tmp_path / "metrics" / "relevance").mkdir(parents=True)
    (tmp_path / "metrics" / "relevance" / "main.py").write_text("def evaluate(messages, **kwargs):\n    return 1.0\n")
    monkeypatch.chdir(tmp_path)
    made = Reward("r", example["score"])
    others = [Reward(name, "repetition") for name in sorted(made.score.traits.rewards)]
    assert Rubric([made, *others])


OF_AGGREGATES = [(kind, example) for kinds, kind, example in EXAMPLES if kinds is aggregates.KINDS]


@pytest.mark.parametrize(("kind", "example"), OF_AGGREGATES, ids=ids(OF_AGGREGATES))
def test_an_example_of_an_aggregate_is_read_from_a_file(kind, example, tmp_path):
    rewards = [{"name": name, "parse": {"tag": "answer"}, "score": {"number_match": "answer"}} for name in ("correct", "judge")]
    (tmp_path / "rubric.yaml").write_text(yaml.safe_dump({"rewards": rewards, "aggregates": [example["aggregate"]]}))
    rubric = load_rubric(tmp_path / "rubric.yaml")
    assert [aggregates.KINDS.kind_of(type(each)) for each in rubric.aggregates] == [kind]
    rubric.save(tmp_path / "saved.yaml")
    assert load_rubric(tmp_path / "saved.yaml") == rubric


@pytest.mark.parametrize("name", ["reward", "rubric"])
def test_rewards_and_rubrics_are_explained(name):
    told = CliRunner().invoke(app, ["explain", name, "--markdown"])
    assert told.exit_code == 0 and "| option | value | default | meaning |" in told.stdout


def test_the_list_names_every_kind():
    told = CliRunner().invoke(app, ["list"], env={"COLUMNS": "200"})
    assert told.exit_code == 0 and all(kind in told.stdout for _, kind in KINDS)


def test_an_unknown_kind_is_a_line_with_the_nearest():
    told = CliRunner().invoke(app, ["explain", "number_mach"])
    assert told.exit_code == 2
    assert (
        told.stderr
        == "error: there is no parser, scorer or aggregate 'number_mach'; `rl-rewards list` has all of them; did you mean 'number_match'?\n"
    )


def test_every_example_in_the_page_is_yaml():
    blocks = PAGE.read_text().split("```yaml\n")[1:]
    written = [each for block in blocks for each in yaml.safe_load(block.partition("\n```\n")[0])]
    assert written == [{name: example[name] for name in ("parse", "score", "aggregate") if name in example} for _, _, example in EXAMPLES]
    json.dumps(written)
