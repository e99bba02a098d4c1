"""Rubric files: read, refused with reasons, written and read back equal."""

import math
import os
import pickle
import stat

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rl_rewards import Gate, Reward, Rubric, load_rubric, parsers, reward_function, scorers
from rl_rewards.rubric_files import RubricFileError

ARITHMETIC = """
rewards:
  - name: correct
    weight: 1.0
    parse: {tag: answer}
    score: {string_match: {equals: "{{references.answer}}"}}
  - name: format
    weight: 0.3
    score: {regex_match: {pattern: "(?s)\\\\A<think>.+</think>\\\\s*<answer>[^<]+</answer>\\\\z"}}
  - name: length
    weight: 0            # a metric
    score: {soft_overlong: {max_tokens: 48, buffer_tokens: 16}}
"""


@pytest.fixture
def rubric_file(tmp_path):
    def write(text):
        path = tmp_path / "rubric.yaml"
        path.write_text(text)
        return path

    return write


def problems_of(path):
    with pytest.raises(RubricFileError) as raised:
        load_rubric(path)
    return [(problem.line, problem.field, problem.message) for problem in raised.value.problems]


def test_a_file_becomes_the_rubric_that_python_would_make(rubric_file):
    assert load_rubric(rubric_file(ARITHMETIC)) == Rubric(
        rewards=(
            Reward("correct", scorers.StringMatch(equals="{{references.answer}}"), parsers.Tag("answer")),
            Reward("format", scorers.RegexMatch(r"(?s)\A<think>.+</think>\s*<answer>[^<]+</answer>\z"), weight=0.3),
            Reward("length", scorers.SoftOverlong(max_tokens=48, buffer_tokens=16), weight=0),
        )
    )


@pytest.mark.parametrize(
    ("spelling", "parser"),
    [
        ("boxed", parsers.Boxed()),
        ("{boxed: }", parsers.Boxed()),
        ("{tag: answer}", parsers.Tag("answer")),
        ("{tag: {name: answer, strip: false}}", parsers.Tag("answer", strip=False)),
        ("[{after: </think>}, boxed]", parsers.Chain((parsers.After("</think>"), parsers.Boxed()))),
    ],
)
def test_a_parser_has_a_short_and_a_long_form(rubric_file, spelling, parser):
    rubric = load_rubric(rubric_file(f"rewards: [{{name: r, parse: {spelling}, score: {{string_match: x}}}}]"))
    assert rubric["r"].parse == parser


@pytest.mark.parametrize(
    "score",
    [
        "reward_model: {model: a/b, dtype: bfloat16}",
        "cosine_similarity: {reference: answer, model: a/b, dtype: bfloat16}",
        "reward_model_ensemble: {members: [{model: a/b}, {model: c/d, dtype: bfloat16}]}",
    ],
)
def test_an_option_with_two_names_goes_by_either(rubric_file, score):
    text = f"rewards: [{{name: r, score: {{{score}}}}}]"
    assert load_rubric(rubric_file(text)) == load_rubric(rubric_file(text.replace("dtype", "torch_dtype")))


REWARD = "rewards:\n- name: r\n  score: {string_match: x}\n"


