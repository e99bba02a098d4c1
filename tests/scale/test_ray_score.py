"""`rl-rewards score --engine ray`: the parts of one process, on clusters of one and two CPUs, through lost processes, nodes and drivers."""

import json
import os
from pathlib import Path

import pytest
from scale_place import parts_of

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'rl_rewards[ray]'")

ON_RAY = ("--engine", "ray")


@pytest.fixture(scope="module", params=[2])
def cluster(request):
    """A Ray of two CPUs, or of as many as the test says."""
    cpus = request.param
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # on a busy machine
    ray.init(address="local", num_cpus=cpus, include_dashboard=False, object_store_memory=200 << 20, logging_level="ERROR", log_to_driver=False)
    yield cpus
    ray.shutdown()


def test_rules_code_and_mathematics_have_the_parts_of_one_process(cluster, place, score):
    (place / "all.yaml").write_text(
        (place / "rubric.yaml")
        .read_text()
        .replace(
            "rewards:",
            "rewards:\n- {name: math, parse: {tag: answer}, score: {math_verify: answer}}\n- {name: alone, isolate: true, score: {function: 'mine.py:stop'}}",
        )
    )
    options = ("all.yaml", "data.jsonl", "--block-rows", 100)
    one = score(*options, "--out", "one")
    many = score(*options, "--out", "ray", *ON_RAY)
    said = "".join(line for line in many.stderr.splitlines(keepends=True) if "Ray pays" not in line)
    assert (many.exit_code, said.replace("ray", "one")) == (one.exit_code, one.stderr) and one.exit_code == 1
    assert parts_of("ray") == parts_of("one")


@pytest.mark.parametrize("cluster", [2, 1], indirect=True, ids=["two CPUs", "one CPU"])
def test_two_actors_make_progress_and_load_their_model_once(cluster, place, score):
    (place / "model.yaml").write_text(
        "rewards:\n- {name: size, score: {'mine.py:Length': {factor: 0.5}}}\n- {name: rule, gate: {reward: size, at_least: 12}, score: {function: 'mine.py:where'}}\n"
    )
    one = score("model.yaml", "data.jsonl", "--out", "one", "--block-rows", 40)
    os.remove("loads")
    os.remove("where")
    many = score("model.yaml", "data.jsonl", "--out", "ray", "--block-rows", 40, *ON_RAY, "--actors", 2)
    assert many.exit_code == one.exit_code == 1 and parts_of("ray") == parts_of("one")
    loads, rules = (Path(name).read_text().split() for name in ("loads", "where"))
    assert len(loads) <= 2 and len(set(loads)) == len(loads) and not set(loads) & set(rules)


def test_groups_that_are_scattered_have_the_parts_of_one_process(cluster, place, score):
    lines = (place / "data.jsonl").read_text().splitlines()
    (place / "data.jsonl").write_text("\n".join(lines[::3] + lines[1::3] + lines[2::3]))
    (place / "mine.py").write_text(
        (place / "mine.py").read_text() + "\n\n@configured\nclass Ranked(Length):\n    @property\n    def traits(self):\n"
        "        return Traits(needs_groups=True, holds_model=True)\n\n    def score(self, samples, answers):\n"
        "        longest = {sample.group: max(len(s.response) for s in samples if s.group == sample.group) for sample in samples}\n"
        "        return [EvaluateResult(len(sample.response) / longest[sample.group]) for sample in samples]\n"
    )
    (place / "ranked.yaml").write_text(
        (place / "rubric.yaml").read_text().replace("rewards:", "rewards:\n- {name: ranked, score: {'mine.py:Ranked': {}}}")
    )
    one = score("ranked.yaml", "data.jsonl", "--out", "one", "--block-rows", 100)
    many = score("ranked.yaml", "data.jsonl", "--out", "ray", "--block-rows", 100, *ON_RAY)
    said = many.stderr.replace("ray", "one")
    assert one.exit_code == 1 and said == one.stderr and "not next to each other in the data" in said
    assert parts_of("ray") == parts_of("one") and not (place / "ray" / "_groups").exists()


