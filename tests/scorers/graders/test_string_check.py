import pickle

import pytest

from rl_rewards.scorers import StringCheck
from rl_rewards.types import Outcome, Sample


def score(answer, row, completion=None, **options):
    [result] = StringCheck(**options).score([Sample("q", completion or str(answer), str(answer), row)], [answer])
    return result


# answer, reference, eq, ne, like, ilike
TABLE = [
    ("Paris", "Paris", 1, 0, 1, 1),
    ("paris", "Paris", 0, 1, 0, 1),
    ("Paris ", "Paris", 0, 1, 1, 1),
    ("In PARIS!", "Paris", 0, 1, 0, 1),
    ("Par", "Paris", 0, 1, 0, 0),
    ("STRASSE", "straße", 0, 1, 0, 1),
    ("100%", "%", 0, 1, 1, 1),
    ("abc", "a_c", 0, 1, 0, 0),
    ("abc", "%", 0, 1, 0, 0),
    ("a.c", "a.c", 1, 0, 1, 1),
    ("é", "e\u0301", 0, 1, 0, 0),
    ("", "x", 0, 1, 0, 0),
    ("12", 12, 1, 0, 1, 1),
    ("12", 12.0, 1, 0, 1, 1),
    ("true", True, 1, 0, 1, 1),
    ('{"a": 1}', {"a": 1}, 1, 0, 1, 1),
    ("a", ["a", "b"], 1, 0, 1, 1),
    ("true", [True, "yes"], 1, 0, 1, 1),
]


@pytest.mark.parametrize(("answer", "reference", "eq", "ne", "like", "ilike"), TABLE)
def test_the_operations_compare_letter_by_letter(answer, reference, eq, ne, like, ilike):
    for operation, expected in {"eq": eq, "ne": ne, "like": like, "ilike": ilike}.items():
        result = score(answer, {"gold": reference}, reference="{{ item.gold }}", operation=operation)
        assert (result.score, result.outcome) == (expected, Outcome.SCORED), (operation, result)


def test_like_asks_whether_the_input_contains_the_reference_and_not_the_other_way():
    row = {"gold": "the answer is 4"}
    assert score("4", row, reference="{{ item.gold }}", operation="like").score == 0.0
    assert score("4", row, reference="{{ sample.output_text }}", input="{{ item.gold }}", operation="like").score == 1.0


def test_a_column_that_is_a_list_has_several_references():
    for answer, eq, ne in (("a", 1, 0), ("b", 1, 0), ("c", 0, 1)):
        assert score(answer, {"gold": ["a", "b"]}, reference="gold").score == eq
        assert score(answer, {"gold": ["a", "b"]}, reference="gold", operation="ne").score == ne


@pytest.mark.parametrize("gold", [None, "", "  ", [], float("nan")])
@pytest.mark.parametrize("operation", ["eq", "ne", "like", "ilike"])
def test_a_row_without_a_reference_is_an_error_and_never_a_score(gold, operation):
    for reference in ("gold", "{{ item.gold }}", "{{ references.gold }}"):
        result = score("x", {"gold": gold}, reference=reference, operation=operation)
        assert result.outcome is Outcome.ERROR and result.score is None
        assert StringCheck(reference, operation=operation).score_row(Sample("q", "", "", {"gold": gold}), None).outcome is Outcome.ERROR


def test_a_policy_cannot_win_by_saying_nothing():
    options = {"reference": "{{ sample.output_text }}", "input": "{{ item.gold }}", "operation": "like", "wrong": -1.0}
    result = score("", {"gold": "x"}, **options)
    assert (result.score, result.outcome) == (-1.0, Outcome.UNPARSED)
    result = score("no json", {"gold": "x"}, reference="{{ item.gold }}", input="{{ sample.output_json.a }}", operation="ne", wrong=-1.0)
    assert (result.score, result.outcome) == (-1.0, Outcome.UNPARSED)


def test_tool_calls_are_compared_as_in_the_services_guide():
    call = {"type": "function", "function": {"name": "get_acceptors", "arguments": {"smiles": "CCO"}}}
    turns = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    row = {"smiles": "CCO"}
    assert score("", row, turns, text="get_acceptors", input="{{ sample.output_tools[0].function.name }}").score == 1.0
    reference = "{{sample.output_tools[0].function.arguments}}"
    assert score("", row, turns, reference=reference, input='{"smiles": "{{item.smiles}}"}').score == 1.0
    assert score("", {"smiles": "C"}, turns, reference=reference, input='{"smiles": "{{item.smiles}}"}').score == 0.0
    missing = score("text", row, None, reference=reference, input='{"smiles": "{{item.smiles}}"}')
    assert (missing.score, missing.outcome) == (0.0, Outcome.UNPARSED)


def test_a_placeholder_of_one_column_is_the_column():
    assert StringCheck("{{ item.gold }}") == StringCheck("{{references.gold}}") == StringCheck("gold")
    assert StringCheck("{{ item.gold }}!").reference == "{{ item.gold }}!" and StringCheck("{{ item.prompt }}").reference == "{{ item.prompt }}"


def test_a_scorer_is_a_value():
    made = StringCheck("{{ item.a }}", operation="ilike")
    made.score([Sample("q", "x", "x", {"a": "y"})], ["x"])
    assert pickle.loads(pickle.dumps(made)) == made and made.traits.columns == {"a"}