@pytest.mark.parametrize(
    ("text", "line", "field", "message"),
    [
        # the file
        ("", 1, "", "a rubric file is a mapping with `rewards:`, but this one is empty"),
        ("- a", 1, "", "a rubric file is a mapping with `rewards:`, but this one holds list"),
        ("max_error_rate: 0.5", 1, "", "needs a field 'rewards'"),
        ("rewards: []", 1, "rewards", "a rubric needs at least one reward"),
        ("rewards: 5", 1, "rewards", "found number 5, allowed: a list"),
        ("rewards: [5]", 1, "rewards[0]", "found number 5, allowed: a mapping of fields"),
        (REWARD + "max_error_rat: 1", 4, "max_error_rat", "did you mean 'max_error_rate'?"),
        (REWARD + "max_error_rate: 2", 4, "max_error_rate", "a share above 0 and up to 1, got 2"),
        # a reward
        (REWARD + "  weigth: 1", 4, "rewards[0].weigth", "unknown field; allowed: name, score, parse, weight"),
        (REWARD + "  weigth: 1", 4, "rewards[0].weigth", "did you mean 'weight'?"),
        (REWARD + "  weight: heavy", 4, "rewards[0].weight", "found text 'heavy', allowed: a number"),
        (REWARD + '  weight: "1.0"', 4, "rewards[0].weight", "found text '1.0', allowed: a number"),
        (REWARD + "  weight: true", 4, "rewards[0].weight", "found true, allowed: a number"),
        (REWARD + "  weight: .nan", 4, "rewards[0].weight", "allowed: a finite number"),
        (REWARD + "  weight:", 4, "rewards[0].weight", "found nothing, allowed: a number"),
        (REWARD + "  weight: 1_000", 4, "rewards[0].weight", "found text '1_000', allowed: a number"),
        (REWARD + "  weight: 1\n  weight: 2", 5, "rewards[0].weight", "given twice, first in line 4"),
        (REWARD + "  clip: [1, 0]", 4, "rewards[0].clip", "lowest < highest"),
        (REWARD + "  clip: [1]", 4, "rewards[0].clip", "needs an item 2"),
        (REWARD + "  clip:\n  - 0\n  - '1'", 6, "rewards[0].clip[1]", "found text '1', allowed: a number"),
        (REWARD + "  clip: [0, 1, 2]", 4, "rewards[0].clip", "found a list of 3, allowed: a list of at most 2"),
        (REWARD + "  on_error: rase", 4, "rewards[0].on_error", "allowed: 'skip' or 'raise' or a number; did you mean 'raise'?"),
        (REWARD + "  on_error: true", 4, "rewards[0].on_error", "found true, allowed: a number"),
        (REWARD + "  when: {task: }", 4, "rewards[0].when", "needs a value or a list of values"),
        ("rewards:\n- name: r\n  score: {reward_model: {model: m, overflow: lft}}", 3, "rewards[0].score.reward_model.overflow", "mean 'left'?"),
        (REWARD + "  gate: {reward: r2, at_last: 1}", 4, "rewards[0].gate.at_last", "did you mean 'at_least'?"),
        (REWARD + "  gate: {at_least: 1}", 4, "rewards[0].gate", "needs a field 'reward'"),
        (REWARD + "  gate: {reward: rr}", 4, "rewards[0].gate.reward", "must be the name of a reward, got 'rr'; there are r; did you mean 'r'?"),
        (REWARD + "  gate: {reward: r}", 1, "rewards", "gates form a circle: r -> r"),
        (REWARD + "- name: r\n  score: {string_match: y}", 4, "rewards[1].name", "the names of rewards must be unique, got 'r', first in line 2"),
        ("version: 2\nrewards: []", 1, "version", "this file is version 2, this rl_rewards reads 1"),
        ("version: 0\nrewards: []", 1, "version", "must be 1, got number 0"),
        ('rewards: []\nversion: "1"', 2, "version", "must be 1, got text '1'"),
        ("version: true\nrewards: []", 1, "version", "must be 1, got true"),
        ('rewards:\n- {name: r, score: {regex_match: "\\d+"}}', 2, "", "write a pattern in single quotes"),
        ("rewards:\n- name: a b\n  score: {string_match: x}", 2, "rewards[0].name", "got 'a b'"),
        ("rewards:\n- name: r", 2, "rewards[0]", "needs a field 'score'"),
        ("rewards:\n- name: 5\n  score: {string_match: x}", 2, "rewards[0].name", "found number 5, allowed: text; write it in quotes"),
        # parsers and scorers
        (REWARD + "  parse: bosed", 4, "rewards[0].parse", "Unknown parser 'bosed'. Did you mean 'boxed'?"),
        (REWARD + "  parse: {tag: a, boxed: }", 4, "rewards[0].parse", "exactly one kind"),
        (REWARD + "  parse: 5", 4, "rewards[0].parse", "found 5"),
        (
            REWARD + "  parse:\n    tag:\n      nam: a",
            6,
            "rewards[0].parse.tag.nam",
            "unknown field; allowed: name, thinking, strip; did you mean 'name'?",
        ),
        (REWARD + "  parse:\n    tag:\n      strip: true", 5, "rewards[0].parse.tag", "needs a field 'name'"),
        (REWARD + "  parse: {tag: {name: a, strip: 1}}", 4, "rewards[0].parse.tag.strip", "found number 1, allowed: true or false"),
        (REWARD + "  parse: {tag: 5}", 4, "rewards[0].parse.tag", "found number 5, allowed: text; write it in quotes"),
        (REWARD + "  parse: [{tag: a},\n    {tag: {name: b, strip: 1}}]", 5, "rewards[0].parse[1].tag.strip", "found number 1"),
        ("rewards:\n- {name: r, score: {python_tests: {reference: t, timeout: -5}}}", 2, "rewards[0].score.python_tests.timeout", "number above 0"),
        ("rewards:\n- {name: r, score: {python_tests: {reference: t, timeout: -5}}}", 2, "rewards[0].score.python_tests.timeout", "number -5"),
        ("rewards:\n- {name: r, score: {python_tests: {reference: t, tolerance: -1}}}", 2, "rewards[0].score.python_tests.tolerance", "at least 0"),
        (
            "rewards:\n- {name: r, score: {autorater: {samples: 50}}}",
            2,
            "rewards[0].score.autorater.samples",
            "number 50, allowed: a number of at most 32",
        ),
        ("rewards:\n- {name: r, score: {reward_model_ensemble: [a/b]}}", 2, "rewards[0].score.reward_model_ensemble", "a list of at least 2"),
        (REWARD + "  parse: tag", 4, "rewards[0].parse", "needs a field 'name'"),
        ("rewards:\n- name: r\n  score: {string_mach: x}", 3, "rewards[0].score", "Did you mean 'string_match'?"),
        ("rewards:\n- name: r\n  score: {string_match: 4}", 3, "rewards[0].score.string_match", "found number 4, allowed: text"),
        ("rewards:\n- name: r\n  score: {string_match: {equals: no}}", 3, "rewards[0].score.string_match.equals", "plain no is text to some"),
        ("rewards:\n- name: r\n  score: {string_match: {equals: a, contains: b}}", 3, "rewards[0].score.string_match", "exactly one of"),
        ("rewards:\n- name: r\n  score: {string_match: '{{answer}}'}", 3, "rewards[0].score", "Unknown placeholder '{{answer}}'"),
        (
            "rewards:\n- name: r\n  score:\n    string_match:\n      equals: a\n      whitespace: trim",
            6,
            "rewards[0].score.string_match.whitespace",
            "'strip'",
        ),
        ("rewards:\n- name: r\n  score: {regex_match: '('}", 3, "rewards[0].score", "("),
        ("rewards:\n- name: r\n  score: {function: nope.py:f}", 3, "rewards[0].score", "there is no file 'nope.py'"),
        ("rewards:\n- name: r\n  score: {function: math:sqr}", 3, "rewards[0].score", "did you mean 'sqrt'?"),
    ],
)
def test_a_wrong_file_is_refused_with_line_field_and_reason(rubric_file, text, line, field, message):
    found = problems_of(rubric_file(text))
    assert any(at == line and where.startswith(field) and message in what for at, where, what in found), found


