"""The spellings of parsers and scorers in a rubric file."""

import pickle

import pytest

import rl_rewards.parsers as parsers
import rl_rewards.scorers as scorers
from rl_rewards.parsers import parser
from rl_rewards.scorers import scorer

SPELLINGS = [
    ("boxed", parsers.Boxed()),
    ({"boxed": None}, parsers.Boxed()),
    ({"boxed": {}}, parsers.Boxed()),
    ({"tag": "answer"}, parsers.Tag("answer")),
    ({"tag": {"name": "answer", "strip": False}}, parsers.Tag("answer", strip=False)),
    ({"json": ["a", "b"]}, parsers.Json(("a", "b"))),
    ([{"after": "####"}, "boxed"], parsers.Chain((parsers.After("####"), parsers.Boxed()))),
    (parsers.Tag("answer"), parsers.Tag("answer")),
]


@pytest.mark.parametrize(("spec", "made"), SPELLINGS)
def test_a_parser_is_spelled_as_a_kind_or_a_mapping_of_one(spec, made):
    assert parser(spec) == made


REFUSED = [
    ("boxd", "Unknown parser 'boxd'. Did you mean 'boxed'? Allowed: after, boxed, code_block, identity, json, json_value, regex, regex_extract, tag"),
    ({"taag": "answer"}, "Did you mean 'tag'?"),
    ("zzz", "Unknown parser 'zzz'. Allowed:"),
    (5, "found 5"),
    (None, "found None"),
    ({}, "exactly one kind"),
    ({"tag": "a", "boxed": None}, "found 2 keys: ['boxed', 'tag']"),
    ({"tag": {"nam": "a"}}, "nam\n  Unexpected keyword argument"),
    ({"tag": None}, "name\n  Field required"),
    ({"boxed": "x"}, "Boxed has no options"),
]


@pytest.mark.parametrize(("spec", "message"), REFUSED)
def test_a_wrong_spelling_is_refused_with_what_is_allowed(spec, message):
    with pytest.raises(ValueError) as refused:
        parser(spec)
    assert message in str(refused.value)


def test_a_bare_value_sets_the_first_option_and_never_a_score():
    assert scorer({"number_match": "gold"}) == scorers.NumberMatch("gold")
    assert scorer({"soft_overlong": {"max_tokens": 8, "buffer_tokens": 4}}) == scorers.SoftOverlong(8, 4)


MADE = [
    *(parser(spec) for spec, _ in SPELLINGS),
    parser("identity"),
    parser({"regex": r"(\d+)"}),
    scorer({"string_match": "{{references.a}}"}),
    scorer({"regex_match": "^{{references.a}}$"}),
    scorer({"number_match": {"reference": "a", "absolute": 0.5}}),
    scorer({"multiple_choice": {"reference": "a", "options": "b"}}),
    scorer({"instruction_following": {"level": "instruction", "loose": True}}),
    scorer({"exact_match": "a"}),
    scorer({"token_f1": "a"}),
    scorer({"json_match": {"reference": "a", "keep": ["x"]}}),
    scorer({"json_schema": {"schema": {"type": "object", "required": ["a"]}, "wrong": -1}}),
    scorer({"tag_count": ["a", "b"]}),
    scorer("think_answer_format"),
    scorer("think_format"),
    scorer({"reasoning_steps": 2}),
    scorer({"soft_overlong": {"max_tokens": 8, "buffer_tokens": 4}}),
    scorer({"length_window": {"min_tokens": 8, "max_tokens": 9}}),
    scorer({"cosine_length": {"right": {"number_match": "a"}, "max_tokens": 9}}),
    scorer({"group_length": {"right": {"number_match": "a"}}}),
    scorer({"repetition": 2}),
]


@pytest.mark.parametrize("made", MADE, ids=repr)
def test_parsers_and_scorers_are_values_that_can_be_sent_to_a_process(made):
    if isinstance(made, parsers.Parser):
        made.parse("4")  # what is compiled on first use must not stand in the way
    copy = pickle.loads(pickle.dumps(made))
    assert copy == made and hash(copy) == hash(made)
    with pytest.raises(AttributeError):
        made.correct = 2.0


@pytest.mark.parametrize("package", [parsers, scorers])
def test_every_class_of_the_table_can_be_imported_from_its_package_and_says_what_it_does(package):
    for kind, path in package.KINDS.table.items():
        if path.startswith(("rl_rewards.parsers.", "rl_rewards.scorers.")):
            cls = getattr(package, path.partition(":")[2])
            assert cls is package.KINDS.load(kind)
            assert cls.__doc__.splitlines()[0].endswith((".", ":", ",")) or len(cls.__doc__.splitlines()[0]) > 40


def test_a_class_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Boxd'"):
        _ = parsers.Boxd
