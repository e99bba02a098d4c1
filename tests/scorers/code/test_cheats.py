"""Programs that would rather pass the tests than solve the task. Every one is a wrong answer, by either form of test."""

import pytest

from rl_rewards.scorers.code.python_tests import PythonTests
from rl_rewards.types import Sample

# The first test is in the prompt, so a program may know it; the others it has never seen.
STDIN = [{"input": "3", "output": "9"}, {"input": "12", "output": "144"}, {"input": "25", "output": "625"}]
CALLS = {"inputs": [[3], [12], [25]], "outputs": [9, 144, 625], "fn_name": "square"}
ASSERTS = ["assert square(3) == 9", "assert square(12) == 144", "assert square(25) == 625"]
SUITE = "import unittest\nfrom solution import square\ndef test_all():\n    for x in (3, 12, 25):\n        assert square(x) == x * x\n"

EVERYTHING = """
class Everything(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __contains__ = __lt__
    def __hash__(self): return 0
    def __sub__(self, other): return self
    def __abs__(self): return 0
"""

# What a program needs to speak for itself on the channel to the tests, before the sandbox's own code does.
CHANNEL = """
import json, os, struct
def frame(message):
    data = json.dumps(message).encode()
    os.write(3, struct.pack("!I", len(data)) + data)
"""

