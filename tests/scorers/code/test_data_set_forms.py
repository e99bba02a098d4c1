"""Tests in the forms of public data sets: right programs are right, wrong ones wrong, and a form half understood is an error."""

import base64
import json
import pickle
import zlib

import pytest

from rl_rewards.scorers.code.encodings import from_text
from rl_rewards.scorers.code.python_tests import PythonTests
from rl_rewards.types import Outcome, Sample


def score(program, tests, columns=None, **options):
    [result] = PythonTests("tests", timeout=20, **options).score([Sample("", program, program, {"tests": tests, **(columns or {})})], [program])
    return result


def packed(data, how=pickle.dumps):
    """LiveCodeBench's private tests."""
    return base64.b64encode(zlib.compress(how(json.dumps(data)))).decode()


ADD, ADD_WRONG = "class Solution:\n    def f(self, a, b): return a[0] + b", "class Solution:\n    def f(self, a, b): return a[0] - b"
ECHO, ECHO_WRONG = "print(int(input()) + 1)", "print(int(input()))"
TEXT, TEXT_WRONG = "def f(s): return s", "def f(s): return int(s)"
STDIN = [{"input": "1\n", "output": "2\n", "testtype": "stdin"}, {"input": "4", "output": "5", "testtype": "stdin"}]
FUNCTIONAL = [{"input": "[1, 2]\n3", "output": "4", "testtype": "functional"}]

