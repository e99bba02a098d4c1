"""The forms in which data sets write tests."""

import json

import pytest

from rl_rewards.runtime.sandbox import Call, Script
from rl_rewards.scorers.code.cases import Check, Row, checks

APPS = {"inputs": ["1\n", ["1", "2"]], "outputs": ["2\n", ["3", "4"]]}
FORMS = [
    # reference, function, cases
    ([{"input": "1", "output": "2"}], None, [Check(Script("1"), "2")]),
    (({"input": "1", "output": 2, "type": "stdin_stdout", "fn_name": None},), None, [Check(Script("1"), "2")]),
    ([{"input": [1], "output": 2, "fn_name": "f"}], None, [Check(Call("f", [1]), [2])]),
    ([{"input": [1], "output": 2}], "f", [Check(Call("f", [1]), [2])]),
    ([{"input": '[1, 2]\n"a"', "output": "[3]", "fn_name": "f"}], None, [Check(Call("f", [[1, 2], "a"]), [[3]])]),
    ([{"input": "ab", "output": "ba", "fn_name": "f"}], None, [Check(Call("f", ["ab"]), ["ba"])]),
    (APPS, None, [Check(Script("1\n"), "2\n"), Check(Script("1\n2"), "3\n4")]),
    (json.dumps(APPS), None, [Check(Script("1\n"), "2\n"), Check(Script("1\n2"), "3\n4")]),
    ({"inputs": [[1]], "outputs": [[2]], "fn_name": "f"}, None, [Check(Call("f", [1]), [[2], 2])]),
    ({"inputs": [[1]], "outputs": [[2, 3]], "fn_name": "f"}, None, [Check(Call("f", [1]), [[2, 3]])]),
]


@pytest.mark.parametrize(("reference", "function", "made"), FORMS)
def test_each_form_is_read(reference, function, made):
    assert checks(reference, Row(function)) == made


REFUSED = [
    (5, "got int"),
    ([5], "got the test 5"),
    ([{"in": 1}], "got the test"),
    ({"inputs": ["1"]}, "lists under inputs and outputs"),
    ({"inputs": "1", "outputs": "2"}, "lists under inputs and outputs"),
    ({"inputs": ["1", "2"], "outputs": ["1"]}, "2 inputs, but 1 outputs"),
    ({"inputs": [], "outputs": []}, "no tests"),
    ([{"input": 5, "output": 2, "fn_name": "f"}], "a list of arguments, got int"),
]


@pytest.mark.parametrize(("reference", "message"), REFUSED)
def test_another_form_is_refused_with_what_is_allowed(reference, message):
    with pytest.raises(ValueError, match=message):
        checks(reference)