def test_all_mistakes_of_a_file_are_told_in_its_order_each_with_its_line(rubric_file):
    path = rubric_file("rewards:\n- name: a\n  weigth: 1\n- name: b\n  parse: bosed\n  score: {string_match: {equls: x}}\nrate: 1")
    with pytest.raises(RubricFileError) as raised:
        load_rubric(path)
    assert [problem.line for problem in raised.value.problems] == sorted(problem.line for problem in raised.value.problems)
    told = str(raised.value).splitlines()
    assert len(told) >= 5 and all(line.startswith(f"{path}:") for line in told)
    for piece in (":3: rewards[0].weigth", ":2: rewards[0]: needs a field 'score'", ":5: rewards[1].parse", ":6: rewards[1]", ":7: rate"):
        assert piece in str(raised.value)


def test_the_error_travels_between_processes(rubric_file):
    with pytest.raises(RubricFileError) as raised:
        load_rubric(rubric_file("rewards: 5"))
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_rubric(tmp_path / "nope.yaml")


# functions

FUNCTION = "from rl_rewards import reward_function\n\n@reward_function\ndef short(response, **kwargs):\n    return float(len(response) < 5)\n"


@pytest.mark.parametrize("spelling", ["mine.py:short", "{path: mine.py:short}", "mine_too:short"])
def test_functions_are_found_beside_the_rubric_from_any_directory(rubric_file, tmp_path, monkeypatch, spelling):
    (tmp_path / "mine.py").write_text(FUNCTION)
    (tmp_path / "mine_too.py").write_text(FUNCTION)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = rubric_file(f"rewards: [{{name: r, score: {{function: {spelling}}}}}]".replace(": mine", ': "mine').replace("short", 'short"'))
    monkeypatch.chdir(elsewhere)
    rubric = load_rubric(path)
    assert rubric.reward_funcs[0](prompts=["", ""], completions=["abc", "abcdef"]) == [1.0, 0.0]


