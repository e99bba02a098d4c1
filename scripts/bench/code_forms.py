"""Right programs against their own tests, and tests that test nothing: how python_tests judges each.

    python scripts/bench/code_forms.py ROWS.json [ROWS.jsonl ...] [--prelude leetcode] [--program solutions] [--tests tests]

A file holds rows (a JSON list, or JSONL) of a program that is known to be right and its tests, such as leetcode.json of rllm. Every program must be `right`, or
`unsupported` by name. Of the vacuous tests below, which check nothing, none may pass. Ends with status 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from rl_rewards.scorers.code.python_tests import PythonTests
from rl_rewards.types import Sample

VACUOUS: dict[str, list[str]] = {
    "HumanEval": [
        "def check(candidate):\n    assert candidate(1) == 2",
        "def check(candidate):\n    pass\ncheck(f)",
        "def check(candidate):\n    assert True\ncheck(f)",
        "def check(candidate):\n    candidate(1)\ncheck(f)",
        "def check(candidate):\n    assert (candidate(1) == 2, 'wrong')\ncheck(f)",
        "def check(candidate):\n    return candidate(1) == 2\ncheck(f)",
        "def check(candidate):\n    try:\n        assert candidate(1) == 2\n    except Exception:\n        pass\ncheck(f)",
        "def check(candidate):\n    for given, wanted in []:\n        assert candidate(given) == wanted\ncheck(f)",
        "def check(candidate):\n    return\n    assert candidate(1) == 2\ncheck(f)",
        "METADATA = {}\n",
        "def check(candidate):\n    assert candidate(1) == candidate(1)\ncheck(f)",
        "def check(candidate):\n    assert candidate(1) == 2 or True\ncheck(f)",
    ],
    "asserts": [
        "assert True", "assert 1 == 1", "# assert f(1) == 2", "f(1)", "f(1) == 2", "print(f(1) == 2)", "x = 2\nassert x == 2", "assert 'f(1) == 2'",
        "assert lambda: f(1) == 2", "if False:\n    assert f(1) == 2", "def never():\n    assert f(1) == 2", "assert [f(1) == 2]",
    ],
    "unittest": [
        "import unittest\nclass T(unittest.TestCase):\n    pass",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        pass",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertTrue(True)",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(2, 2)",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        f(1)",
        "import unittest\nclass T(unittest.TestCase):\n    def check_a(self):\n        self.assertEqual(f(1), 2)",
        "import unittest\nclass T(unittest.TestCase):\n    @unittest.skip('later')\n    def test_a(self):\n        self.assertEqual(f(1), 2)",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.skipTest('later')\n        self.assertEqual(f(1), 2)",
        "import unittest\nclass T(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_a(self):\n        self.assertEqual(f(1), 3)",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1), f(1))",
        "import unittest\nclass T(unittest.TestCase):\n    def setUp(self):\n        self.value = f(1)\nunittest.main()",
        "import unittest\nunittest.main()",
    ],
    "pytest": [
        "import pytest", "def test_a():\n    pass", "def test_a():\n    f(1)", "def test_a():\n    return f(1) == 2", "def test_a():\n    assert True",
        "import pytest\n@pytest.mark.skip\ndef test_a():\n    assert f(1) == 2",
        "import pytest\n@pytest.mark.xfail\ndef test_a():\n    assert f(1) == 3",
        "import pytest\n@pytest.mark.parametrize('x', [])\ndef test_a(x):\n    assert f(x) == 2",
        "import pytest\ndef test_a():\n    pytest.skip('later')\n    assert f(1) == 2",
        "class TestF:\n    def __init__(self):\n        pass\n    def test_a(self):\n        assert f(1) == 2",
        "class Checks:\n    def test_a(self):\n        assert f(1) == 2",
        "import pytest\n@pytest.mark.parametrize('x', [1, 2])\ndef test_a(x):\n    assert x > 0",
    ],
    "async and main": [
        "async def check():\n    assert f(1) == 2", "async def test_a():\n    pass", "async def test_a():\n    f(1)", "if __name__ == '__main__':\n    pass",
        "if __name__ == '__main__':\n    print(f(1))", "if __name__ == '__main__':\n    import unittest\n    unittest.main()",
        "if __name__ == 'main':\n    assert f(1) == 2", "import asyncio\nasync def main():\n    f(1)\nasyncio.run(main())",
        "async def test_a():\n    assert True", "async def test_a():\n    return f(1) == 2", "if __name__ != '__main__':\n    assert f(1) == 2",
        "async def main():\n    assert f(1) == 2\nmain()",
    ],
}  # fmt: skip
OTHER_FORMS = {
    "data": [
        "", "   ", "[]", "{}", '[""]', '["", "assert f(1) == 2"]', "42", "null", '"f(1) == 2"', "['f(1) == 2']", "{'inputs': [], 'outputs': [], 'fn_name': 'f'}",
        [{"input": None, "output": None}],
    ]
}  # fmt: skip


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="JSON or JSONL of rows with a right program and its tests")
    parser.add_argument("--prelude", default="leetcode")
    parser.add_argument("--program", default="solutions")
    parser.add_argument("--tests", default="tests")
    parser.add_argument("--show", type=int, default=10, help="how many disagreements to print of each file")
    options = parser.parse_args()
    holds = vacuous_table()
    for path in options.files:
        holds &= right_table(path, options)
    return 0 if holds else 1


def right_table(path: Path, options: argparse.Namespace) -> bool:
    """Score a file's own programs. Whether each is right, or unsupported by name."""
    text = path.read_text(encoding="utf-8")
    rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line.strip()]
    scorer = PythonTests("tests", prelude=options.prelude or None, timeout=30, per_test=False)
    programs = [row[options.program] if isinstance(row[options.program], str) else row[options.program][0] for row in rows]
    samples = [
        Sample("", program, f"```python\n{program}\n```", {**row, "tests": row[options.tests]}) for program, row in zip(programs, rows, strict=True)
    ]
    started = time.perf_counter()
    results = scorer.score(samples, programs)
    seconds = time.perf_counter() - started
    verdicts = ["right" if result.score == 1.0 else "wrong" if result.score is not None else str(result.outcome) for result in results]
    counts = Counter(verdicts)
    print(f"{path.name}: {len(rows)} rows, {', '.join(f'{counts[name]} {name}' for name in sorted(counts))}; {seconds:.1f} s")
    for at in [at for at, verdict in enumerate(verdicts) if verdict != "right"][: options.show]:
        print(f"  row {at} {verdicts[at]}: {(results[at].error or results[at].reason or '')[:200]}")
    return counts["wrong"] == counts["error"] == counts["timeout"] == counts["crashed"] == 0


def vacuous_table() -> bool:
    """Score a wrong program by tests that check nothing. Whether none passes."""
    scorer, program = PythonTests("tests", timeout=10), "def f(x):\n    return x + 99"
    print(f"{'vacuous tests':<16}{'tests':>6}{'passed':>8}{'error':>7}{'wrong':>7}")
    passed = 0
    for name, forms in {**VACUOUS, **OTHER_FORMS}.items():
        results = scorer.score([Sample("", program, program, {"tests": tests}) for tests in forms], [program] * len(forms))
        passes = sum(result.score == 1.0 for result in results)
        errors = sum(result.score is None for result in results)
        print(f"{name:<16}{len(forms):>6}{passes:>8}{errors:>7}{len(forms) - passes - errors:>7}")
        for tests, result in zip(forms, results, strict=True):
            if result.score == 1.0:
                print(f"  passed: {tests!r:.120}")
        passed += passes
    return passed == 0


if __name__ == "__main__":
    sys.exit(main())