FORMS = {
    # origin: LiveCodeBench
    "get_evaluation_sample": (ADD, ADD_WRONG, {"fn_name": "f", "inputs": ["[1, 2]\n3"], "outputs": ["4"]}, {}),
    "get_evaluation_sample as text": (ADD, ADD_WRONG, json.dumps({"fn_name": "f", "inputs": ["[1, 2]\n3"], "outputs": ["4"]}), {}),
    "functional, its name in the test's metadata": (ADD, ADD_WRONG, [{**FUNCTIONAL[0], "metadata": {"func_name": "f"}}], {}),
    "functional, metadata as text": (ADD, ADD_WRONG, [{**FUNCTIONAL[0], "metadata": '{"func_name": "f"}'}], {}),
    "functional, the name in the row's metadata": (ADD, ADD_WRONG, FUNCTIONAL, {"metadata": '{"func_name": "f"}'}),
    "functional, starter code's name by entry_point": (ADD, ADD_WRONG, FUNCTIONAL, {"entry_point": "f"}),
    "private functional tests": (ADD, ADD_WRONG, packed(FUNCTIONAL), {"metadata": {"func_name": "f"}}),
    "private stdin tests": (ECHO, ECHO_WRONG, packed(STDIN), {}),
    "packed without a pickle": (ECHO, ECHO_WRONG, packed(STDIN, str.encode), {}),
    "stdin tests of a row with a name": (ECHO, ECHO_WRONG, STDIN, {"entry_point": "f", "metadata": '{"func_name": "f"}'}),
    "an output in quotes": ("def f(s): return s[::-1]", "def f(s): return s", {"fn_name": "f", "inputs": ['"abc"'], "outputs": ['"cba"']}, {}),
    "an output of null": ("def f(x): pass", "def f(x): return 0", {"fn_name": "f", "inputs": ["1"], "outputs": ["null"]}, {}),
    # origin: APPS, TACO
    "call-based": ("def f(a, b): return a + b", "def f(a, b): return a", {"fn_name": "f", "inputs": [[1, 2]], "outputs": [3]}, {}),
    "call-based, the output in a list": ("def f(a): return [a]", "def f(a): return [[a]]", {"fn_name": "f", "inputs": [[1]], "outputs": [[1]]}, {}),
    "call-based, as text": ("def f(a): return a + 1", "def f(a): return a", '{"fn_name": "f", "inputs": [[1]], "outputs": [2]}', {}),
    "stdin": (ECHO, ECHO_WRONG, {"inputs": ["1\n", "4\n"], "outputs": ["2\n", "5\n"]}, {}),
    "stdin as lines": ("print(int(input()) + int(input()))", "print(input())", {"inputs": [["1", "2"]], "outputs": [["3"]]}, {}),
    "stdin without a name": (ECHO, ECHO_WRONG, {"inputs": ["1"], "outputs": ["2"], "fn_name": None}, {}),
    "APPS as Python text": (ECHO, ECHO_WRONG, "{'inputs': ['1'], 'outputs': ['2'], 'fn_name': None}", {}),
    # origin: CodeContests, Codeforces, PrimeIntellect, rllm
    "CodeContests": (ECHO, ECHO_WRONG, {"input": ["1\n", "4\n"], "output": ["2\n", "5\n"]}, {}),
    "Codeforces": (ECHO, ECHO_WRONG, [{"input": "1", "output": "2"}], {}),
    "verification_info": (ECHO, ECHO_WRONG, '{"language": "python", "test_cases": [{"type": "stdin_stdout", "input": "1", "output": "2", "fn_name": null}]}', {}),
    "function_call": ("def f(a): return a + 1", "def f(a): return a", {"test_cases": [{"type": "function_call", "fn_name": "f", "input": [1], "output": 2}]}, {}),
    "a list of JSON texts": (ECHO, ECHO_WRONG, ['{"input": "1", "output": "2"}', '{"input": "4", "output": "5"}'], {}),
    # origin: Arrow pads rows that differ in their keys
    "padded: inputs": (ECHO, ECHO_WRONG, [{"input": None, "output": None, "inputs": ["1"], "outputs": ["2"]}], {}),
    "padded: input": (ECHO, ECHO_WRONG, [{"input": "1", "output": "2", "inputs": None, "outputs": None, "fn_name": None, "testtype": None}], {}),
    "padded: a list": (ECHO, ECHO_WRONG, [None, {"input": "1", "output": "2"}], {}),
    "padded: a mapping": (ECHO, ECHO_WRONG, {"inputs": ["1"], "outputs": ["2"], "input": None, "output": None, "functional": None}, {}),
    # text that looks like JSON, where it is a text
    "a text of digits": (TEXT, TEXT_WRONG, [{"input": ["1234"], "output": "1234", "fn_name": "f"}], {}),
    "a text of digits in columns": (TEXT, TEXT_WRONG, {"inputs": [["1234"]], "outputs": ["1234"], "fn_name": "f"}, {}),
    "a text true": (TEXT, "def f(s): return True", [{"input": ["true"], "output": "true", "fn_name": "f"}], {}),
    "a text null": (TEXT, "def f(s): return None", [{"input": ["null"], "output": "null", "fn_name": "f"}], {}),
    "a text in brackets": (TEXT, "def f(s): return [1]", [{"input": ["[1]"], "output": "[1]", "fn_name": "f"}], {}),
    "a text of a JSON text": (TEXT, "def f(s): return s + '!'", {"fn_name": "f", "inputs": ['"12"'], "outputs": ['"12"']}, {}),
    # origin: PrimeIntellect, where input and output both are lists
    "function_call, the output in a list": ("def f(a): return a + 1", "def f(a): return a", [{"type": "function_call", "fn_name": "f", "input": [1], "output": [2]}], {}),
    # origin: LeetCode
    "arguments by name": (ADD, ADD_WRONG, [{"input": "a = [1, 2], b = 3", "output": "4", "fn_name": "f"}], {}),
    "arguments by name and entry_point": (ADD, ADD_WRONG, [{"input": "a = [1, 2], b = 3", "output": "4"}], {"entry_point": "Solution().f"}),
    "arguments by name in columns": (ADD, ADD_WRONG, {"inputs": ["a = [1, 2], b = 3"], "outputs": ["4"]}, {"entry_point": "Solution().f"}),
    "JSON's words by name": ("def f(a, b): return [b, a]", "def f(a, b): return [a, b]", [{"input": "a = null, b = [true, \"true\"]", "output": '[[true, "true"], null]', "fn_name": "f"}], {}),
    "a method's name with its class": (ADD, ADD_WRONG, {"fn_name": "Solution().f", "inputs": [[[1], 3]], "outputs": [4]}, {}),
    "a method's name with its class, not called": (ADD, ADD_WRONG, {"fn_name": "Solution.f", "inputs": [[[1], 3]], "outputs": [4]}, {}),
    "check of a method": (ADD, ADD_WRONG, "def check(candidate):\n    assert candidate(a=[1], b=3) == 4", {"entry_point": "Solution().f"}),
    "check of a method, not called": (ADD, ADD_WRONG, "def check(candidate):\n    assert candidate(a=[1], b=3) == 4", {"entry_point": "Solution.f"}),
    "check of a method by its name": (ADD, ADD_WRONG, "def check(candidate):\n    assert candidate(a=[1], b=3) == 4", {"entry_point": "f"}),
    "asserts about a method by its name": (ADD, ADD_WRONG, ["assert f([1], 3) == 4"], {}),
    # origin: LeetCodeDataset, whose outputs are what Python prints
    "an output as Python prints it": ("def f(x): return x == 1", "def f(x): return x != 1", [{"input": "x = 1", "output": "True"}, {"input": "x = 2", "output": " False"}], {"entry_point": "Solution().f"}),
    "a list as Python prints it": ("def f(s): return [s, s == 'a']", "def f(s): return [s]", [{"input": 's = "a"', "output": "['a', True]"}], {"entry_point": "Solution().f"}),
    "None as Python prints it": ("def f(x): pass", "def f(x): return x", [{"input": "x = 1", "output": "None"}], {"entry_point": "Solution().f"}),
    "infinity as Python prints it": ("def f(x): return -float('inf')", "def f(x): return float('inf')", [{"input": "x = 1", "output": "-inf"}], {"entry_point": "Solution().f"}),
    "a text as Python prints it": (TEXT, TEXT_WRONG, [{"input": 's = "ab"', "output": "ab"}, {"input": 's = "10"', "output": "10"}], {"entry_point": "Solution().f"}),
    "an output of a call as Python prints it": ("def f(x): return [x == 1]", "def f(x): return []", [{"input": "1", "output": "[True]", "fn_name": "f"}], {}),
    "arguments without names": (ADD, ADD_WRONG, [{"input": "[1, 2], 3", "output": "4"}, {"input": "a = [1], b = 3", "output": "4"}], {"entry_point": "Solution().f"}),
    "one argument without a name": ("def f(a): return len(a)", "def f(a): return 0", [{"input": "[7, 1]", "output": "2"}, {"input": ' "()"', "output": " 2"}], {"entry_point": "Solution().f"}),
    "a text in parentheses": ("def f(s): return s == '()'", "def f(s): return s == ()", [{"input": "()", "output": "true", "fn_name": "f"}], {}),
    "stdin with equals signs": ("print(input()[::-1])", "print(input())", [{"input": "a = 1", "output": "1 = a"}], {}),
    # JSON makes text of keys that are numbers; APPS's evaluation makes numbers of them again
    "keys of numbers in an output": ("def f(s): return {len(s): [s]}", "def f(s): return {0: [s]}", {"fn_name": "f", "inputs": [["ab"]], "outputs": [{"2": ["ab"]}]}, {}),
    "keys of numbers in a list": ("def f(s): return [{len(s): {-1: 2}}]", "def f(s): return [{2: {1: 2}}]", {"fn_name": "f", "inputs": [["ab"]], "outputs": [[{"2": {"-1": 2}}]]}, {}),
    "keys of numbers that are text": ("def f(s): return {str(len(s)): [s]}", "def f(s): return {'0': [s]}", {"fn_name": "f", "inputs": [["ab"]], "outputs": [{"2": ["ab"]}]}, {}),
    "keys of numbers in an input": ("def f(d): return d[1]", "def f(d): return d.get('1')", {"fn_name": "f", "inputs": [[{"1": "a", "2": "b"}]], "outputs": [["a"]]}, {}),
    "keys of text among numbers": ("def f(d): return d['1']", "def f(d): return d.get(1)", {"fn_name": "f", "inputs": [[{"1": "a", "b": "b"}]], "outputs": [["a"]]}, {}),
    "an expected None": ("def f(x): pass", "def f(x): return 'None'", [{"input": [1], "output": None, "fn_name": "f"}], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_a_data_sets_form_is_read(name):
    right, wrong, tests, columns = FORMS[name]
    found, other = score(right, tests, columns), score(wrong, tests, columns)
    assert (found.score, found.outcome) == (1.0, Outcome.SCORED), found
    assert other.score == 0.0, other


HALF = {
    "functional without a name": (FUNCTIONAL, "must name the function"),
    "an unknown kind": ([{"input": "1", "output": "2", "testtype": "interactive"}], "testtype of a test must be one of"),
    "a type that nobody knows": ([{"input": "1", "output": "2", "type": "sql"}], "type of a test must be one of"),
    "no output": ([{"input": "1"}], "must have an output"),
    "padded output": ([{"input": "1", "output": None}], "must have an output"),
    "all padded": ([{"input": None, "output": None}], "keys []"),
    "more outputs": ({"inputs": ["1"], "outputs": ["1", "2"]}, "1 inputs, but 2 outputs"),
    "a column alone": ({"inputs": ["1"]}, "lists under inputs and outputs"),
    "an input of None": ({"inputs": [None], "outputs": ["None"]}, "must be text, got None"),
    "a name that is none": ({"fn_name": "two words", "inputs": [[1]], "outputs": [1]}, "must be a name, or Solution().name"),
    "arguments in part JSON": ({"fn_name": "f", "inputs": ["[1]\nx"], "outputs": ["1"]}, "one JSON value a line"),
    "a mapping as stdin": ([{"input": {"a": 1}, "output": "1"}], "must be text"),
    "a pickle of a class": (base64.b64encode(zlib.compress(pickle.dumps(Sample))).decode(), "must be a pickle of a text"),
    "a pickle of a number": (base64.b64encode(zlib.compress(pickle.dumps(10**40))).decode(), "got one of a int"),
    "a broken pickle": (base64.b64encode(zlib.compress(b"\x80\x04nothing of the kind, at all")).decode(), "must be a pickle of a text"),
}  # fmt: skip


@pytest.mark.parametrize("name", HALF)
def test_a_form_half_understood_is_an_error(name):
    tests, message = HALF[name]
    result = score(ECHO, tests)
    assert (result.score, result.outcome) == (None, Outcome.ERROR) and message in result.error, result


class Evil:
    def __reduce__(self):
        return (exec, ("print('unpickled')",))


def test_nothing_but_a_text_is_ever_unpickled(capsys):
    for evil in (Evil(), [Evil()], {"x": Evil()}):
        with pytest.raises(ValueError, match="it names builtins.exec"):
            from_text(base64.b64encode(zlib.compress(pickle.dumps(evil))).decode())
    assert capsys.readouterr().out == ""


CHECKER = """
import sys
given, correct, answer = (open(path).read() for path in sys.argv[1:4])
try:
    a, b = map(int, answer.split())
except ValueError:
    print(0)
else:
    print(int(a + b == int(given) and a > 0 and b > 0))
"""
PARTS = [{"input": "5", "output": "1 4"}, {"input": "9", "output": "4 5"}]


@pytest.mark.parametrize(("program", "fraction"), [
    ("n = int(input())\nprint(2, n - 2)", 1.0), ("n = int(input())\nprint(1, 4)", 0.5), ("print(0)", 0.0), ("print('1 4 5')", 0.0), ("", 0.0),
    ("print(1)\nprint(4)", 0.5), ("1 / 0", 0.0),
])  # fmt: skip
def test_a_checker_judges_where_several_outputs_are_right(program, fraction):
    result = score(program, PARTS, {"check": CHECKER}, checker="check", scoring="fraction")
    assert result.score == fraction, result


def test_tests_with_a_checker_need_no_output():
    assert score("n = int(input())\nprint(2, n - 2)", [{"input": "5"}], {"check": CHECKER}, checker="check").score == 1.0
    assert score("print(2, 2)", [{"input": "5"}], {"check": CHECKER}, checker="{{references.check}}").score == 0.0


def test_a_row_without_a_checker_compares_outputs():
    assert score("n = int(input())\nprint(2, n - 2)", PARTS, {"check": None}, checker="check").score == 0.0
    assert score("print(4 if int(input()) == 9 else 1, end=' ')\nprint(4 + 0)", PARTS[:1], {"check": None}, checker="check").score == 1.0


@pytest.mark.parametrize(("checker", "message"), [
    ("print(1)", "it checks nothing"), ("import sys\nsys.exit(0)", "refuses the data set's own output"), ("print(0)", "refuses the data set's own output"),
    ("def check(): return True", "refuses the data set's own output"), ("import sys\nprint(", "refuses the data set's own output"),
    ("import sys\nprint(int(open(sys.argv[3]).read() != 'x'))", "it checks nothing"),
])  # fmt: skip
def test_a_checker_that_is_no_good_is_an_error(checker, message):
    result = score("print('1 4')", PARTS[:1], {"check": checker}, checker="check")
    assert (result.score, result.outcome) == (None, Outcome.ERROR) and message in result.error, result
