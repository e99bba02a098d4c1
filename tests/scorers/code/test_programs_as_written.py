"""Programs as models write them and answers as they give them: preludes, scripts' surroundings, how outputs compare, large work, exact numbers."""

import json

import pytest

from rl_rewards.scorers.code.preludes import LEETCODE, as_prelude, needed
from rl_rewards.scorers.code.python_tests import PythonTests
from rl_rewards.types import Outcome, Sample


def score(program, tests, columns=None, **options):
    options = {"timeout": 20, **options}
    [result] = PythonTests("tests", **options).score([Sample("", program, program, {"tests": tests, **(columns or {})})], [program])
    return result


def call(output, *arguments):
    return [{"input": list(arguments), "output": output, "fn_name": "f"}]


LEETCODE_PROGRAMS = [
    # program, tests
    (
        "class Solution:\n    def f(self, xs: List[int]) -> int:\n        d = deque(xs)\n        return d.popleft() + inf * 0 if False else Counter(xs)[1]",
        call(2, [1, 1]),
    ),
    ("def f(a, b): return gcd(a, b) + heapq.nsmallest(1, [3, 1])[0]", call(3, 4, 2)),
    ("def f(x):\n    @cache\n    def g(n): return n and g(n - 1) + 1\n    return g(x)", call(5, 5)),
    ("def f(x): return datetime.date(2024, 1, x).day + bisect_left([1, 2], 2) + bisect.bisect([1], 1)", call(5, 3)),
    ("def f(head: Optional[ListNode]): return head.next.val", "def check(candidate):\n    assert candidate(list_node([1, 2])) == 2\ncheck(f)"),
    ("def f(x): return ListNode(x, ListNode(2))", "assert is_same_list(f(1), list_node([1, 2]))"),
    ("def f(t: TreeNode): t.left, t.right = t.right, t.left; return t", "assert is_same_tree(f(tree_node([1, 2, 3])), tree_node([1, 3, 2]))"),
    ("from typing import List\nimport collections\ndef f(x: List[int]): return collections.Counter(x)[1]", call(1, [1])),
    ("def merge(a, b): return sorted(a + b)", "assert merge([3], [1]) == [1, 3]"),
    ("def f(x): return string.ascii_lowercase[x] + str(isqrt(9))", call("b3", 1)),
]


@pytest.mark.parametrize(("program", "tests"), LEETCODE_PROGRAMS)
def test_leetcodes_programs_find_what_they_take_for_granted(program, tests):
    assert score(program, tests, prelude="leetcode").score == 1.0, score(program, tests, prelude="leetcode")


@pytest.mark.parametrize("program", ["def f(x): return deque([x])[0]", "from collections import deque\ndef f(x): return deque([x])[0]"])
def test_a_prelude_can_be_text_or_a_column(program):
    tests = call(1, 1)
    assert score(program, tests, prelude="from collections import deque").score == 1.0
    assert score(program, tests, {"start": "from collections import *"}, prelude="{{references.start}}").score == 1.0
    assert score(program, tests, {"start": None}, prelude="{{references.start}}").score == float("import" in program)
    assert PythonTests("tests", prelude="{{references.start}}").traits.columns == {"tests", "start"}


def test_a_stub_in_the_prelude_is_no_answer():
    # origin: HumanEval's column `prompt`, whose functions have a docstring and nothing else
    tests, stub = "def check(candidate):\n    assert candidate(1) == 2\n", "import math\ndef f(x):\n    '''Add one.'''\n"
    columns = {"entry_point": "f", "prompt": stub}
    assert score("def f(x): return x + 1", tests, columns, prelude="{{references.prompt}}").score == 1.0
    assert score("def f(x): return x", tests, columns, prelude="{{references.prompt}}").score == 0.0
    assert score("y = 1", tests, columns, prelude="{{references.prompt}}").score == 0.0


@pytest.mark.parametrize(
    ("prelude", "message"), [("starter", "did you mean '{{references.starter}}'"), ("import (", "compiles"), ("leetcod", "did you mean")]
)
def test_a_prelude_that_is_none_is_refused(prelude, message):
    with pytest.raises(ValueError, match=message.replace("{", "\\{").replace("(", "\\(")):
        PythonTests("tests", prelude=prelude)


def test_a_prelude_that_does_not_run_is_ours():
    for prelude in ("import nothing_of_the_kind as f2", "1 / 0"):
        result = score("def f(x): return f2 and x" if "f2" in prelude else "def f(x): return x", call(1, 1), prelude=prelude)
        assert (result.score, result.outcome) == (None, Outcome.ERROR) and "the prelude does not run" in result.error


def test_of_a_prelude_what_nobody_mentions_stays_away():
    assert needed(LEETCODE, "print(1)") == ""
    assert needed(LEETCODE, "x = deque()") == "from collections import deque"
    assert needed("import a.b, c\nfrom d import *\nX = 1\nclass K: pass\ndef f(): return K", "f()") == (
        "from d import *\nX = 1\nclass K:\n    pass\ndef f():\n    return K"
    )
    assert needed("import a.b, c", "a.b.x") == "import a.b"
    assert as_prelude("leetcode") is LEETCODE