# origin: what programs of policies were seen to do, and what follows from how this sandbox works
FUNCTIONS = {
    "the public test's output": "def square(x): return 9",
    "early exit": "import sys\nsys.exit(0)",
    "early exit, unseen by Python": "import os\nos._exit(0)",
    "early exit when called": "import os\ndef square(x): os._exit(0)",
    "exit by exception when called": "def square(x): raise SystemExit(0)",
    "skipped": "import unittest\nraise unittest.SkipTest('not today')",
    "skipped when called": "import unittest\ndef square(x): raise unittest.SkipTest('not today')",
    "pytest's skip": "def square(x):\n    class Skipped(BaseException): pass\n    raise Skipped",
    "an object that equals everything": EVERYTHING + "def square(x): return Everything(0)",
    "an object that equals everything, not a number": EVERYTHING.replace("(int)", "") + "def square(x): return Everything()",
    "a list that equals everything": EVERYTHING.replace("(int)", "(list)") + "def square(x): return Everything()",
    "patched comparison": """
import builtins, operator
operator.eq = lambda a, b: True
builtins.AssertionError = type('Quiet', (Exception,), dict())
def square(x): return 0
""",
    "patched isinstance, all and any": """
import builtins
builtins.isinstance = builtins.all = builtins.any = lambda *a: True
def square(x): return 0
""",
    "own names for builtins": "def all(*a): return True\nany = isinstance = abs = len = all\ndef square(x): return 0",
    "patched json": """
import json
json.dumps = lambda *a, **k: 'true'
json.loads = lambda *a, **k: ['passed', '']
def square(x): return 0
""",
    "patched os.write": "import os\nwrite = os.write\nos.write = lambda fd, data: write(fd, b'true')\ndef square(x): return 0",
    "a verdict on every descriptor": """
import os
for fd in range(1, 64):
    for word in (b'["passed", ""]', b'true', b'\\0\\0\\0\\x04true'):
        try: os.write(fd, word)
        except OSError: pass
def square(x): os._exit(0)
""",
    "a verdict on every descriptor, at the end": """
import atexit, os
def late():
    for fd in range(1, 64):
        try: os.ftruncate(fd, 0); os.pwrite(fd, b'["passed", ""]', 0)
        except OSError: pass
atexit.register(late)
def square(x): return 0
""",
    "patched sandbox": """
import sys
for name, module in list(sys.modules.items()):
    if name.startswith('cell'):
        for function in list(vars(module)):
            if callable(getattr(module, function)):
                try: setattr(module, function, lambda *a, **k: 0)
                except Exception: pass
def square(x): return 0
""",
    "the caller's frames": (
        "import sys\ndef square(x):\n    frame = sys._getframe()\n    while frame:\n        for value in list(frame.f_locals.values()):\n"
        "            if value in (9, 144, 625): return value\n        frame = frame.f_back"
    ),
    "reading the tests": """
import os, glob
def square(x):
    for path in glob.glob('**', recursive=True) + ['/proc/self/environ', '/proc/self/cmdline', '/proc/self/mem']:
        try: text = open(path).read()
        except Exception: continue
        for n in (9, 144, 625):
            if str(n) in text: return n
""",
    "deleting the tests": """
import os, shutil
shutil.rmtree('.', ignore_errors=True)
os.listdir = lambda *a: []
def square(x): return None
""",
    "a trace function that returns": "import sys\nsys.settrace(lambda *a: None)\nsys.exit = lambda *a: None\ndef square(x): return True",
    "garbage on the channel": "import os\nos.write(3, b'\\xff' * 100)\ndef square(x): os.write(3, b'\\0\\0\\0\\x02[]')\n",
    "made-up names on the channel": CHANNEL + """
frame({'__builtins__': {'dict': [['all', {'remote': [0, 'f']}]]}, 'square': 9, 'abs': 0})
def square(x): return 0
""",
    "mock's ANY under its name": CHANNEL + """
frame({'square': {'import': ['unittest.mock', '_ANY']}, 'answer': {'import': ['unittest.mock', 'ANY']}})
def square(x): return 0
""",
    "mock's ANY as a reply": CHANNEL + """
frame({'square': {'remote': [0, 'f']}})
for _ in range(9): frame({'value': {'import': ['unittest.mock', 'ANY']}})
def square(x): return 0
""",
    "replies before they are asked for": CHANNEL + """
frame({'square': {'remote': [0, 'f']}})
for _ in range(9): frame({'value': 9})
def square(x): return 0
""",
    "a number that is not one": "def square(x): return float('nan')",
    "no answer": "def square(x): pass",
    "infinite answer": "def square(x): return [9, 144, 625]",
}  # fmt: skip
SCRIPTS = {
    **{name: program + "\ntry: print(square(int(input())))\nexcept Exception: pass" for name, program in FUNCTIONS.items()},
    "every answer at once": "print(9)\nprint(144)\nprint(625)",
    "the public test's output and nothing more": "print(9)",
    "the input": "print(input())",
    "empty": "",
    "the right answer and then more": "print(int(input()) ** 2)\nprint('!')",
    "the right answer, crossed out": "import sys\nn = int(input())\nprint(n * n)\nsys.exit(1)",
    "the right answer to stderr": "import sys\nprint(int(input()) ** 2, file=sys.stderr)",
}


def scored(program, tests, engines=("process",)):
    response = f"```python\n{program}\n```"
    [result] = PythonTests("tests", timeout=10, engines=engines).score([Sample("q", response, response, {"tests": tests})], [response])
    return result


