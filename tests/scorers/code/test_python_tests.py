"""Programs of the policy's against the tests of their row: scores, outcomes, components, and whose fault it is."""

import pickle

import pytest

from rl_rewards.scorers.code.python_tests import PythonTests
from rl_rewards.types import Outcome, Sample

DOUBLE = [{"input": "1", "output": "2"}, {"input": "5", "output": "10"}, {"input": "0", "output": "0"}]
CALLS = {"inputs": [[1], [5]], "outputs": [2, 10], "fn_name": "double"}
ASSERTS = ["assert double(1) == 2", "assert double(5) == 10"]


def block(program, language="python"):
    return f"Here it is:\n```{language}\n{program}\n```\nDone."


def score(scorer, response, tests, answer=...):
    sample = Sample("q", response, response, {"tests": tests})
    [result] = scorer.score([sample], [response if answer is ... else answer])
    return result


ROWS = [
    # tests, response, fraction that passes, outcome
    (DOUBLE, block("print(int(input()) * 2)"), 1, "scored"),
    (DOUBLE, block("print(int(input()) + 1)"), 1 / 3, "scored"),
    (DOUBLE, block("print(10 // int(input()) and 2)"), 1 / 3, "crashed"),
    (DOUBLE, block("print(2)"), 1 / 3, "scored"),
    (DOUBLE, block("wrong") + block("print(int(input()) * 2)"), 1, "scored"),
    (DOUBLE, block("print(int(input()) * 2)") + "\n```\n2\n```", 1, "scored"),
    (DOUBLE, "print(int(input()) * 2)", 1, "scored"),
    (DOUBLE, block("print(int(input()) * 2)", "javascript"), None, "unparsed"),
    (DOUBLE, "```python\nprint(int(input()) * 2)", 1, "scored"),
    (DOUBLE, "I cannot do that.", 0, "crashed"),
    (DOUBLE, "", 0, "scored"),
    (CALLS, block("def double(x): return x * 2"), 1, "scored"),
    (CALLS, block("class Solution:\n    def double(self, x): return x * 2"), 1, "scored"),
    (CALLS, block("def double(x): print(x * 2)"), 0, "scored"),
    (CALLS, block("def triple(x): return x * 3"), 0, "crashed"),
    (ASSERTS, block("def double(x): return x * 2"), 1, "scored"),
    (ASSERTS, block("def double(x): return x + 1"), 1 / 2, "scored"),
    (ASSERTS, block("def triple(x): return x"), 0, "scored"),
    ("\n".join(ASSERTS), block("def double(x): return x + 1"), 0, "scored"),
]


@pytest.mark.parametrize("scoring", ["all", "fraction"])
@pytest.mark.parametrize(("tests", "response", "fraction", "outcome"), ROWS)
def test_a_program_is_scored_by_the_tests_that_pass(tests, response, fraction, outcome, scoring):
    result = score(PythonTests("tests", scoring=scoring, correct=2.0, wrong=-1.0), response, tests)
    share = (fraction or 0) if scoring == "fraction" else float(fraction == 1)
    assert (result.score, result.outcome) == (pytest.approx(-1 + 3 * share), outcome), result
    if fraction is not None:
        assert result.metrics["passed"].score == pytest.approx(fraction)


def test_every_test_is_a_component_that_says_what_was_wrong():
    result = score(PythonTests("tests"), block("print(int(input()) + 1)"), DOUBLE)
    assert {name: (component.score, component.reason) for name, component in result.metrics.items()} == {
        "passed": (1 / 3, "1 of 3 tests passed"),
        "test_1": (1.0, ""),
        "test_2": (0.0, "expected '10', got '6\\n'"),
        "test_3": (0.0, "expected '0', got '1\\n'"),
    }
    assert result.reason == "1 of 3 tests passed; test 2: expected '10', got '6\\n'"
    assert list(score(PythonTests("tests", per_test=False), block("1"), DOUBLE).metrics) == ["passed"]


def test_a_program_that_runs_out_of_time_is_wrong_and_told_so():
    result = score(PythonTests("tests", timeout=1.0, wrong=-1.0), block("n = int(input())\nwhile n > 1: pass\nprint(n * 2)"), DOUBLE)
    assert (result.score, result.outcome) == (-1.0, Outcome.TIMEOUT)
    assert [result.metrics[f"test_{number}"].score for number in (1, 2, 3)] == [1.0, 0.0, 0.0]