SCRIPTS = [
    # program, stdin, stdout
    ("print(open('/dev/stdin').read().split())", "1 2", "['1', '2']"),
    ("for line in open('/dev/stdin'): print(line.strip())", "a\nb\n", "a\nb"),
    ("import sys\nsys.stdin = open('/dev/stdin')\nprint(input())", "x", "x"),
    ("import os\nfd = os.open('/dev/stdin', os.O_RDONLY)\nprint(os.read(fd, 10).decode())", "x", "x"),
    ("from pathlib import Path\nprint(Path('/dev/stdin').read_text())", "x", "x"),
    ("import fileinput\nfor line in fileinput.input('/dev/stdin'): print(line.strip())", "a\nb", "a\nb"),
    ("import fileinput\nfor line in fileinput.input(): print(line.strip())", "a\nb", "a\nb"),
    ("with open('/dev/stdout', 'w') as out: out.write('x')", "", "x"),
    ("import sys\nprint(len(sys.argv), sys.argv[0] == __file__ or __file__.endswith(sys.argv[0]))", "", "1 True"),
    (
        "import os\nprint(os.path.basename(__file__), os.path.exists(__file__), os.path.dirname(os.path.abspath(__file__)) == os.getcwd())",
        "",
        "solution.py True True",
    ),
    ("print(open(__file__).read().count('print'))", "", "2"),
    ("import inspect\ndef f(): return 1\nprint(inspect.getsource(f).strip())", "", "def f(): return 1"),
    ("from __future__ import annotations\nprint(__name__)", "", "__main__"),
    ("\ufeffprint('x')", "", "x"),
    ("import sys\nprint('x')\nsys.stdout.close()", "", "x"),
    ("import sys\nprint('x')\nwith sys.stdout, sys.stderr:\n    pass", "", "x"),
    ("import sys\nprint('x', flush=True)\nsys.stdout = sys.stderr = None", "", "x"),
    ("import sys\nprint('x', flush=True)\ndel sys.stdout", "", "x"),
    (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY,) * 2)\nsys.setrecursionlimit(10**6)\n"
        "def f(n): return n and f(n - 1) + 1\nprint(f(50_000))",
        "",
        "50000",
    ),
]


@pytest.mark.parametrize(("program", "stdin", "stdout"), SCRIPTS)
def test_a_script_finds_what_a_script_has(program, stdin, stdout):
    result = score(program, [{"input": stdin, "output": stdout}], compare="exact")
    assert result.score == 1.0, result


COMPARED = [
    # expected, printed, lines, tokens, exact, float
    ("1\n2\n", "1\n2", 1, 1, 1, 1),
    ("1 2", "1\n2", 0, 1, 0, 1),
    ("\n\n1\n", "1", 1, 1, 0, 1),
    ("1", "\n \n1\n\n", 1, 1, 0, 1),
    ("1\n\n2", "1\n2", 0, 1, 0, 1),
    ("a  b ", "a b", 1, 1, 0, 1),
    ("0.5", "0.50", 1, 1, 0, 1),
    ("1", "1.0", 0, 0, 0, 1),
    ("1.0", "1", 1, 1, 0, 1),
    ("2", "3", 0, 0, 0, 0),
    ("0.3333333333", "0.33333333331", 1, 1, 0, 1),
    ("yes", "YES", 0, 0, 0, 0),
    ("1 2", "1 2 3", 0, 0, 0, 0),
    ("", "", 1, 1, 1, 1),
    ("", "1", 0, 0, 0, 0),
    ("a\r\nb", "a\nb", 1, 1, 0, 1),
]


@pytest.mark.parametrize(("expected", "printed", "lines", "tokens", "exact", "floats"), COMPARED)
def test_how_outputs_compare_is_an_option(expected, printed, lines, tokens, exact, floats):
    program = f"import sys\nsys.stdout.write({printed!r})"
    found = {compare: score(program, [{"input": "", "output": expected}], compare=compare).score for compare in ("lines", "tokens", "exact", "float")}
    assert found == {"lines": lines, "tokens": tokens, "exact": exact, "float": floats}