def test_a_process_that_dies_costs_nothing_and_a_block_that_ends_each_is_named(cluster, place, score):
    (place / "crash.yaml").write_text('rewards: [{name: r, score: {function: "mine.py:crash"}}]')

    def write(middle):
        lines = [json.dumps({"prompt": "q", "completion": middle if i == 70 else "x"}) for i in range(100)]
        (place / "data.jsonl").write_text("\n".join(lines))

    write("crash")
    score("crash.yaml", "data.jsonl", "--out", "one", "--block-rows", 20)
    (place / "crash").touch()
    assert score("crash.yaml", "data.jsonl", "--out", "ray", "--block-rows", 20, *ON_RAY).exit_code == 0
    assert not (place / "crash").exists() and parts_of("ray") == parts_of("one")
    write("always")
    done = score("crash.yaml", "data.jsonl", "--out", "bad", "--block-rows", 20, *ON_RAY)
    assert done.exit_code == 2 and "error: block 3 (behind row 60) ended 6 processes that scored it" in done.stderr


def test_errors_are_those_of_one_process(cluster, place, score):
    (place / "stop.yaml").write_text('rewards: [{name: r, on_error: raise, score: {function: "mine.py:stop"}}]')
    (place / "data.jsonl").write_text("".join(json.dumps({"prompt": "q", "completion": "stop" if i == 45 else "x"}) + "\n" for i in range(100)))
    told = [score("stop.yaml", "data.jsonl", "--out", out, *options) for out, options in (("one", ()), ("ray", ON_RAY))]
    assert [done.exit_code for done in told] == [2, 2] and "no such response: stop" in told[0].stderr
    assert told[0].stderr in told[1].stderr


def test_cheap_rules_are_said_not_to_pay(cluster, place, score):
    done = score("rubric.yaml", "data.jsonl", "--out", "ray", *ON_RAY)
    assert "Ray pays from about 1 ms a row" in done.stderr and "--workers" in done.stderr


def test_files_beside_the_rubric_travel_to_nodes_that_lack_them(cluster, place, score, tmp_path_factory):
    """The rubric is read where it is the same, else from its copy: here the copies are read by a process that sees other files."""
    from rl_rewards.scale.rubric_reference import RubricReference

    reference, rubric = RubricReference.of("rubric.yaml")
    (place / "mine.py").write_text("raise ImportError('another file')\n")

    @ray.remote
    def elsewhere(reference):
        reference.enter()
        return [reward.name for reward in reference.load()], os.getcwd()

    names, where = ray.get(elsewhere.remote(reference))
    assert names == ["correct", "brief", "share"] and where != str(place)


def test_a_reward_that_depends_on_order_is_refused(place, score):
    (place / "order.py").write_text(
        "from rl_rewards import EvaluateResult\nfrom rl_rewards.scorers.base import Scorer, configured\n\n\n@configured\nclass Order(Scorer):\n"
        "    def score(self, samples, answers):\n        return [EvaluateResult(1.0) for _ in samples]\n\n    def state_dict(self):\n        return {'count': 0}\n"
    )
    (place / "order.yaml").write_text('rewards: [{name: moments, score: {"order.py:Order": {}}}]')
    done = score("order.yaml", "data.jsonl", "--out", "out", *ON_RAY)
    assert done.exit_code == 2 and "error: reward 'moments' depends on the rows that came before" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "out.jsonl", "--engine", "ray"), "--engine ray needs --out with a directory"),
        (("--out", "out", "--address", "auto"), "--address needs --engine ray"),
        (("--out", "out", "--actors", 2), "--actors needs --engine ray"),
        (("--out", "out", *ON_RAY, "--address", "auto", "--workers", 2), "--workers is for this machine"),
    ],
)
def test_options_that_do_not_go_together_are_refused(place, score, options, message):
    done = score("rubric.yaml", "data.jsonl", *options)
    assert done.exit_code == 2 and message in done.stderr and not (place / "out").exists()


def test_a_cluster_that_does_not_answer_is_said_at_once(place, score):
    done = score("rubric.yaml", "data.jsonl", "--out", "out", *ON_RAY, "--address", "127.0.0.1:1")
    assert done.exit_code == 2 and "error: no Ray cluster at '127.0.0.1:1': [Errno 111] Connection refused" in done.stderr
    assert not (place / "out").exists()


def test_a_missing_ray_is_said_with_its_extra(place, score, monkeypatch):
    from importlib import util

    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *rest: None if name == "ray" else find(name, *rest))
    done = score("rubric.yaml", "data.jsonl", "--out", "out", *ON_RAY)
    assert done.exit_code == 2 and "error: --engine ray needs ray: pip install 'rl_rewards[ray]'" in done.stderr
