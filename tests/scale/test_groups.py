"""`rl-rewards score` with rewards that compare the completions of a group: whole groups, wherever their rows are in the data."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from scale_place import parts_of, start

from rl_rewards.scale import gathered, gathering
from rl_rewards.scale.grouping import Finding, groups_of
from rl_rewards.tables.blocks import Block
from rl_rewards.tables.group_key import BY_PROMPT, GroupKey
from rl_rewards.tables.readers import Row, TableError, read_rows

SMALL = ("--block-rows", "50")
SHARE = "rewards:\n- {name: share, score: {'mine.py:GroupShare': {}}}\n"


def lines_in(order, place):
    """The rows of data.jsonl in another order, and what cannot be read among them."""
    lines = (place / "data.jsonl").read_text().splitlines()
    if order == "shuffled":
        random.Random(7).shuffle(lines)
    elif order == "by step":
        lines = [line for step in range(4) for line in lines[step::4]]
    else:  # two runs, one behind the other
        lines = lines[::2] + lines[1::2]
    return "\n".join(lines) + "\n"


def write(path, rows):
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))


def by_id(path):
    return {row.values["id"]: row.values for row in read_rows(path)}


@pytest.mark.parametrize("order", ["shuffled", "by step", "two runs"])
def test_the_scores_are_those_of_rows_that_are_sorted_by_group(place, score, order):
    (place / "mixed.jsonl").write_text(lines_in(order, place))
    score("rubric.yaml", "data.jsonl", "--out", "sorted.jsonl", *SMALL)
    done = score("rubric.yaml", "mixed.jsonl", "--out", "mixed_scored.jsonl", *SMALL)
    assert done.exit_code == 1 and " are not next to each other in the data, and were scored as whole groups" in done.stderr
    assert by_id("mixed_scored.jsonl") == by_id("sorted.jsonl")
    ids = [row.values["id"] for row in read_rows("mixed.jsonl") if row.values]
    assert [row.values["id"] for row in read_rows("mixed_scored.jsonl")] == ids  # in the data's order


@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet", "out"])
def test_two_processes_write_the_bytes_of_one_and_leave_nothing_else(place, score, out):
    (place / "data.jsonl").write_text(lines_in("shuffled", place))
    runs, before = [], set(os.listdir())
    for workers in (1, 2):
        done = score("rubric.yaml", "data.jsonl", "--out", f"{workers}{out}", *SMALL, "--workers", workers)
        target = Path(f"{workers}{out}")
        runs.append((done.exit_code, done.stderr.replace(f"{workers}{out}", out), target.read_bytes() if target.is_file() else parts_of(target)))
    assert runs[0] == runs[1] and set(os.listdir()) - before <= {f"1{out}", f"2{out}", "__pycache__"}
    assert out != "out" or sorted(name for name in os.listdir("1out") if not name.startswith("part")) == ["_commits", "_done.json", "_run.json"]


@pytest.mark.parametrize("data", ["rows.csv", "rows.parquet", "list.json", "rows.py:rows"])
def test_groups_of_every_kind_of_data_are_gathered(place, score, data):
    import pyarrow.csv
    import pyarrow.parquet

    rows = [json.loads(line) for line in lines_in("shuffled", place).splitlines() if line.startswith("{")]
    table = pyarrow.Table.from_pylist(rows)
    pyarrow.parquet.write_table(table, "rows.parquet", row_group_size=70)
    pyarrow.csv.write_csv(table, "rows.csv")
    (place / "list.json").write_text(json.dumps(rows))
    (place / "rows.py").write_text("import json\n\n\ndef rows():\n    return json.load(open('list.json'))\n")
    assert score("rubric.yaml", data, "--out", "out.jsonl", *SMALL).exit_code == 0
    sizes = {}
    for row in rows:
        sizes[row["prompt"]] = sizes.get(row["prompt"], 0) + 1
    found = [row.values for row in read_rows("out.jsonl")]
    assert len(found) == 600 and all(row["scores"]["share"] == 1 / sizes[row["prompt"]] for row in found)


def test_many_parts_and_one_give_the_same(place, score, monkeypatch):
    (place / "data.jsonl").write_text(lines_in("shuffled", place))
    score("rubric.yaml", "data.jsonl", "--out", "one.jsonl")
    monkeypatch.setattr(gathering, "PART_ROWS", 20)
    score("rubric.yaml", "data.jsonl", "--out", "many.jsonl", *SMALL)
    assert Path("many.jsonl").read_bytes() == Path("one.jsonl").read_bytes()


GATED = """
rewards:
- {name: correct, parse: {tag: answer}, score: {number_match: answer}}
- {name: some, when: {column: kind, is: a}, score: {"mine.py:GroupShare": {}}}
- {name: gated, gate: {reward: correct, at_least: 1}, score: {"mine.py:GroupShare": {}}, clip: [0, 0.4]}
- {name: short, score: {group_length: {unit: characters, right: {number_match: answer}}}, parse: {tag: answer}}
- {name: fails, on_error: 0.25, score: {"mine.py:Fails": {}}}
"""
FAILS = """

