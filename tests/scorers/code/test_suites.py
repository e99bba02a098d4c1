"""Test programs as data sets write them: they run and judge, they are refused because they check nothing, or they are unsupported by name."""

import pytest

from rl_rewards.scorers.code.python_tests import PythonTests
from rl_rewards.types import Outcome, Sample

RIGHT, WRONG = "def f(x): return x + 1", "def f(x): return x + 99"


def score(program, tests, scorer=None, **columns):
    [result] = (scorer or PythonTests("tests", timeout=20)).score([Sample("", program, program, {"tests": tests, **columns})], [program])
    return result


UNITTEST = "import unittest\nclass T(unittest.TestCase):\n"
FORMS = {
    # origin: HumanEval, its column `entry_point`
    "check(candidate)": ("METADATA = {}\n\ndef check(candidate):\n    assert candidate(1) == 2\n    assert candidate(0) == 1\n", {"entry_point": "f"}),
    "check called by the tests": ("def check(candidate):\n    assert candidate(1) == 2\n\ncheck(f)", {}),
    "a checker of another name": ("def verify(candidate):\n    assert candidate(1) == 2\n", {"entry_point": "f"}),
    "LeetCodeDataset": ("def check(candidate):\n    assert candidate(x = 1) == 2", {"entry_point": "f"}),
    # origin: MBPP
    "a list of asserts": (["assert f(1) == 2", "assert f(5) == 6"], {}),
    "asserts after imports": (["import math", "assert math.isclose(f(1), 2)"], {}),
    "a Python list as text": ("['assert f(1) == 2', 'assert f(5) == 6']", {}),
    "JSON of a text": ('"assert f(1) == 2"', {}),
    "rllm's mapping": ({"functional": "def check(candidate):\n    assert candidate(1) == 2\n\ncheck(f)"}, {}),
    # origin: BigCodeBench, unittest
    "a TestCase": (UNITTEST + "    def test_a(self):\n        self.assertEqual(f(1), 2)", {}),
    "a TestCase and main": (UNITTEST + "    def test_a(self):\n        self.assertEqual(f(1), 2)\nif __name__ == '__main__':\n    unittest.main()", {}),
    "a TestCase and main at the top": (UNITTEST + "    def test_a(self):\n        self.assertEqual(f(1), 2)\nunittest.main()", {}),
    "a TestCase with setUp": (UNITTEST + "    def setUp(self):\n        self.got = f(1)\n    def test_a(self):\n        self.assertEqual(self.got, 2)", {}),
    "a TestCase with subtests": (
        UNITTEST + "    def test_a(self):\n        for given in (1, 2):\n            with self.subTest(given):\n                self.assertEqual(f(given), given + 1)",
        {},
    ),
    "an async TestCase": (
        "import unittest\nclass T(unittest.IsolatedAsyncioTestCase):\n    async def test_a(self):\n        self.assertEqual(f(1), 2)", {},
    ),
    "a runner of its own": (
        UNITTEST + "    def test_a(self):\n        self.assertEqual(f(1), 2)\n"
        "suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)\nunittest.TextTestRunner().run(suite)", {},
    ),
    # origin: pytest
    "a function": ("def test_a():\n    assert f(1) == 2", {}),
    "an import of the solution": ("from solution import f\ndef test_a():\n    assert f(1) == 2", {}),
    "the solution as a module": ("import solution\ndef test_a():\n    assert solution.f(1) == 2", {}),
    "a class": ("class TestF:\n    def test_a(self):\n        assert f(1) == 2", {}),
    "a class with setup": ("class TestF:\n    def setup_method(self):\n        self.x = 1\n    def test_a(self):\n        assert f(self.x) == 2", {}),
    "parametrize": ("import pytest\n@pytest.mark.parametrize('x, y', [(1, 2), (2, 3)])\ndef test_a(x, y):\n    assert f(x) == y", {}),
    "parametrize twice": (
        "import pytest\n@pytest.mark.parametrize('x', [1, 2])\n@pytest.mark.parametrize('y', [1, pytest.param(3, id='three')])\ndef test_a(x, y):\n"
        "    assert f(x) + y == x + 1 + y", {},
    ),
    "a fixture": ("import pytest\n@pytest.fixture\ndef given():\n    yield 1\ndef test_a(given):\n    assert f(given) == 2", {}),
    "a fixture with params": ("import pytest\n@pytest.fixture(params=[1, 2])\ndef x(request):\n    return request.param\ndef test_a(x):\n    assert f(x) == x + 1", {}),
    "a fixture of a fixture": (
        "import pytest\n@pytest.fixture(scope='module')\ndef base():\n    return 1\n@pytest.fixture\ndef x(base):\n    return base\n"
        "def test_a(x):\n    assert f(x) == 2", {},
    ),
    "raises": ("import pytest\ndef test_a():\n    with pytest.raises(TypeError):\n        f('a')\n    assert f(1) == 2", {}),
    "approx": ("import pytest\ndef test_a():\n    assert f(0.1 + 0.2) == pytest.approx(1.3)\n    assert [f(1)] == pytest.approx([2])", {}),
    "a marked function": ("import pytest\n@pytest.mark.slow\ndef test_a():\n    assert f(1) == 2", {}),
    "main of pytest": ("import pytest, sys\ndef test_a():\n    assert f(1) == 2\nif __name__ == '__main__':\n    sys.exit(pytest.main([__file__]))", {}),
    # origin: HumanEval+
    "assertion with a tolerance": (
        "def assertion(out, exp, atol):\n    if out != exp and atol != 0:\n        assert abs(out - exp) < atol\n    else:\n        assert out == exp, f'{out}, {exp}'\n"
        "def check(candidate):\n    for i, (inp, exp) in enumerate(zip([[1], [2]], [2, 3])):\n        assertion(candidate(*inp), exp, 0)\n",
        {"entry_point": "f"},
    ),
    "a reference solution": ("def ref(x): return x + 1\ndef check(candidate):\n    for x in range(5):\n        assert candidate(x) == ref(x)\n", {"entry_point": "f"}),
    # origin: others
    "under a main guard": ("if __name__ == '__main__':\n    assert f(1) == 2\n    print('ok')", {}),
    "an async function": ("async def test_a():\n    assert f(1) == 2", {}),
    "asyncio.run": ("import asyncio\nasync def main():\n    assert f(1) == 2\nasyncio.run(main())", {}),
    "a conditional raise": ("if f(1) != 2:\n    raise ValueError('wrong')", {}),
    "an exit": ("import sys\nif f(1) != 2:\n    print('FAIL')\n    sys.exit(1)", {}),
    "a count of failures": ("failures = 0\nfor given, wanted in ((1, 2), (2, 3)):\n    if f(given) != wanted:\n        failures += 1\nassert failures == 0", {}),
    "a helper that checks": ("def same(given, wanted):\n    assert f(given) == wanted\nfor at in range(3):\n    same(at, at + 1)", {}),
    "a seed by keyword": ("import random\nrandom.seed(a=1)\nfor _ in range(5):\n    x = random.randint(0, 9)\n    assert f(x) == x + 1", {}),
    "a seed": ("import random\nrandom.seed(1)\nfor _ in range(5):\n    x = random.randint(0, 9)\n    assert f(x) == x + 1", {}),
    "a match": ("match f(1):\n    case 2:\n        ok = True\n    case _:\n        ok = False\nassert ok", {}),
    "a list of lambdas": ("checks = [lambda: f(1) == 2]\nassert all(check() for check in checks)", {}),
    "a decorated test": ("def wrap(g): return g\n@wrap\ndef test_a():\n    assert f(1) == 2", {}),
    "a base class of cases": (
        "import unittest\nclass B(unittest.TestCase):\n    def same(self, a, b): self.assertEqual(a, b)\nclass T(B):\n    def test_a(self): self.same(f(1), 2)", {},
    ),
    "assertRaises as a call": (
        UNITTEST + "    def test_a(self):\n        self.assertRaises(TypeError, f, 'a')\n        self.assertEqual(f(1), 2)", {},
    ),
    "numpy's assertions": ("import numpy as np\nnp.testing.assert_allclose(f(1), 2)", {}),
    "self.fail": (UNITTEST + "    def test_a(self):\n        if f(1) != 2:\n            self.fail('wrong')", {}),
    "another right answer": ("try:\n    assert f(1) == 3\nexcept AssertionError:\n    assert f(1) == 2", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_a_form_of_tests_passes_the_right_program_and_no_other(name):
    tests, columns = FORMS[name]
    if "numpy" in str(tests):
        pytest.importorskip("numpy")
    right, wrong = score(RIGHT, tests, **columns), score(WRONG, tests, **columns)
    assert (right.score, right.outcome) == (1.0, Outcome.SCORED), right
    assert wrong.score == 0.0, wrong


VACUOUS = [
    # origin: HumanEval
    "METADATA = {}", "def check(candidate):\n    assert candidate(1) == 2", "def check(candidate):\n    assert True\ncheck(f)",
    "def check(candidate):\n    candidate(1)\ncheck(f)", "def check(candidate):\n    assert (candidate(1) == 2, 'no')\ncheck(f)",
    "def check(candidate):\n    try:\n        assert candidate(1) == 2\n    except Exception:\n        pass\ncheck(f)",
    "def check(candidate):\n    return candidate(1) == 2\ncheck(f)", "def check(candidate):\n    return\n    assert candidate(1) == 2\ncheck(f)",
    "import contextlib\ndef check(candidate):\n    with contextlib.suppress(AssertionError):\n        assert candidate(1) == 2\ncheck(f)",
    # origin: asserts
    "", "# assert f(1) == 2", "assert True", "assert 1 == 1", "x = 2\nassert x == 2", "f(1) == 2", "print(f(1))", "assert 'f(1) == 2'", "assert [f(1) == 2]",
    "assert f(1) == f(1)", "assert f(1) == 2 or True", "assert lambda: f(1) == 2", "assert (f(x) == 2 for x in (1,))", "if False:\n    assert f(1) == 2",
    "assert isinstance(f(1), object)", "assert len([f(1)]) >= 0", "def never():\n    assert f(1) == 2", "for x in []:\n    assert f(x) == 2",
    "while False:\n    assert f(1) == 2", "assert f'{f(1)}'", "__debug__ or f(1)",
    # origin: unittest
    UNITTEST + "    pass", UNITTEST + "    def test_a(self):\n        pass", UNITTEST + "    def test_a(self):\n        self.assertTrue(True)",
    UNITTEST + "    def test_a(self):\n        self.assertEqual(f(1), f(1))", UNITTEST + "    def a(self):\n        self.assertEqual(f(1), 2)",
    UNITTEST + "    @unittest.skip('x')\n    def test_a(self):\n        self.assertEqual(f(1), 2)",
    UNITTEST + "    def test_a(self):\n        self.skipTest('x')\n        self.assertEqual(f(1), 2)",
    UNITTEST + "    @unittest.expectedFailure\n    def test_a(self):\n        self.assertEqual(f(1), 3)", "import unittest\nunittest.main()",
    # origin: pytest
    "def test_a():\n    yield 1\n    assert f(1) == 2", "def test_a():\n    pass", "def test_a():\n    return f(1) == 2", "class Tests_:\n    x = f", "class TestF:\n    def __init__(self): pass\n    def test_a(self):\n        assert f(1) == 2",
    "import pytest\n@pytest.mark.skip(reason='x')\ndef test_a():\n    assert f(1) == 2", "import pytest\n@pytest.mark.xfail\ndef test_a():\n    assert f(1) == 3",
    "import pytest\n@pytest.mark.parametrize('x', [])\ndef test_a(x):\n    assert f(x) == 2", "import pytest\ndef test_a():\n    pytest.skip('x')\n    assert f(1) == 2",
    "import pytest\n@pytest.mark.parametrize('x', [1])\ndef test_a(x):\n    assert x == 1",
    "import pytest\n@pytest.mark.skipif(True, reason='x')\ndef test_a():\n    assert f(1) == 2",
    # origin: async, main
    "async def check():\n    assert f(1) == 2", "async def test_a():\n    f(1)", "async def main():\n    assert f(1) == 2\nmain()",
    "if __name__ == '__main__':\n    print(f(1))", "if __name__ == 'tests':\n    assert f(1) == 2",
    # origin: attack.md H1: text that is no JSON, numbers, empty tests
    '"f(1) == 2"', "[]", "{}", 42, [""], ["", "assert f(1) == 2"], "['f(1)']", {"inputs": [], "outputs": [], "fn_name": "f"}, {"functional": "x = 1"},
]  # fmt: skip


@pytest.mark.parametrize("tests", VACUOUS, ids=repr)
def test_tests_that_check_nothing_are_an_error_of_ours(tests):
    for program in (RIGHT, WRONG, "x = 1"):
        result = score(program, tests)
        assert (result.score, result.outcome) == (None, Outcome.ERROR), result


def test_the_error_names_what_was_looked_for():
    assert "looked for asserts, also under" in score(RIGHT, "f(1)").error
    assert "no test ran: check(candidate) is called by nobody: name the function" in score(RIGHT, VACUOUS[1]).error
    assert "'missing', which is no parameter and no fixture" in score(RIGHT, "def test_a(missing):\n    assert f(1) == 2").error


def test_a_program_cannot_make_its_tests_check_nothing():
    # The tests check what the program gives; one that gives nothing is wrong, and not without a score.
    for tests in ("for x in f(3):\n    assert x < 3", "for x in f(3):\n    assert x < 3\nassert True"):
        assert score("def f(x): return []", tests).score == 0.0
        assert score("def f(x): return range(x)", tests).score == 1.0


UNSUPPORTED = [
    ("from unittest.mock import patch\nwith patch('random.random', return_value=1):\n    assert f(1) == 2", "mock.patch"),
    ("from unittest import mock\nwith mock.patch('random.random'):\n    assert f(1) == 2", "mock.patch"),
    ("def test_a(capsys):\n    f(1)\n    assert capsys.readouterr().out == ''", "capsys"),
    ("def test_a(tmp_path):\n    assert f(1) == 2", "tmp_path"),
    ("import io, sys\nsys.stdout = io.StringIO()\nf(1)\nassert sys.stdout.getvalue() == ''", "sys.stdout"),
    ("open('x', 'w').write('1')\nassert f(1) == 2", "open"),
    ("import os\nf(1)\nassert not os.path.exists('x')", "os.path.exists"),
    ("from os.path import isfile\nassert f(1) == 2 or isfile('x')", "os.path.isfile"),
    ("from tempfile import TemporaryDirectory\nwith TemporaryDirectory() as d:\n    assert f(1) == 2", "tempfile"),
    ("import shutil\nshutil.rmtree('x', True)\nassert f(1) == 2", "shutil"),
    ("import sqlite3\nsqlite3.connect('x')\nassert f(1) == 2", "sqlite3.connect"),
    ("import torch_of_nobody\nassert f(1) == 2", "module torch_of_nobody"),
    ("import pytest\n@pytest.hookimpl\ndef test_a():\n    assert f(1) == 2", "pytest.hookimpl"),
    ("import threading\nt = threading.Thread(target=f, args=(1,))\nt.start()\nt.join()\nassert f(1) == 2", "several threads"),
    ("class Holds:\n    secret = 'what is expected'\nassert f(Holds()) == 2", "their class Holds"),
    ("import io\nassert f(io.StringIO('1')) == 2", "a StringIO"),
    ("class Sub(V):\n    pass\nassert Sub(1) == 2", "inherit from"),
    ("v = V(1)\nassert v.x == 1 and v == 1", "program's class V"),
    ("assert V(1).x == 1 and V(1) < 2", "program's class V"),
]


@pytest.mark.parametrize(("tests", "name"), UNSUPPORTED)
def test_what_cannot_pass_between_the_processes_is_unsupported_by_name(tests, name):
    program = "def f(x): return x + 1\nclass V:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return True\n    def __lt__(self, o): return True"
    result = score(program, tests)
    assert (result.score, result.outcome) == (None, Outcome.UNSUPPORTED) and name in result.error, result


def test_a_name_of_pythons_own_is_the_programs_where_the_tests_are_about_it():
    # origin: MBPP 126, whose task is to write `sum`
    tests = ["assert sum(10, 15) == 6"]
    assert score("def sum(a, b): return 6", tests).score == 1.0
    assert score("def sum(a, b): return 7", tests).score == 0.0
    assert score("def f(x): return x", tests).score == 0.0
    assert score("def abs(x): return 0\ndef f(x): return 5", "assert abs(f(1)) == 0").score == 0.0