ANSWERS = [
    # program, the row's output, right?
    ("from decimal import Decimal\ndef f(): return Decimal(9)", 9, 1), ("from decimal import Decimal\ndef f(): return Decimal('9.50')", 9.5, 1),
    ("from decimal import Decimal\ndef f(): return Decimal('8')", 9, 0), ("from decimal import Decimal\ndef f(): return Decimal('1E+9999')", 9, 0),
    ("from decimal import Decimal\ndef f(): return Decimal('sNaN')", 9, 0), ("from decimal import Decimal\ndef f(): return Decimal('NaN')", float("nan"), 1),
    ("from fractions import Fraction\ndef f(): return Fraction(9)", 9, 1), ("from fractions import Fraction\ndef f(): return Fraction(1, 2)", 0.5, 1),
    ("from fractions import Fraction\ndef f(): return Fraction(1, 3)", 0.3333333333333333, 1), ("from fractions import Fraction\ndef f(): return Fraction(9, 2)", 4, 0),
    ("def f(): return 9 + 0j", 9, 1), ("def f(): return 9 + 1j", 9, 0), ("def f(): return float('nan')", float("nan"), 1), ("def f(): return 0.0", float("nan"), 0),
    ("def f(): return [float('nan'), 1]", [float("nan"), 1], 1), ("def f(): return float('inf')", float("inf"), 1), ("def f(): return True", 1, 1),
    ("from decimal import Decimal\ndef f(): return {Decimal(1): 'a'}", {1: "a"}, 1), ("def f(): return {1.0, 2}", {1, 2}, 1), ("def f(): return {(1.0, 2)}", {(1, 2)}, 1),
    ("def f():\n    x = []\n    for _ in range(150): x = [x]\n    return x", 150, 1), ("def f():\n    x = []\n    for _ in range(800): x = [x]\n    return x", 800, 1),
    ("def f():\n    x = []\n    for _ in range(799): x = [x]\n    return x", 800, 0), ("def f():\n    x = ()\n    for _ in range(5000): x = (x,)\n    return x", 5000, 1),
    ("def f():\n    x = []\n    for _ in range(3000): x = {1: x}\n    return x", 3000, 0),
]  # fmt: skip


@pytest.mark.parametrize(("program", "output", "right"), ANSWERS)
def test_an_answer_is_right_where_python_says_so(program, output, right):
    if isinstance(output, int) and output >= 100:  # levels of lists
        levels, output = output, []
        for _ in range(levels):
            output = [output]
    result = score(program, call(output))
    assert result.score == right, result


LARGE = [
    ("print(len(input()))", [{"input": "x" * 70_000_000, "output": "70000000"}]),
    ("print(len(input()))", [{"input": "x" * 10_000_000, "output": "10000000"}] * 7),
    ("print('x' * int(input()))", [{"input": "1000000", "output": "x" * 1_000_000}] * 80),
    ("print('\\u4e2d' * int(input()))", [{"input": "180000", "output": "\u4e2d" * 180_000}] * 70),
    ("for n in range(200000): print(n)", [{"input": "", "output": "\n".join(map(str, range(200_000)))}]),
    ("print('x' * (15 << 20))", [{"input": "", "output": "x" * (15 << 20)}]),
    ("def f(n): return list(range(n))", call(list(range(300_000)), 300_000)),
    ("def f(xs): return sum(xs)", call(sum(range(500_000)), list(range(500_000)))),
]


@pytest.mark.slow
@pytest.mark.parametrize(("program", "tests"), LARGE, ids=range(len(LARGE)))
def test_large_honest_work_is_not_lost(program, tests):
    result = score(program, tests, memory_mb=1024, timeout=60)
    assert (result.score, result.outcome) == (1.0, Outcome.SCORED), result.reason or result.error


@pytest.mark.parametrize("program", ["print('x' * (1 << 20))", "while True: print('x' * 1000)", "import sys\nsys.stdout.write('x' * 10**6)"])
def test_output_beyond_the_limit_is_too_much(program):
    result = score(program, [{"input": "", "output": "x"}], output_kb=64)
    assert (result.score, result.outcome) == (0.0, Outcome.CRASHED) and result.reason.endswith("too much output"), result


def test_a_return_value_of_too_many_parts_is_too_much():
    result = score("def f(): return [[]] * 3000000", call(1), memory_mb=1024)
    assert (result.score, result.outcome) == (0.0, Outcome.CRASHED) and "too much output" in result.reason, result


FENCES = [
    ("1. Like this:\n    ```python\n    print(2)\n    ```\n2. Done.", 1), ("~~~python\nprint(2)\n~~~", 1), ("So:\n```\nprint(2)\n```", 1), ("```python\nprint(2)", 1),
    ("```python\nprint(2)\n    ```", 1), ("```python\nprint(1)\n```\n```python\nprint(2)\n```", 1), ("```text\n2\n```", 0),
]  # fmt: skip


@pytest.mark.parametrize(("response", "right"), FENCES)
def test_a_program_is_found_in_the_fences_that_models_write(response, right):
    assert score(response, [{"input": "", "output": "2"}]).score == right


def test_json_text_is_read_once_for_all_completions():
    tests = json.dumps([{"input": "1", "output": "2"}])
    samples = [Sample("", program, program, {"tests": tests}) for program in ("print(2)", "print(3)")]
    assert [result.score for result in PythonTests("tests").score(samples, ["print(2)", "print(3)"])] == [1.0, 0.0]