@configured
class Fails(Scorer):
    @property
    def traits(self):
        return Traits(needs_groups=True)

    def score(self, samples, answers):
        return [EvaluateResult.failure("error", "none") if len(s.response) % 5 == 0 else EvaluateResult(1.0, "said", {"n": 2}) for s in samples]
"""


def test_gates_conditions_clips_and_failures_mean_the_same_in_any_order(place, score):
    (place / "mine.py").write_text((place / "mine.py").read_text() + FAILS)
    (place / "gated.yaml").write_text(GATED)
    rows = [json.loads(line) | {"kind": "ab"[i % 3 == 0]} for i, line in enumerate((place / "data.jsonl").read_text().splitlines()) if "{" in line]
    write("sorted.jsonl", rows)
    random.Random(3).shuffle(rows)
    write("mixed.jsonl", rows)
    done = {data: score("gated.yaml", f"{data}.jsonl", "--out", f"{data}.parquet", *SMALL) for data in ("sorted", "mixed")}
    assert by_id("mixed.parquet") == by_id("sorted.parquet")
    counts = [[line for line in each.stderr.splitlines() if line.startswith(("reward", "fails", "gated", "some"))] for each in done.values()]
    assert counts[0] == counts[1] and any("reward 'fails' failed on" in line for line in counts[0])


def test_a_batch_function_that_asks_for_the_group_sees_it_whole(place, score):
    (place / "best.py").write_text(
        "from collections import defaultdict\nfrom rl_rewards import reward_function\n\n\n@reward_function(mode='batch')\n"
        "def longest(response, group, **kwargs):\n    most = defaultdict(int)\n    for text, number in zip(response, group):\n"
        "        most[number] = max(most[number], len(text))\n    return [float(len(text) == most[number]) for text, number in zip(response, group)]\n"
    )
    (place / "best.yaml").write_text("rewards: [{name: longest, score: {function: 'best.py:longest'}}]")
    rows = [{"id": i, "prompt": f"{i % 5}", "completion": "x" * (1 + i // 5)} for i in range(40)]
    write("data.jsonl", rows)
    assert score("best.yaml", "data.jsonl", "--out", "out.jsonl", "--block-rows", 2).exit_code == 0
    assert [row.values["score"] for row in read_rows("out.jsonl")] == [0.0] * 35 + [1.0] * 5


# What is a group


@pytest.mark.parametrize(
    ("columns", "first", "second", "same"),
    [
        ((), {"prompt": "a"}, {"prompt": "a"}, True),
        ((), {"prompt": "a"}, {"prompt": "a "}, False),
        ((), {"prompt": "a"}, {"prompt": [{"role": "user", "content": "a"}]}, False),
        ((), {"prompt": [{"role": "user", "content": "ä"}]}, {"prompt": [{"content": "ä", "role": "user"}]}, True),
        ((), {"prompt": "a", "prompt_id": 1}, {"prompt": "b", "prompt_id": 1}, True),
        ((), {"prompt": "a", "prompt_id": 1}, {"prompt": "a", "prompt_id": 2}, False),
        ((), {"prompt": "a", "prompt_id": 1}, {"prompt": "a", "prompt_id": "1"}, False),
        ((), {"prompt": "a", "prompt_id": None}, {"prompt": "a"}, True),
        ((), {"prompt": "a", "prompt_id": 1}, {"prompt": "a"}, False),
        (("group",), {"prompt": "a", "group": 3}, {"prompt": "b", "group": 3}, True),
        (("group",), {"prompt": "a", "group": 3}, {"prompt": "a", "group": 4}, False),
        (("prompt_id", "step"), {"prompt": "a", "prompt_id": 1, "step": 1}, {"prompt": "a", "prompt_id": 1, "step": 1}, True),
        (("prompt_id", "step"), {"prompt": "a", "prompt_id": 1, "step": 1}, {"prompt": "a", "prompt_id": 1, "step": 2}, False),
        (("id",), {"prompt": "a", "id": ["x", "y"]}, {"prompt": "a", "id": ["xy"]}, False),
    ],
)
def test_rows_of_one_group(columns, first, second, same):
    key = GroupKey(columns)
    texts = [key.of(Row(1, 1, {"completion": "c", **values})) for values in (first, second)]
    assert (texts[0] == texts[1]) is same


@pytest.mark.parametrize("values", [{"prompt": "q"}, {"prompt": "q", "completion": None}, {"completion": "c"}, None])
def test_what_is_no_sample_has_no_group(values):
    assert BY_PROMPT.of(Row(1, 1, values)) is None


class Rows:
    """A source of one block."""

    name = "rows"

    def __init__(self, *rows):
        self._rows = rows

    def rows(self, block):
        return iter([Row(i, 1, values) for i, values in enumerate(self._rows, 1)])


def found_in(rows, columns=()):
    key = GroupKey(columns)
    return groups_of([Finding(Rows(*rows), key)(Block(0, 0, 1, 0, 1))], key)


def of(prompt, **more):
    return {"prompt": prompt, "completion": "c", **more}


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([], (0, 0, 0, 0, 0, 0, 0)),
        ([None], (0, 0, 0, 0, 0, 0, 0)),
        ([of("a"), of("a"), of("b")], (3, 2, 1, 2, 0, 0, 0)),
        ([of("a"), of("b"), of("a")], (3, 2, 1, 2, 1, 0, 0)),
        ([of("a"), None, of("a")], (2, 1, 2, 2, 0, 0, 0)),
        ([of("a"), {"prompt": "a", "completion": None}, of("b")], (2, 2, 1, 1, 0, 0, 1)),
        ([of("a"), {"prompt": "c", "completion": None}], (1, 1, 1, 1, 0, 0, 0)),
        ([of("a", prompt_id=1), of("b", prompt_id=1), of("a", prompt_id=2)], (3, 2, 1, 2, 0, 1, 0)),
    ],
)
def test_what_is_found_out_of_groups(rows, counts):
    assert tuple(found_in(rows).to_dict().values()) == counts


def test_groups_of_blocks_that_come_in_any_order_are_those_of_the_data():
    blocks = [Finding(Rows(of("a"), of("b")), BY_PROMPT)(Block(i, 0, 1, 0, 1)) for i in range(3)]
    assert groups_of(blocks[::-1], BY_PROMPT) == groups_of(blocks, BY_PROMPT)
    one, two = Finding(Rows(of("a")), BY_PROMPT)(Block(0, 0, 1, 0, 1)), Finding(Rows(of("a"), of("b")), BY_PROMPT)(Block(1, 0, 1, 0, 1))
    assert groups_of([two, one], BY_PROMPT).scattered == 0


def test_what_is_no_group_is_refused(monkeypatch):
    from rl_rewards.scale import grouping

    monkeypatch.setattr(grouping, "GROUP_ROWS", 3)
    with pytest.raises(TableError, match="row 1: a group must have at most"):
        found_in([of("a"), of("b"), of("a"), of("a"), of("a")])


# What is said


def test_groups_are_counted_and_what_is_not_whole_is_said(place, score):
    (place / "share.yaml").write_text(SHARE)
    rows = [of("a", n=1, prompt_id=1), of("b", n=1), of("a", n=2, prompt_id=1), of("other", n=2, prompt_id=1), {"prompt": "b", "completion": None}]
    write("data.jsonl", rows)
    done = score("share.yaml", "data.jsonl", "--out", "out.jsonl")
    assert done.exit_code == 1 and [row.values["score"] for row in read_rows("out.jsonl")] == [1 / 3, 1, 1 / 3, 1 / 3]
    assert (
        "2 groups of 1 to 3 rows, by prompt_id, else by prompt; the rows of 1 group are not next to each other in the data, and were scored as whole "
        "groups; 1 group with more than one prompt; 1 group not whole, since rows were left out\n"
    ) in done.stderr
    done = score("share.yaml", "data.jsonl", "--out", "out.jsonl", "--group-by", "n")
    assert [row.values["score"] for row in read_rows("out.jsonl")] == [0.5] * 4 and "2 groups of 2 rows, by n" in done.stderr


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("promt_id", "data.jsonl: row 1: every row must have a value in column 'promt_id', by which rows are grouped"),
        ("promt_id", "did you mean 'prompt_id'?"),
        ("empty", "data.jsonl: row 1: every row must have a value in column 'empty'"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_column_that_rows_lack_is_refused(place, score, column, message, workers):
    (place / "share.yaml").write_text(SHARE)
    write("data.jsonl", [of("a", prompt_id=1, empty=None)])
    done = score("share.yaml", "data.jsonl", "--out", "out.jsonl", "--group-by", column, "--workers", workers)
    assert done.exit_code == 2 and message in done.stderr and not Path("out.jsonl").exists()


def test_an_option_that_changes_nothing_is_said(place, score):
    (place / "rule.yaml").write_text("rewards: [{name: r, parse: {tag: answer}, score: {number_match: answer}}]")
    done = score("rule.yaml", "data.jsonl", "--out", "out.jsonl", "--group-by", "id")
    assert "--group-by changes nothing: no reward of this rubric compares the completions of a group" in done.stderr


@pytest.mark.parametrize(("trait", "why"), [("state", "depends on the rows that came before"), ("combines", "is computed from other rewards")])
def test_a_group_reward_that_cannot_be_asked_first_needs_sorted_rows(place, score, trait, why):
    body = (
        "    def state_dict(self):\n        return {'n': 1}\n"
        if trait == "state"
        else "    def combine(self, scores):\n        return EvaluateResult(1.0)\n"
    )
    rewards = "frozenset({'other'})" if trait == "combines" else "frozenset()"
    (place / "odd.py").write_text(
        "from rl_rewards import EvaluateResult\nfrom rl_rewards.scorers.base import Scorer, Traits, configured\n\n\n@configured\nclass Odd(Scorer):\n"
        f"    @property\n    def traits(self):\n        return Traits(needs_groups=True, rewards={rewards})\n\n"
        f"    def score(self, samples, answers):\n        return [EvaluateResult(1.0) for _ in samples]\n\n{body}"
    )
    (place / "odd.yaml").write_text("rewards: [{name: other, score: {function: 'mine.py:stop'}}, {name: odd, score: {'odd.py:Odd': {}}}]")
    write("sorted.jsonl", [of("a"), of("a"), of("b")])
    assert score("odd.yaml", "sorted.jsonl", "--out", "out.jsonl").exit_code == 0
    write("mixed.jsonl", [of("a"), of("b"), of("a")])
    done = score("odd.yaml", "mixed.jsonl", "--out", "no.jsonl")
    assert done.exit_code == 2 and not Path("no.jsonl").exists()
    assert "error: mixed.jsonl: rows of one group must be next to each other for reward 'odd', which compares them and " + why in done.stderr


# A directory goes on


def test_a_run_that_was_killed_scores_no_group_twice_that_is_done(place, score):
    (place / "mine.py").write_text(
        (place / "mine.py")
        .read_text()
        .replace(
            "        sizes = Counter",
            "        open('asked', 'a').writelines(s.response + '\\n' for s in samples)\n"
            "        if os.path.exists('hold') and len(open('asked').read().split()) > 60:\n            time.sleep(10_000)  # until it is killed\n"
            "        sizes = Counter",
        )
    )
    (place / "share.yaml").write_text(SHARE)
    write("data.jsonl", [of(f"{i % 40}", id=i) | {"completion": f"c{i}"} for i in range(120)])
    code = "import sys; from rl_rewards.scale import gathering; gathering.PART_ROWS = 6; from rl_rewards.cli import app; app(sys.argv[1:])"
    assert score("share.yaml", "data.jsonl", "--out", "whole", "--block-rows", 10).exit_code == 0
    os.remove("asked")
    (place / "hold").touch()
    killed = start("share.yaml", "data.jsonl", "--out", "out", "--block-rows", 10, command=["-c", code, "score"])
    while len(list(place.glob("out/_groups/results/0*"))) < 3:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    os.remove("hold")
    before = Path("asked").read_text().split()
    again = start("share.yaml", "data.jsonl", "--out", "out", command=["-c", code, "score"])
    said = again.communicate()[1]
    assert again.returncode == 0 and "40 groups of 3 rows" in said and parts_of("out") == parts_of("whole")
    asked = Path("asked").read_text().split()
    assert len(set(asked)) == 120 and len(asked) < 120 + len(before) - 3


def test_a_directory_of_other_groups_is_refused(place, score):
    (place / "share.yaml").write_text(SHARE)
    write("data.jsonl", [of("a", n=1), of("b", n=1)])
    assert score("share.yaml", "data.jsonl", "--out", "out").exit_code == 0
    done = score("share.yaml", "data.jsonl", "--out", "out", "--group-by", "n")
    assert done.exit_code == 2 and 'error: out holds parts of another run (group_by: [] there, ["n"] now)' in done.stderr


def test_results_of_a_stranger_run_no_code(place, score):
    class Evil:
        def __reduce__(self):
            return os.mkdir, ("owned",)

    (place / "share.yaml").write_text(SHARE)
    write("data.jsonl", [of("a"), of("b"), of("a")])
    assert score("share.yaml", "data.jsonl", "--out", "out").exit_code == 0
    os.remove("out/_commits/00000.json")
    gathered.write_segments(Path("out/_groups/results/00000"), [[(0, Evil())]])
    gathered.write_segments(Path("out/_groups/rows/00000"), [[(0, b"", Evil())]])
    done = score("share.yaml", "data.jsonl", "--out", "out")
    assert done.exit_code == 2 and "must hold counts and results, got posix.mkdir" in done.stderr and not Path("owned").exists()
