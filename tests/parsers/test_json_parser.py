import pytest

from rl_rewards.parsers import Json

OBJECTS = [
    ('{"a": 1}', {"a": 1}),
    (' \n{"a": {"b": [1, 2.5, "x", null, true]}}\n', {"a": {"b": [1, 2.5, "x", None, True]}}),
    ('The answer is {"a": 1}.', {"a": 1}),
    ('```json\n{"a": 1}\n```', {"a": 1}),
    ('```\n{"a": 1}\n```', {"a": 1}),
    ('```json{"a": 1}```', {"a": 1}),
    ('Given {x}:\n```json\n{"a": 1}\n``` {y}', {"a": 1}),
    ('```json\n{"a": 1}\n```\nno:\n```json\n{"a": 2}\n```', {"a": 2}),
    ('```json\n{"a": 1}\n``` ```json {"a": 2}', {"a": 1}),
    ('{"a": "```"}', {"a": "```"}),
    ('{"a": 1, "a": 2}', {"a": 2}),
    ('{"a": "\\ud800"}', {"a": "\ud800"}),
]
NO_OBJECT = [
    "",
    "4",
    "[1, 2]",
    '"a"',
    "{}",
    "{'a': 1}",
    '{"a": 1',
    '{"a": 1} {"b": 2}',
    '{"a": NaN}',
    '{"a": -Infinity}',
    '{"a": 1e999}',
    '{"a": 1,}',
    '{"a": 1 /* one */}',
    '{"a": "line\nbreak"}',
    '{"a": ' + "9" * 5000 + "}",
    "} {",
    "```json\n[1]\n```",
]


@pytest.mark.parametrize(("text", "answer"), OBJECTS)
def test_an_object_is_found_in_the_text_or_in_its_last_block(text, answer):
    assert Json().parse(text) == answer


@pytest.mark.parametrize("text", NO_OBJECT)
def test_what_is_not_one_json_object_with_fields_is_no_answer(text):
    assert Json().parse(text) is None


TEXT = """{"answer": 4, "answers": [1], "answer_1": 5, "meta": {"unit": "m", "source": {"page": 3}},
"steps": [{"say": "a", "n": 1}, {"n": 2}]}"""
MASKS = [
    (("answer",), (), {"answer": 4}),
    (("answer_1",), (), {"answer_1": 5}),
    (("meta",), (), {"meta": {"unit": "m", "source": {"page": 3}}}),
    (("meta.unit",), (), {"meta": {"unit": "m"}}),
    (("meta.source.page", "answer"), (), {"meta": {"source": {"page": 3}}, "answer": 4}),
    (("meta", "meta.unit"), (), {"meta": {"unit": "m", "source": {"page": 3}}}),
    (("meta",), ("meta.source",), {"meta": {"unit": "m"}}),
    (("steps.n",), (), {"steps": [{"n": 1}, {"n": 2}]}),
    (("steps.say",), (), {"steps": [{"say": "a"}]}),
    (("steps",), ("steps.n",), {"steps": [{"say": "a"}, {}]}),
    ((), ("meta", "steps", "answers", "answer_1"), {"answer": 4}),
    (("answer", "typo"), (), {"answer": 4}),
]


@pytest.mark.parametrize(("keep", "drop", "answer"), MASKS)
def test_a_mask_takes_fields_by_their_exact_names_with_all_that_is_in_them(keep, drop, answer):
    assert Json(keep, drop=drop).parse(TEXT) == answer


NOTHING_LEFT = [(("typo",), ()), (("unit",), ()), (("meta.typo",), ()), (("answer.x",), ()), (("steps.typo",), ())]


@pytest.mark.parametrize(("keep", "drop"), NOTHING_LEFT)
def test_a_mask_that_leaves_nothing_leaves_no_answer(keep, drop):
    assert Json(keep, drop=drop).parse(TEXT) is None


def test_dropping_every_field_leaves_no_answer():
    assert Json(drop=("a", "b")).parse('{"a": 1, "b": 2}') is None


WRONG_MASKS = [{"keep": [""]}, {"keep": ["a..b"]}, {"keep": ["a", "a"]}, {"keep": ["a"], "drop": ["a"]}, {"drop": ["."]}]


@pytest.mark.parametrize("options", WRONG_MASKS)
def test_a_mask_that_cannot_be_meant_is_refused(options):
    with pytest.raises(ValueError, match="field"):
        Json(**options)


@pytest.mark.parametrize(
    ("text", "nothing_else", "fenced"),
    [
        ('{"a": 1}', True, True),
        (' \n{"a": 1}\n', True, True),
        ('```json\n{"a": 1}\n```', False, True),
        ('```\n{"a": 1}\n```\n', False, True),
        ('The answer is {"a": 1}', False, False),
        ('{"a": 1}.', False, False),
        ('Here:\n```json\n{"a": 1}\n```', False, False),
        ('```json\n{"a": 1}\n```\n```json\n{"a": 1}\n```', False, False),
        ('{"a": 1} {"a": 1}', False, False),
        ('```{"a": 1}', False, False),
        ("```", False, False),
        ("", False, False),
    ],
)
def test_the_whole_reply_can_be_asked_to_be_the_json(text, nothing_else, fenced):
    assert Json(whole=True).parse(text) == ({"a": 1} if nothing_else else None)
    assert Json(whole="fenced").parse(text) == ({"a": 1} if fenced else None)