def test_a_function_beside_the_rubric_is_found_again_by_another_process(rubric_file, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(FUNCTION)
    rubric = load_rubric(rubric_file('rewards: [{name: r, score: {function: "mine.py:short"}}]'))
    monkeypatch.chdir("/")
    assert pickle.loads(pickle.dumps(rubric)) == rubric


def test_functions_stay_beside_the_rubric_that_is_saved_beside_them(rubric_file, tmp_path):
    (tmp_path / "mine.py").write_text(FUNCTION)
    rubric = load_rubric(rubric_file('rewards: [{name: r, score: {function: "mine.py:short"}}]'))
    rubric.save(tmp_path / "saved.yaml")
    assert "'mine.py:short'" in (tmp_path / "saved.yaml").read_text()
    assert load_rubric(tmp_path / "saved.yaml") == rubric
    (tmp_path / "sub").mkdir()
    rubric.save(tmp_path / "sub" / "saved.yaml")
    assert load_rubric(tmp_path / "sub" / "saved.yaml") == rubric


@reward_function
def at_the_top(response, **kwargs):
    return 1.0


def test_a_decorated_function_is_saved_by_its_module_and_name(tmp_path):
    Rubric((Reward("r", at_the_top),)).save(tmp_path / "saved.yaml")
    assert yaml.safe_load((tmp_path / "saved.yaml").read_text())["rewards"][0]["score"]["function"].endswith("test_native:at_the_top")


def test_what_no_file_can_name_is_refused_and_nothing_is_written(tmp_path):
    inner = reward_function(lambda response, **kwargs: 1.0)

    class Mine(scorers.Scorer):
        def score(self, samples, answers):
            return []

    for scorer, message in ((inner, "cannot be named in a file"), (Mine(), "Mine (is not at the top of a module|does not declare its options)")):
        with pytest.raises(ValueError, match=message):
            Rubric((Reward("r", scorer),)).save(tmp_path / "saved.yaml")
    assert not list(tmp_path.iterdir())


# saving


def test_a_saved_rubric_is_short_and_loads_back_equal(tmp_path):
    rubric = Rubric(
        rewards=(
            Reward("correct", {"string_match": "{{references.answer}}"}, {"tag": "answer"}),
            Reward(
                "format",
                {"regex_match": {"pattern": "x", "mode": "full", "wrong": -1.0}},
                [{"after": "</think>"}, "boxed"],
                weight=0.3,
                clip=(-1, 1),
                on_error=-0.5,
                when={"task": ["math", "no", "010", "1e3", 7, True], "level": "on"},
                gate=Gate("correct", 0.5),
            ),
        ),
        max_error_rate=0.5,
    )
    rubric.save(tmp_path / "saved.yaml")
    assert load_rubric(tmp_path / "saved.yaml") == rubric
    saved = yaml.safe_load((tmp_path / "saved.yaml").read_text())  # readers of YAML 1.1 see the same
    assert saved["rewards"][0] == {
        "name": "correct",
        "score": {"string_match": "{{references.answer}}"},
        "parse": {"tag": "answer"},
    }
    assert saved["rewards"][1]["when"] == {"task": ["math", "no", "010", "1e3", 7, True], "level": "on"}
    assert saved["rewards"][1]["parse"] == [{"after": "</think>"}, "boxed"]


finite = st.floats(-1e8, 1e8)  # of any size together: a weight times a clip has a largest value


@given(
    texts=st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=3),
    weight=st.floats(-1e3, 1e3),
    clip=st.none() | st.tuples(*[st.floats(-1e14, 1e14)] * 2).filter(lambda pair: pair[0] < pair[1]),
    when=st.none() | st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | finite, min_size=1, max_size=3),
)
def test_every_rubric_loads_back_equal(tmp_path_factory, texts, weight, clip, when):
    rewards = tuple(
        Reward(f"r{i}", scorers.StringMatch(equals=text.replace("{{", "{")), weight=weight, clip=clip, when=when) for i, text in enumerate(texts)
    )
    path = tmp_path_factory.mktemp("rubric") / "saved.yaml"
    Rubric(rewards).save(path)
    assert load_rubric(path) == Rubric(rewards)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "ON",
        "010",
        "1e3",
        "1:30",
        "~",
        "null",
        "",
        "2024-01-01",
        "a: b",
        "- a",
        "#x",
        "\ud800",
        "a\x85b",
        "\u2028é\n\t ",
        "0x1",
        "=",
        "<<",
        "0o17",
    ],
)
def test_text_that_looks_like_something_else_stays_text(tmp_path, text):
    rubric = Rubric((Reward("r", scorers.StringMatch("x"), when={"column": [text]}),))
    rubric.save(tmp_path / "saved.yaml")
    assert load_rubric(tmp_path / "saved.yaml") == rubric