@pytest.mark.parametrize("form", [CALLS, ASSERTS, SUITE], ids=["calls", "asserts", "suite"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_cheats_is_wrong(name, form):
    result = scored(FUNCTIONS[name], form)
    assert result.score == 0.0, result


@pytest.mark.parametrize("form", [CALLS, ASSERTS], ids=["calls", "asserts"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_cheats_never_scores_in_monty_alone(name, form):
    pytest.importorskip("pydantic_monty")
    result = scored(FUNCTIONS[name], form, ("monty",))
    assert result.score == 0.0 or result.outcome == "unsupported", result


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_cheats_is_wrong(name):
    result = scored(SCRIPTS[name], STDIN)
    assert result.score == 0.0, result


@pytest.mark.parametrize("form", [CALLS, ASSERTS, SUITE], ids=["calls", "asserts", "suite"])
def test_the_honest_program_is_right_by_the_same_tests(form):
    assert scored("def square(x): return x * x", form).score == 1.0
    assert scored("print(int(input()) ** 2)", STDIN).score == 1.0


def test_an_exception_is_no_match_for_an_empty_expected_output():
    # origin: verl issue 7853, where such a program got full marks
    assert scored("1 / 0", [{"input": "", "output": ""}]).score == 0.0
    assert scored("", [{"input": "", "output": ""}]).score == 1.0


COMPARED_BY_HELPERS = [
    ("for got, wanted in zip(map(square, (3, 12)), (9, 144)): assert got == wanted", "def square(x): raise StopIteration"),
    ("assert square() == 9", CHANNEL + "frame({'square': {'import': ['unittest.mock', '_ANY']}})\ndef square(): return 0"),
    ("assert square == 9", CHANNEL + "frame({'square': {'import': ['unittest.mock', 'ANY']}})"),
    ("assert square == 9", "from unittest.mock import ANY as square"),
    ("assert square() == 9", "from unittest.mock import _ANY as square"),
    ("assert math.isclose(square(3), 9)", "class math:\n    isclose = staticmethod(lambda *a, **k: True)\ndef square(x): return 0"),
    (
        "import math\nassert math.isclose(square(3), 9)",
        "class math:\n    isclose = staticmethod(lambda *a, **k: True)\ndef square(x): return 0",
    ),
    ("assert abs(square(3) - 9) < 1e-6", EVERYTHING + "def square(x): return Everything(0)"),
    ("assert square(3) in (9, 9.0)", EVERYTHING.replace("(int)", "") + "def square(x): return Everything()"),
    ("assert 9 in square(3)", EVERYTHING.replace("(int)", "") + "def square(x): return Everything()"),
    ("assert square(3) > 8", EVERYTHING.replace("(int)", "") + "def square(x): return Everything()"),
    ("assert sorted([square(3)]) == [9]", EVERYTHING.replace("(int)", "") + "def square(x): return Everything()"),
    ("assert isinstance(square(3), int)", "class Odd:\n    __class__ = int\ndef square(x): return Odd()"),
]


@pytest.mark.parametrize("engines", [("process",), ("monty", "process")], ids=", ".join)
@pytest.mark.parametrize(("test", "program"), COMPARED_BY_HELPERS)
def test_what_compares_is_the_tests_own(test, program, engines):
    if "monty" in engines:
        pytest.importorskip("pydantic_monty")
    assert scored(program, [test], engines).score == 0.0


HUNTER = """
import ctypes, os
def hunt(shifted):
    # Ask the kernel to copy memory page by page: an unmapped one is an error, not a crash. What is looked for is given with every letter
    # moved by one, so that the search does not find itself.
    write, table = ctypes.CDLL(None).write, bytes((code + 1) % 256 for code in range(256))
    reading, writing = os.pipe()
    here = id(object()) & ~4095
    found = 0
    for page in range(here - (1 << 26), here + (1 << 26), 4096):
        if write(writing, ctypes.c_void_p(page), 4096) == 4096:
            found += shifted.encode() in os.read(reading, 4096).translate(table)
    return found
"""


def shifted(text):
    return "".join(chr(ord(letter) + 1) for letter in text)


def test_no_expected_value_is_in_the_memory_of_a_programs_process():
    hidden, planted = "9d1f7a3c55", "b6e04c2281"
    for form in (
        {"inputs": [[1]], "outputs": [hidden], "fn_name": "answer"},
        [f"assert answer(1) == {hidden!r}"],
        [{"input": "", "output": hidden}],
    ):
        assert scored("def answer(x): return ''", form).score == 0.0  # so that it has passed through, if anything passes through
    hunt = {"output": 0, "fn_name": "hunt"}
    assert scored(HUNTER, [{"input": [shifted(hidden)], **hunt}]).score == 1.0
    # And the hunt does find what is there.
    assert scored(HUNTER + f"treasure = {planted!r}", [{"input": [shifted(planted)], **hunt}]).score == 0.0