def test_a_program_that_needs_too_much_memory_has_crashed():
    result = score(PythonTests("tests", memory_mb=64), block("x = b'x' * (1 << 28)\nprint(int(input()) * 2)"), DOUBLE)
    assert (result.score, result.outcome) == (0.0, Outcome.CRASHED)
    assert "MemoryError" in result.reason


OURS = [
    ({}, "no reference 'tests'"),
    ({"tests": None}, "is empty"),
    ({"tests": []}, "is empty"),
    ({"tests": 5}, "got int"),
    ({"tests": "[1"}, "do not compile"),
    ({"tests": ["assert f("]}, "do not compile"),
    ({"tests": [{"in": 1}]}, "got the test"),
]


@pytest.mark.parametrize(("references", "error"), OURS)
def test_tests_that_cannot_be_read_are_ours_to_answer_for(references, error):
    response = block("def f(): return 1")
    good = Sample("q", response, response, {"tests": ["assert f() == 1"]})
    bad, fine = PythonTests("tests").score([Sample("q", response, response, references), good], [response, response])
    assert (bad.score, bad.outcome) == (None, Outcome.ERROR) and error in bad.error
    assert fine.score == 1.0


def test_a_parser_before_it_is_taken_at_its_word():
    program = 'text = """\n```python\nprint(0)\n```\n"""\nprint(int(input()) * 2)'
    assert score(PythonTests("tests"), "...", DOUBLE, program).score == 1.0
    assert score(PythonTests("tests", wrong=-1.0), "...", DOUBLE, None).outcome is Outcome.UNPARSED
    assert score(PythonTests("tests"), "...", DOUBLE, 5).outcome is Outcome.ERROR


def test_the_function_can_come_from_another_column():
    scorer = PythonTests("tests", function="{{references.entry}}")
    assert scorer.traits.columns == {"tests", "entry"}
    response = block("def double(x): return x * 2")
    [result] = scorer.score([Sample("q", response, response, {"tests": [{"input": [2], "output": 4}], "entry": "double"})], [response])
    assert result.score == 1.0


ENGINES = [
    # engines, program, score, outcome
    (("monty",), "print(int(input()) * 2)", 1.0, "scored"),
    (("monty",), "print(0)", 0.0, "scored"),
    (("monty",), "import heapq\nprint(int(input()) * 2)", None, "unsupported"),
    (("monty", "process"), "import heapq\nprint(int(input()) * 2)", 1.0, "scored"),
    (("process",), "import heapq\nprint(int(input()) * 2)", 1.0, "scored"),
]


@pytest.mark.parametrize(("engines", "program", "wanted", "outcome"), ENGINES)
def test_what_an_engine_lacks_is_no_score_or_the_next_ones_work(engines, program, wanted, outcome):
    pytest.importorskip("pydantic_monty")
    result = score(PythonTests("tests", engines=engines), block(program), DOUBLE)
    assert (result.score, result.outcome) == (wanted, outcome)
    assert outcome != "unsupported" or "module heapq" in result.error


def test_a_batch_is_scored_in_order_while_the_caller_goes_on():
    programs = [block(f"print(int(input()) * {factor})") for factor in (1, 2, 3, 2)]
    samples = [Sample("q", program, program, {"tests": DOUBLE}) for program in programs]
    future = PythonTests("tests").submit(samples, programs)
    assert [result.score for result in future.result()] == [0.0, 1.0, 0.0, 1.0]
    assert PythonTests("tests").score([], []) == []


REFUSED = [
    {"timeout": 0}, {"memory_mb": 0}, {"output_kb": -1}, {"tolerance": -1}, {"engines": ()}, {"engines": ("docker",)}, {"workers": 0},
    {"engines": ("process", "process")}, {"scoring": "some"}, {"function": "{{entry}}"}, {"timout": 1},
]  # fmt: skip


@pytest.mark.parametrize("options", REFUSED, ids=repr)
def test_wrong_options_are_refused_at_construction(options):
    with pytest.raises(ValueError):
        PythonTests("tests", **options)


def test_it_is_a_value_that_can_be_sent_to_a_process():
    scorer = PythonTests("tests", scoring="fraction")
    score(scorer, block("1"), DOUBLE)
    copy = pickle.loads(pickle.dumps(scorer))
    assert copy == scorer and hash(copy) == hash(scorer)
    assert score(copy, block("print(int(input()) * 2)"), DOUBLE).score == 1.0