@pytest.mark.parametrize("weight", [1e-7, 1e16, -0.1, math.pi])
def test_numbers_keep_every_digit(tmp_path, weight):
    Rubric((Reward("r", scorers.StringMatch("x"), weight=weight),)).save(tmp_path / "saved.yaml")
    assert load_rubric(tmp_path / "saved.yaml")["r"].weight == weight


def test_saving_keeps_the_files_mode_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "saved.yaml"
    path.write_text("old")
    path.chmod(0o640)
    Rubric((Reward("r", scorers.StringMatch("x")),)).save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["saved.yaml"]


def test_saving_where_nothing_can_be_written_is_an_os_error_that_names_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nope/saved.yaml"):
        Rubric((Reward("r", scorers.StringMatch("x")),)).save(tmp_path / "nope" / "saved.yaml")


@pytest.mark.parametrize("kinds", [parsers.KINDS, scorers.KINDS], ids=lambda kinds: kinds.noun)
def test_every_kind_that_needs_no_options_is_written_as_its_name(tmp_path, kinds):
    for kind in sorted(kinds.table):
        try:
            made = kinds.make(kind)
        except ValueError:  # it needs options
            continue
        rubric = Rubric((Reward("r", made),) if kinds is scorers.KINDS else (Reward("r", scorers.StringMatch("x"), made),))
        rubric.save(tmp_path / "saved.yaml")
        assert load_rubric(tmp_path / "saved.yaml") == rubric
        assert kind == "identity" or kind in yaml.safe_load((tmp_path / "saved.yaml").read_text())["rewards"][0].values()


@pytest.mark.parametrize(
    "spec",
    [
        {"math_verify": {"reference": "answer", "allow_think": True}},
        {"reward_model": {"model": "somewhere/model", "overflow": "left", "max_length": 64}},
        {"reward_model_ensemble": {"members": [{"model": "a/b"}, {"model": "c/d", "sign": -1}]}},
        {"python_tests": {"reference": "tests", "timeout": 2.0}},
        {"cosine_length": {"right": {"number_match": "answer"}, "max_tokens": 64}},
        {"remote_reward_model": {"url": "http://127.0.0.1:1/classify", "api": "vllm_classify"}},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_scorers_of_every_family_survive_saving(tmp_path, spec):
    rubric = Rubric((Reward("r", spec),))
    rubric.save(tmp_path / "rubric.yaml")
    assert load_rubric(tmp_path / "rubric.yaml") == rubric


AGGREGATED = "rewards:\n- name: correct\n  score: {number_match: answer}\naggregates:\n- pass_at_k:\n    k: [1, 4]\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "    reward: corect\n",
            7,
            "aggregates[0].pass_at_k.reward: reward must be the name of a reward, got 'corect'; there are correct; did you mean 'correct'?",
        ),
        (
            "    reward: correct\n- pass_at_k: correct\n",
            8,
            "aggregates[1]: two aggregates of one kind over the reward 'correct' must have different names",
        ),
        ("    reward: correct\n- pas_at_k: correct\n", 8, "Unknown aggregate 'pas_at_k'. Did you mean 'pass_at_k'?"),
        ("    reward: correct\n    rigth: 1\n", 8, "unknown field; allowed: reward, k, name, right; did you mean 'right'?"),
        ("    reward: correct\n- best_of_k: {reward: correct, by: judge}\n", 8, "by must be the name of a reward, got 'judge'; there are correct"),
        (
            "    reward: correct\n- {solved: correct, mean: correct}\n",
            8,
            "An aggregate is a mapping of exactly one kind to its options, found 2 keys",
        ),
        ("    reward: correct\n- cohen_kappa: {reward: correct, weights: cubic}\n", 8, "found text 'cubic', allowed: 'linear' or 'quadratic'"),
    ],
)
def test_a_wrong_aggregate_is_named_with_its_line_and_the_nearest(tmp_path, text, line, message):
    path = tmp_path / "rubric.yaml"
    path.write_text(AGGREGATED + text)
    with pytest.raises(RubricFileError) as raised:
        load_rubric(path)
    assert line in [problem.line for problem in raised.value.problems] and message in str(raised.value)
